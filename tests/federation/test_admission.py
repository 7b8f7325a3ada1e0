"""Doors of membership between two servers, times the questions that the one behind the door asks."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from chappe.homeserver.outbound.federation.client import PeerRefused
from chappe.matrix.signing import SigningKey, sign_json
from tests.doors import FEDERATION, SCENES, as_before, by_address, cells, come_to, reads_of, room_for
from tests.federation.conftest import Peer
from tests.federation.test_rooms import enter, hears
from tests.federation.test_third_party_invites import exchange
from tests.support import Person, Refused, Server, segment, until


async def _exchanged(who: Person, host: Person, room: str) -> None:
    """Their server asks that they be invited: they have proven the address."""
    await by_address(who, host, room)
    row = await host.server.node.database.fetchrow("SELECT token, seed FROM third_party_invites WHERE room_id = $1", room)
    assert row is not None
    own = host.server.config.server_name
    signed = sign_json({"mxid": who.id, "token": row["token"]}, own, SigningKey(row["seed"], "0"))
    content = {"membership": "invite", "third_party_invite": {"display_name": "b...", "signed": signed}}
    event = {"type": "m.room.member", "room_id": room, "sender": host.id, "state_key": who.id, "content": content}
    try:
        await exchange(who.server, host.server, room, event)
    except PeerRefused as refused:
        raise Refused(refused.peer_status or 0, {"errcode": refused.errcode}) from None


async def _is_nowhere(who: Person, to: str, *servers: Server) -> bool:
    return not any([await come_to(server, who.id, to) for server in servers])


ACTS = {name: _exchanged if name.startswith("exchange") else door.act for name, door in FEDERATION.items()}


@pytest.mark.parametrize("door", FEDERATION)
async def test_every_door_between_servers_asks_every_question(peer: Peer, door: str) -> None:
    here, there, way = await peer(), await peer(), FEDERATION[door]
    asked = there if door.startswith("there") else here
    alice = await here.person("alice")
    for number, (_, rule) in enumerate(cells({door: way})):
        bob = await there.person(f"bob{number}")
        room = await room_for(way, bob, alice)
        with as_before(asked):
            await SCENES[rule](asked, bob, alice, room)
            with pytest.raises(Refused) as refused:
                await ACTS[door](bob, alice, room)
            assert refused.value.status in (400, 403, 502), (rule, refused.value)
            assert not await come_to(asked, bob.id, way.to), rule
        await until(partial(_is_nowhere, bob, way.to, here, there))
    bob = await there.person("bob-in")
    room = await room_for(way, bob, alice)
    await ACTS[door](bob, alice, room)
    assert await come_to(asked, bob.id, way.to) == {room}


async def test_rooms_of_other_servers_are_counted(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    with reads_of(there) as counted:
        for _ in range(3):
            await enter(bob, await alice.create_room(preset="public_chat"), here)
        await alice.invite(room := await alice.create_room(), bob)
        await until(lambda: come_to(there, bob.id, "invite"))
        await enter(bob, room, here)
    assert counted == [(bob.id, "rooms", 1)] * 3


async def test_guests_leave_when_another_server_closes_the_room(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(
        preset="private_chat",
        room_version="11",
        initial_state=[{"type": "m.room.join_rules", "content": {"join_rule": "public"}}],
    )
    await enter(bob, room, here)
    await bob.say(room, "here we are")
    await hears(alice, room, "here we are")
    guest = await _guest(there)
    await guest.join(room)
    await alice.set_state(room, "m.room.guest_access", {"guest_access": "forbidden"})

    async def is_out() -> bool:
        return all([(await s.node.rooms.require(room)).membership(guest.id) == "leave" for s in (there, here)])

    await until(is_out)
    assert await come_to(there, guest.id, "join") == set()


async def _guest(server: Server) -> Person:
    anybody = Person(server, {"user_id": "", "device_id": "", "access_token": ""})
    return Person(server, await anybody.call("POST", "/register", {}, kind="guest"))


async def test_a_room_blocked_here_is_entered_from_nowhere(peer: Peer) -> None:
    """The template may have been asked for before the room was blocked."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    accept = here.node.residence.accept

    async def blocked_meanwhile(*arguments: Any) -> Any:
        await here.node.administration.block(room, alice.id, True)
        return await accept(*arguments)

    here.node.residence.accept = blocked_meanwhile  # type: ignore[method-assign]
    with pytest.raises(Refused):
        await bob.call("POST", f"/join/{segment(room)}", {}, via=here.config.server_name)
    assert not await come_to(here, bob.id, "join") and not await come_to(there, bob.id, "join")
