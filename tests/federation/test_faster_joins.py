"""Rooms that can be used before all their members are here (MSC3706, MSC3902)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chappe.homeserver.database.clock import Commit
from chappe.homeserver.outbound.federation.client import PeerRefused, PeerUnreachable
from chappe.homeserver.rooms.remote import completing, serving
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.completing import Completing
from chappe.homeserver.rooms.remote.pdu_queues import PduQueues
from chappe.matrix.errors import MatrixError
from tests.federation.conftest import Peer
from tests.federation.test_rooms import agree, enter, hears, members
from tests.support import Person, Refused, Server, bodies, joined, segment, until


class Gate:
    """Holds back the members of a room until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.failures = 0
        self.asked = 0


@pytest_asyncio.fixture
async def gate(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gate]:
    """Every room counts as large; who asks for its members waits."""
    held, fetch = Gate(), RoomCalls.whole_state

    async def whole_state(self: RoomCalls, room: Any, server: str, event_id: str) -> Any:
        held.asked += 1
        await held.opened.wait()
        if held.failures:
            held.failures -= 1
            raise PeerUnreachable(server, "it is tired")
        return await fetch(self, room, server, event_id)

    monkeypatch.setattr(serving, "LARGE_ROOM", 1)
    monkeypatch.setattr(serving, "HEROES", 1)
    monkeypatch.setattr(completing, "FIRST_WAIT", 0.1)
    monkeypatch.setattr(RoomCalls, "whole_state", whole_state)
    yield held
    held.opened.set()


async def large_room(here: Server, **options: Any) -> tuple[Person, list[Person], str]:
    """Alice's, with five others in it."""
    alice = await here.person("alice")
    room = await alice.create_room(preset="public_chat", name="Assembly", **options)
    others = [await here.person() for _ in range(5)]
    for person in others:
        await person.join(room)
    return alice, others, room


async def is_partial(server: Server, room: str) -> bool:
    return (await server.node.rooms.require(room)).is_partial


@pytest.mark.parametrize("version", ["6", "11", "12"])
async def test_said_and_heard_before_the_members_are_here(peer: Peer, gate: Gate, version: str) -> None:
    here, there = await peer(), await peer()
    alice, others, room = await large_room(here, room_version=version)
    bob, carol = await there.person("bob"), await there.person("carol")
    since = (await bob.sync(filter={"room": {"state": {"lazy_load_members": True}}}))["next_batch"]
    await enter(bob, room, here)
    assert await is_partial(there, room)
    live = await there.node.rooms.require(room)
    assert len(live.joined) < 7 and (await bob.state(room, "m.room.name"))["name"] == "Assembly"
    await bob.say(room, "first words")
    await hears(alice, room, "first words")
    for number, person in enumerate(others):
        await person.say(room, f"welcome {number}")
    for number in range(5):
        await hears(bob, room, f"welcome {number}")  # though nothing was known of who says so
    await others[0].leave(room)
    await alice.act("kick", room, others[1])
    await bob.set_state(room, "m.room.member", {"membership": "join", "displayname": "Bob B."}, bob.id)
    await carol.join(room)
    lazy = await bob.sync(since=since, filter={"room": {"state": {"lazy_load_members": True}}})
    assert "welcome 4" in bodies(joined(lazy, room)["timeline"]["events"])
    assert joined(await carol.sync(), room) is None, "who wants all members is shown the room once they are here"
    asked = asyncio.create_task(members(bob, room))
    await asyncio.sleep(0.2)
    assert not asked.done(), "whoever asks for the members waits for them"
    assert await is_partial(there, room)
    gate.opened.set()
    everybody = await asked
    expected = {alice.id: "join", bob.id: "join", carol.id: "join", others[0].id: "leave", others[1].id: "leave"}
    assert everybody == {**{p.id: "join" for p in others}, **expected}
    assert not await is_partial(there, room)
    await agree(room, here, there)
    after = await bob.sync(filter={"room": {"state": {"lazy_load_members": True}}})
    assert joined(after, room)["summary"]["m.joined_member_count"] == 6
    assert others[4].id in after["device_lists"]["changed"], "an encrypting client must ask for their devices"
    whole = joined(await carol.sync(), room)
    shown = {e["state_key"] for part in ("state", "timeline") for e in whole[part]["events"] if e["type"] == "m.room.member"}
    assert shown >= {alice.id, bob.id, *(p.id for p in others[2:])}
    fresh = joined(await bob.call("GET", "/sync"), room)
    then = {(e["type"], e["state_key"]): e["event_id"] for e in fresh["state"]["events"]}
    then |= {(e["type"], e["state_key"]): e["event_id"] for e in fresh["timeline"]["events"] if "state_key" in e}
    now = await bob.call("GET", f"/rooms/{segment(room)}/state")
    assert then == {(e["type"], e["state_key"]): e["event_id"] for e in now}
    await bob.say(room, "all here")
    await hears(alice, room, "all here")
    await agree(room, here, there)


async def test_whoever_hears_that_the_room_is_whole_reads_it_so(peer: Peer, gate: Gate) -> None:
    """Who waits for news is woken with the commit: the room as it was in memory before has not the members that it tells of."""
    here, there = await peer(), await peer()
    _, _, room = await large_room(here)
    bob = await there.person("bob")
    await enter(bob, room, here)
    live = await there.node.rooms.require(room)
    as_before = []

    def heard(commit: Commit) -> None:
        if bob.id in commit.users:
            as_before.append(live.is_partial and not live.stale)

    there.node.clock.listen(heard)
    gate.opened.set()

    async def is_whole() -> bool:
        return not await is_partial(there, room)

    await until(is_whole)
    assert as_before and not any(as_before)


async def test_every_state_since_the_join_has_the_members(peer: Peer, gate: Gate) -> None:
    """What was known of the past is no different from what a server knows that had waited."""
    here, there, other = await peer(), await peer(), await peer()
    alice, others, room = await large_room(here)
    bob = await there.person("bob")
    await enter(bob, room, here)
    for number in range(3):
        await bob.set_state(room, "m.room.member", {"membership": "join", "displayname": f"Bob {number}"}, bob.id)
        await others[number].set_state(
            room, "m.room.member", {"membership": "join", "displayname": f"{number}"}, others[number].id
        )
        await others[3].say(room, f"after {number}")
        await hears(bob, room, f"after {number}")
    gate.opened.set()
    await agree(room, here, there)
    node = there.node
    rows = await node.database.fetch("SELECT event_id, state_before FROM events WHERE position > 0 AND state_key IS NULL")
    assert len(rows) >= 3
    for row in rows:
        state, _ = await node.serving.ids_of_state(*await node.serving.at(here.config.server_name, room, row["event_id"]))
        theirs = here.node.serving
        at_home = await theirs.at(there.config.server_name, room, row["event_id"])
        assert set(state) == set((await theirs.ids_of_state(*at_home))[0])
    dora = await other.person("dora")
    await enter(dora, room, there)  # through the one that came in last
    await agree(room, here, there, other)


async def test_the_members_come_after_failures_and_a_restart(peer: Peer, gate: Gate) -> None:
    here, there = await peer(), await peer()
    _, others, room = await large_room(here)
    bob = await there.person("bob")
    await enter(bob, room, here)
    assert await is_partial(there, room)
    await there.stop()
    gate.failures = 2
    gate.opened.set()
    again = Server(there.config, there.data, there.url)
    await again.start()
    try:

        async def is_whole() -> bool:
            return not await is_partial(again, room)

        await until(is_whole)
        assert gate.asked >= 3
        assert {p.id for p in others} <= (await again.node.rooms.require(room)).joined.keys()
        assert await again.node.database.fetchval("SELECT count(*) FROM partial_rooms") == 0
    finally:
        await again.stop()


async def test_the_members_are_asked_of_who_is_known_to_be_there(
    peer: Peer, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that let us in says nothing more, and is no longer believed about the others."""
    here, there, third = await peer(), await peer(), await peer()
    _, others, room = await large_room(here)
    bob, carol = await there.person("bob"), await third.person("carol")
    gate.opened.set()
    await enter(carol, room, here)
    await until(lambda: _whole(third, room))
    silent, fetch = {here.config.server_name, third.config.server_name}, RoomCalls.whole_state

    async def whole_state(self: RoomCalls, room: Any, server: str, event_id: str) -> Any:
        if server in silent:
            raise PeerUnreachable(server, "it says nothing")
        return await fetch(self, room, server, event_id)

    monkeypatch.setattr(RoomCalls, "whole_state", whole_state)
    monkeypatch.setattr(completing, "BELIEVED_FOR", 1)
    monkeypatch.setattr(completing, "LONGEST_WAIT", 0.2)
    await enter(bob, room, here)

    async def believes_one() -> bool:
        return (await there.node.rooms.require(room)).partial_servers == {here.config.server_name}

    await until(believes_one)
    named = {"membership": "join", "displayname": "Carol C."}
    await carol.set_state(room, "m.room.member", named, carol.id)
    silent.discard(third.config.server_name)
    await until(lambda: _whole(there, room))
    assert {p.id for p in others} <= (await there.node.rooms.require(room)).joined.keys()


async def test_a_server_that_is_still_entering_sends_others_elsewhere(peer: Peer, gate: Gate) -> None:
    here, there, other = await peer(), await peer(), await peer()
    alice, others, room = await large_room(here)
    bob, dora = await there.person("bob"), await other.person("dora")
    await enter(bob, room, here)
    with pytest.raises(Refused) as refused:
        await enter(dora, room, there)
    assert (refused.value.status, refused.value.errcode) == (404, "M_NOT_FOUND")
    with pytest.raises(MatrixError) as late:
        await there.node.completing.await_all_members(await there.node.rooms.require(room), 0.05)
    assert (late.value.status, late.value.errcode) == (504, "M_UNABLE_DUE_TO_PARTIAL_STATE")
    kick = asyncio.create_task(bob.call("POST", f"/rooms/{segment(room)}/kick", {"user_id": others[0].id}))
    await enter(dora, room, there, here)  # the second one that was named lets her in
    gate.opened.set()
    with pytest.raises(Refused) as refused:
        await kick
    assert refused.value.status == 403, "he may not, and not for want of members"
    await agree(room, here, there, other)


LAZILY = {"lazy_load_members": True}


async def lists(person: Person) -> dict[str, Any]:
    body = {"lists": {"all": {"ranges": [[0, 9]], "timeline_limit": 20, "required_state": [["m.room.member", "$LAZY"]]}}}
    answer = await person.call("POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", body)
    return answer["rooms"]  # type: ignore[no-any-return]


def members_in(events: list[Any]) -> list[str]:
    return [e["state_key"] for e in events if e["type"] == "m.room.member"]


async def test_who_speaks_is_told_with_what_they_say(peer: Peer, gate: Gate) -> None:
    """client-server API, "Lazy-loading room members": by every reader, though the room's members are not here yet."""
    here, there = await peer(), await peer()
    _, others, room = await large_room(here)
    bob = await there.person("bob")
    await enter(bob, room, here)
    first = others[3], others[4]
    await bob.sync(filter={"room": {"state": LAZILY}})
    for person in first:
        await person.say(room, f"I am {person.id}")
    await hears(bob, room, f"I am {first[1].id}")
    assert await is_partial(there, room)
    wanted = {person.id for person in first}
    news = joined(await bob.sync(filter={"room": {"state": LAZILY}}), room)
    assert set(members_in(news["state"]["events"])) >= wanted
    await others[3].say(room, "once more")
    await hears(bob, room, "once more")
    news = joined(await bob.sync(filter={"room": {"state": LAZILY}}), room)
    assert members_in(news["state"]["events"]) == [], "once is enough"
    whole = joined(await bob.call("GET", "/sync", filter=json.dumps({"room": {"state": LAZILY}})), room)
    assert set(members_in(whole["state"]["events"])) >= wanted
    page = await bob.messages(room, limit=20, filter=json.dumps(LAZILY))
    assert set(members_in(page["state"])) >= wanted
    said = next(e["event_id"] for e in page["chunk"] if e["content"].get("body") == "once more")
    around = await bob.call("GET", f"/rooms/{segment(room)}/context/{segment(said)}", limit=10, filter=json.dumps(LAZILY))
    assert set(members_in(around["state"])) >= wanted
    assert set(members_in((await lists(bob))[room]["required_state"])) >= wanted
    assert await is_partial(there, room)


async def test_who_types_and_reads_is_told_though_nobody_knows_them_yet(peer: Peer, gate: Gate) -> None:
    here, there, third = await peer(), await peer(), await peer()
    _, others, room = await large_room(here)
    bob, stranger = await there.person("bob"), await third.person("stranger")
    await enter(bob, room, here)
    said = await bob.say(room, "who is there?")
    await hears(others[2], room, "who is there?")
    live = await there.node.rooms.require(room)
    assert others[2].id not in live.joined and others[3].id not in live.joined
    await others[2].receipt(room, said)
    await others[3].call("PUT", f"/rooms/{segment(room)}/typing/{segment(others[3].id)}", {"typing": True, "timeout": 60_000})

    async def both() -> bool:
        told = joined(await bob.call("GET", "/sync", filter=json.dumps({"room": {"state": LAZILY}})), room)
        content = {event["type"]: event["content"] for event in told["ephemeral"]["events"]}
        typing = content.get("m.typing", {}).get("user_ids", [])
        return others[3].id in typing and others[2].id in content.get("m.receipt", {}).get(said, {}).get("m.read", {})

    await until(both)
    edu = {"edu_type": "m.typing", "content": {"room_id": room, "user_id": stranger.id, "typing": True}}
    body = {"origin": third.config.server_name, "origin_server_ts": 1, "pdus": [], "edus": [edu]}
    names = third.config.server_name, there.config.server_name
    await third.node.federation_client.request(*names, "PUT", "/_matrix/federation/v1/send/1", content=body)
    assert stranger.id not in there.node.typing.users(live.nid), "of servers that are in the room, no others"
    assert await is_partial(there, room)


UNABLE = (403, "ORG.MATRIX.MSC3895_UNABLE_DUE_TO_PARTIAL_STATE")
NOT_NOW = (404, "M_NOT_FOUND")


async def test_what_a_server_that_is_still_entering_cannot_answer(peer: Peer, gate: Gate) -> None:
    """MSC3895; that nobody is let in meanwhile is said with the codes of a server that is not in the room."""
    here, there = await peer(), await peer()
    alice, others, room = await large_room(here)
    bob = await there.person("bob")
    await enter(bob, room, here)
    said = await bob.say(room, "first words")
    await hears(alice, room, "first words")
    assert await is_partial(there, room)
    r, e, somebody = segment(room), segment(said), segment(others[0].id)
    asked = {
        f"state/{r}?event_id={e}": UNABLE,
        f"state_ids/{r}?event_id={e}": UNABLE,
        f"backfill/{r}?v={e}&limit=5": UNABLE,
        f"timestamp_to_event/{r}?ts=0&dir=f": UNABLE,
        f"event_auth/{r}/{e}": None,
        f"event/{e}": None,
        f"make_join/{r}/{somebody}?ver=12": NOT_NOW,
        f"make_knock/{r}/{somebody}?ver=12": NOT_NOW,
        f"make_leave/{r}/{somebody}": NOT_NOW,
    }
    answers: dict[str, Any] = {}
    for path in asked:
        names = here.config.server_name, there.config.server_name
        try:
            await here.node.federation_client.get(*names, f"/_matrix/federation/v1/{path}")
            answers[path] = None
        except PeerRefused as refused:
            answers[path] = refused.peer_status, refused.errcode
    assert answers == asked


async def test_a_gap_waits_for_the_members(peer: Peer, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state at a gap is asked for once the room is whole; then nothing is lost."""
    here, there = await peer(), await peer()
    alice, others, room = await large_room(here)
    bob = await there.person("bob")
    await enter(bob, room, here)
    sender = here.node.federation_sender
    await here.node.database.execute("UPDATE destinations SET retry_ts = $1", 1 << 60)
    for number in range(5):
        await others[number].say(room, f"missed {number}")
    await here.node.database.execute("DELETE FROM federation_queue")
    await here.node.database.execute("UPDATE destinations SET retry_ts = 0")
    await alice.say(room, "and now")
    await sender.retry(there.config.server_name)
    await hears(bob, room, "and now")
    gate.opened.set()
    for number in range(5):
        await hears(bob, room, f"missed {number}")
    await agree(room, here, there)


async def test_what_depends_on_members_not_known_yet_is_left_to_others(peer: Peer, gate: Gate) -> None:
    """Where one must have been there to read, a server that is still entering gives an event to nobody whom it does not know."""
    here, there, third = await peer(), await peer(), await peer()
    rule = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    alice, _, room = await large_room(here, initial_state=[rule])
    carol, bob = await third.person("carol"), await there.person("bob")
    await enter(carol, room, here)
    gate.opened.set()
    await until(lambda: _whole(third, room))
    gate.opened.clear()
    await enter(bob, room, here)
    assert await is_partial(there, room)
    said = await alice.say(room, "for those who are here")
    await hears(bob, room, "for those who are here")

    async def asked() -> Any:
        names = third.config.server_name, there.config.server_name
        try:
            answer = await third.node.federation_client.get(*names, f"/_matrix/federation/v1/event/{segment(said)}")
        except PeerRefused as error:
            return error.peer_status
        return answer["pdus"][0]["content"].get("body")

    assert await asked() == 404
    gate.opened.set()
    await until(lambda: _whole(there, room))
    assert await asked() == "for those who are here"


async def _whole(server: Server, room: str) -> bool:
    return not await is_partial(server, room)


async def test_what_comes_while_the_members_are_written_loses_none_of_them(
    peer: Peer, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that was looked at by the states without them is looked at again: its state must not become the room's."""
    here, there = await peer(), await peer()
    alice, others, room = await large_room(here)
    bob = await there.person("bob")
    await enter(bob, room, here)
    write_whole, without_content = Completing._whole_states, PduQueues._without_content
    arrived = asyncio.Event()

    async def meanwhile(self: Completing, *arguments: Any) -> Any:
        if not arrived.is_set():
            await others[3].say(room, "in between")
            await until(arrived.is_set)  # it waits for the room's lock
        return await write_whole(self, *arguments)

    async def noted(self: PduQueues, events: Any) -> Any:
        result = await without_content(self, events)
        arrived.set()
        return result

    monkeypatch.setattr(Completing, "_whole_states", meanwhile)
    monkeypatch.setattr(PduQueues, "_without_content", noted)
    gate.opened.set()
    await until(lambda: _whole(there, room))
    await hears(bob, room, "in between")
    await agree(room, here, there)
    assert {p.id for p in others} <= (await there.node.rooms.require(room)).joined.keys()
    await alice.set_state(room, "m.room.topic", {"topic": "and on"})
    await agree(room, here, there)


async def test_who_was_removed_before_the_members_came_has_them_on_their_return(
    peer: Peer, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are asked for at once, however long the next attempt was put off while nobody told them."""
    monkeypatch.setattr(completing, "FIRST_WAIT", 3600.0)
    here, there = await peer(), await peer()
    alice, others, room = await large_room(here)
    bob = await there.person("bob")
    await enter(bob, room, here)
    await alice.act("kick", room, bob)

    async def is_out() -> bool:
        return bob.id not in (await there.node.rooms.require(room)).joined

    await until(is_out)
    gate.failures = 1  # whoever is out of the room is told nothing
    gate.opened.set()
    await until(lambda: gate.failures == 0)
    await alice.say(room, "behind his back")
    await enter(bob, room, here)
    await alice.say(room, "welcome back")
    await hears(bob, room, "welcome back")
    await until(lambda: _whole(there, room))
    await agree(room, here, there)
    assert {p.id for p in others} <= (await there.node.rooms.require(room)).joined.keys()
