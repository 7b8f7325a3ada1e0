"""Who is out of a room, and may not know it yet: what other servers still tell, and what is believed without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chappe.homeserver.outbound.federation.client import PeerRefused, PeerUnreachable
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote import pdu_queues
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.serving import Serving
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.remote.stored_pdu import REJECTED
from chappe.homeserver.senders.federation import destination
from chappe.matrix.errors import Forbidden
from tests.federation import test_faster_joins
from tests.federation.conftest import Peer
from tests.federation.partition import heal, split
from tests.federation.test_faster_joins import Gate, is_partial
from tests.federation.test_rooms import agree, enter, hears, members
from tests.support import Person, Server, bodies, segment, until

gate = test_faster_joins.gate


async def has_given_up(server: Server, other: Server) -> None:
    """Waits until a server has failed to reach another and leaves it alone, and all that was said so far waits for it."""
    query = """SELECT retry_ts > $2 AND (SELECT position FROM federation_progress WHERE shard = 0) >= $3
                 FROM destinations WHERE server_name = $1"""

    async def look() -> Any:
        node = server.node
        return await node.database.fetchval(query, other.config.server_name, node.now_ms(), node.clock.watermark)

    await until(look)


async def becomes(person: Person, room: str, membership: str) -> None:
    """Waits for what somebody is in a room, as their own server has it."""

    async def look() -> bool:
        live = await person.server.node.rooms.require(room)
        event = live.state.get(("m.room.member", person.id))
        return event is not None and event.membership == membership

    await until(look)


@pytest.mark.parametrize("removal", ["kick", "ban"])
@pytest.mark.parametrize("is_told", [True, False], ids=["told", "of other software"])
async def test_a_removal_is_learnt_though_what_it_follows_is_not_here(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, is_told: bool, removal: str
) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    monkeypatch.setattr(destination, "COLLAPSE_ABOVE", 0)
    if not is_told:
        monkeypatch.setattr(Serving, "_of_its_time", _nothing)
    with split([here], [there]):
        await alice.say(room, "what he was there for")
        await alice.act(removal, room, bob)
        await has_given_up(here, there)
        await alice.say(room, "what he was not")
    await heal(here, there)
    await becomes(bob, room, {"kick": "leave", "ban": "ban"}[removal])
    assert room not in (await bob.call("GET", "/joined_rooms"))["joined_rooms"]
    seen = bodies((await bob.messages(room, limit=30))["chunk"])
    assert ("what he was there for" in seen) == is_told and "what he was not" not in seen


async def _nothing(*_: Any) -> set[str]:
    return set()


async def test_a_removal_that_nobody_explains_is_judged_by_what_is_here(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = await peer(), await peer()
    alice, bob, dave = await here.person("alice"), await there.person("bob"), await there.person("dave")
    room = await bob.create_room(preset="public_chat", power_level_content_override={"users": {alice.id: 50}})
    await dave.join(room)
    await enter(alice, room, there)
    monkeypatch.setattr(destination, "COLLAPSE_ABOVE", 0)
    monkeypatch.setattr(Serving, "_room", _refused)
    with split([here], [there]):
        levels = await bob.state(room, "m.room.power_levels")
        await bob.set_state(room, "m.room.power_levels", {**levels, "ban": 100})
        await alice.say(room, "what is not here")
        await alice.act("ban", room, dave)
        await has_given_up(here, there)
    banned = (await here.node.rooms.require(room)).state["m.room.member", dave.id].event_id
    await heal(here, there)
    store = RemoteStore(there.node.database)

    async def status() -> int | None:
        known = (await store.stored_pdus([banned])).get(banned)
        return known.status if known is not None else None

    assert await until(status) == REJECTED
    assert (await members(bob, room))[dave.id] == "join"


async def _refused(*_: Any) -> Any:
    raise Forbidden("Your server is not in the room")


@pytest.mark.parametrize("how", ["banned", "left alone"])
async def test_members_come_to_who_is_out_or_alone(peer: Peer, gate: Gate, how: str) -> None:
    here, there = await peer(), await peer()
    alice, dave, bob = await here.person("alice"), await here.person("dave"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await dave.join(room)
    await enter(bob, room, here)
    with split([here], [there]):
        await dave.say(room, "who nobody there knows of")
        if how == "banned":
            await alice.act("ban", room, bob)
        await dave.leave(room)
        await alice.leave(room)
    await heal(here, there)
    gate.opened.set()
    await until(lambda: _is_whole(there, room))
    if how == "banned":
        await becomes(bob, room, "ban")
    else:
        expected = {alice.id: "leave", dave.id: "leave", bob.id: "join"}
        await until(lambda: _are_members(bob, room, expected))
        await bob.leave(room)


async def _is_whole(server: Server, room: str) -> bool:
    return not await is_partial(server, room)


async def _are_members(person: Person, room: str, expected: dict[str, str]) -> bool:
    return await members(person, room) == expected


Ask = Callable[[RoomCalls, LiveRoom, str, str], Any]
DOORS: dict[str, Ask] = {
    "state": lambda calls, room, server, event: calls.state(room, server, event),
    "state_ids": lambda calls, room, server, event: calls.state_ids(room, server, event),
    "event_auth": lambda calls, room, server, event: calls.event_auth(room, server, event),
    "event": lambda calls, room, server, event: calls.event(room, server, event),
    "backfill": lambda calls, room, server, event: calls.backfill(room, server, [event], 1),
}


async def test_of_the_time_when_a_server_was_in_the_room_and_of_no_other(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every door for what was: for who was removed, for who was never in, and by who has left."""
    here, there, third = await peer(), await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    before = await alice.say(room, "before")
    await enter(bob, room, here)
    then = await alice.say(room, "then")
    await hears(bob, room, "then")
    await alice.act("kick", room, bob)
    removal = (await here.node.rooms.require(room)).state["m.room.member", bob.id].event_id
    after = await alice.set_state(room, "m.room.topic", {"topic": "after"})
    await becomes(bob, room, "leave")
    live = await there.node.rooms.require(room)

    async def told(asking: Server, door: str, event: str) -> bool:
        node = asking.node
        calls = RoomCalls(node.federation_client, node.domains, node.boundaries)
        try:
            await DOORS[door](calls, live, here.config.server_name, event)
        except PeerRefused as refused:
            assert refused.peer_status == (403 if alice_is_in else 404)
            return False
        return True

    events = (before, then, removal, after)
    for alice_is_in in (True, False):
        if not alice_is_in:
            await alice.leave(room)
        for door in DOORS:
            assert [await told(there, door, event) for event in events] == [False, True, True, False], door
            assert not any([await told(third, door, event) for event in events]), door
    # a domain that was in the room may have been closed to the other server since: nobody of it is there to object any more
    monkeypatch.setattr(here.node.rooms.servers, "may_share_room", lambda server, own: False)
    assert not any([await told(there, door, then) for door in DOORS])


async def test_what_an_event_cites_is_asked_for_again(peer: Peer, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could be asked who it is that speaks: what they say is not lost for that."""
    here, there = await peer(), await peer()
    alice, dave, bob = await here.person("alice"), await here.person("dave"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await dave.join(room)
    await enter(bob, room, here)
    failures, ask = iter(range(2)), RoomCalls.event_auth

    async def event_auth(self: RoomCalls, room: LiveRoom, server: str, event_id: str) -> Any:
        if next(failures, None) is not None:
            raise PeerUnreachable(server, "the wire is cut")
        return await ask(self, room, server, event_id)

    monkeypatch.setattr(RoomCalls, "event_auth", event_auth)
    monkeypatch.setattr(pdu_queues, "FIRST_WAIT", 0.1)
    await dave.say(room, "it is I")
    await hears(bob, room, "it is I")


@pytest.mark.parametrize("how", ["another joins", "they join", "they knock"])
async def test_who_lets_us_in_has_heard_who_left(peer: Peer, how: str) -> None:
    """The last one of here has left, which nobody could be told: the room that they show does not bring them back."""
    here, there = await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await there.person("carol")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    if how == "they knock":
        await alice.set_state(room, "m.room.join_rules", {"join_rule": "knock"})
        await agree(room, here, there)
    with split([here], [there]):
        await bob.leave(room)
        await has_given_up(there, here)
    if how == "another joins":
        await enter(carol, room, here)
    elif how == "they join":
        await enter(bob, room, here)
    else:
        await bob.call("POST", f"/knock/{segment(room)}", {}, via=[here.config.server_name])
    expected = {"another joins": ("leave", "join"), "they join": ("join", None), "they knock": ("knock", None)}[how]
    everybody = await members(alice, room)
    assert (everybody[bob.id], everybody.get(carol.id)) == expected
    assert (room in (await bob.call("GET", "/joined_rooms"))["joined_rooms"]) == (how == "they join")
    if how != "they knock":
        await agree(room, here, there)
