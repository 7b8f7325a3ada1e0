"""Invitations to rooms that nobody here is in are their inviters' word: of each it is asked who says so, to whom, and whether the
room knows of it."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from chappe.config import Limit, Limits
from chappe.homeserver.outbound.federation.client import PeerRefused
from chappe.matrix.events import seal
from chappe.matrix.room_versions import ROOM_VERSIONS
from tests.doors import reads_of
from tests.federation.conftest import Peer
from tests.federation.test_rooms import enter
from tests.support import Person, segment, until

FILTER = "org.matrix.msc4155.invite_permission_config"
VERSION = "11"


def member(sender: Person, target: str, room: str, membership: str) -> tuple[str, dict[str, Any]]:
    """The event as the sender's server signs it, whatever room it is."""
    pdu = {
        "type": "m.room.member",
        "room_id": room,
        "sender": sender.id,
        "state_key": target,
        "content": {"membership": membership},
        "origin_server_ts": 1,
        "depth": 5,
        "prev_events": [f"${secrets.token_urlsafe(16)}"],
        "auth_events": ["$y"],
    }
    name = sender.server.config.server_name
    return seal(pdu, ROOM_VERSIONS[VERSION], name, sender.server.node.domains.signing_key(name)), pdu


async def invites(sender: Person, target: Person, room: str, *shown: dict[str, Any]) -> int:
    """The status of the answer."""
    event_id, pdu = member(sender, target.id, room, "invite")
    body = {"event": pdu, "room_version": VERSION, "invite_room_state": list(shown)}
    path = f"/_matrix/federation/v2/invite/{segment(room)}/{segment(event_id)}"
    own, to = sender.server.config.server_name, target.server.config.server_name
    try:
        await sender.server.node.federation_client.request(own, to, "PUT", path, content=body)
    except PeerRefused as refused:
        return refused.peer_status or 0
    return 200


def stripped(sender: Person, kind: str, content: dict[str, Any], state_key: str = "") -> dict[str, Any]:
    return {"type": kind, "state_key": state_key, "sender": sender.id, "content": content}


async def seen(person: Person, room: str) -> tuple[str, str] | None:
    """Who invites a person to a room, and how it is called, as their clients show it."""
    invited = (await person.call("GET", "/sync", timeout=0)).get("rooms", {}).get("invite", {}).get(room)
    if invited is None:
        return None
    state = {(e["type"], e["state_key"]): e for e in invited["invite_state"]["events"]}
    name = state.get(("m.room.name", ""))
    return state["m.room.member", person.id]["sender"], name["content"]["name"] if name else ""


@pytest.mark.parametrize("before", ["nothing", "a filter"])
async def test_nobody_takes_the_place_of_anothers_invitation(peer: Peer, before: str) -> None:
    here, honest, evil = await peer(), await peer(), await peer()
    bob, alice, mallory = await here.person("bob"), await honest.person("alice"), await evil.person("mallory")
    room = await alice.create_room(preset="private_chat", name="Cabinet", room_version=VERSION)
    await alice.invite(room, bob)
    assert await seen(bob, room) == (alice.id, "Cabinet")
    if before == "a filter":
        rules = {"enabled": True, "blocked_users": [mallory.id]}
        await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/{FILTER}", rules)
    assert await invites(mallory, bob, room, stripped(mallory, "m.room.name", {"name": "Click here"})) == 403
    assert await seen(bob, room) == (alice.id, "Cabinet")
    _, ended = member(mallory, bob.id, room, "leave")
    own, to = evil.config.server_name, here.config.server_name
    body = {"origin": own, "origin_server_ts": 1, "pdus": [ended], "edus": []}
    await evil.node.federation_client.request(own, to, "PUT", "/_matrix/federation/v1/send/1", content=body)
    assert await seen(bob, room) == (alice.id, "Cabinet")
    await bob.join(room)
    assert (await bob.state(room, "m.room.name"))["name"] == "Cabinet"


async def test_a_machine_with_many_ports_invites_no_more_often(peer: Peer) -> None:
    here = await peer(rate_limits_enabled=True, limits=Limits(invited=Limit(1e-6, 3), invited_from=Limit(1e-6, 5)))
    bob, carol = await here.person("bob"), await here.person("carol")
    evil = [await (await peer()).person("mallory") for _ in range(3)]

    async def tries(target: Person) -> list[int]:
        return [
            await invites(mallory, target, f"!{n}for{target.id[1:4]}:{mallory.server.config.server_name}")
            for n in range(2)
            for mallory in evil
        ]

    assert await tries(bob) == [200] * 3 + [429] * 3
    assert 200 not in await tries(carol), "what was refused was counted as well: of anybody by one host"


async def test_one_server_invites_somebody_so_often_and_no_more(peer: Peer) -> None:
    here, evil = await peer(rate_limits_enabled=True), await peer()
    bob, carol, mallory = await here.person("bob"), await here.person("carol"), await evil.person("mallory")
    much = stripped(mallory, "m.room.topic", {"topic": "x" * 60_000})
    statuses = [
        await invites(
            mallory, bob, f"!{n}:{evil.config.server_name}", stripped(mallory, "m.room.name", {"name": "A"}), much, much
        )
        for n in range(40)
    ]
    assert statuses[:20] == [200] * 20 and statuses[-1] == 429
    assert await invites(mallory, carol, f"!0:{evil.config.server_name}") == 200
    raw = (await here.raw("GET", "/_matrix/client/v3/sync?timeout=0", None, bob.token))[1]
    assert len(raw) < 40 * 80_000, "one topic of 60 KB each, and not the second"


async def test_each_invitation_is_judged(peer: Peer) -> None:
    """Also where one stands: by whom it is, and by what the invited person wants now."""
    here, honest = await peer(), await peer()
    bob, alice, carol = await here.person("bob"), await honest.person("alice"), await honest.person("carol")
    room = await alice.create_room(preset="private_chat", name="Cabinet", room_version=VERSION)
    await alice.invite(room, bob)
    assert await invites(carol, bob, room, stripped(carol, "m.room.name", {"name": "Renamed"})) == 200
    assert await seen(bob, room) == (carol.id, "Renamed"), "of the same server: it knows best"
    await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/{FILTER}", {"enabled": True, "blocked_users": [alice.id]})
    assert await invites(alice, bob, room) == 403
    assert await seen(bob, room) == (carol.id, "Renamed")
    await bob.leave(room)
    assert await seen(bob, room) is None


async def test_what_is_shown_to_one_is_not_shown_to_another(peer: Peer) -> None:
    here, honest, evil = await peer(), await peer(), await peer()
    alice, mallory = await honest.person("alice"), await evil.person("mallory")
    room = await alice.create_room(preset="private_chat", name="Cabinet", room_version=VERSION)
    bob = await here.person("bob")
    await alice.invite(room, bob)
    for name in ("aaa", "zzz"):
        other = await here.person(name)
        forged = stripped(mallory, "m.room.member", {"membership": "invite"}, bob.id)
        assert await invites(mallory, other, room, stripped(mallory, "m.room.name", {"name": "Click here"}), forged) == 200
        assert await seen(other, room) == (mallory.id, "Click here")
    assert await seen(bob, room) == (alice.id, "Cabinet")


async def test_an_invitation_that_the_room_does_not_know_hides_no_reader(peer: Peer) -> None:
    here, there, evil = await peer(), await peer(), await peer()
    alice, bob, mallory = await here.person("alice"), await there.person("bob"), await evil.person("mallory")
    with reads_of(there) as counted:
        for _ in range(3):
            room = await alice.create_room(preset="public_chat", room_version=VERSION)
            assert await invites(mallory, bob, room) == 200
            await enter(bob, room, here)
        assert counted == [(bob.id, "rooms", 1)] * 3
        room = await alice.create_room(preset="public_chat", room_version=VERSION)
        await alice.invite(room, bob)

        async def invited() -> bool:
            return await seen(bob, room) is not None

        await until(invited)
        await enter(bob, room, here)
    assert counted == [(bob.id, "rooms", 1)] * 3, "who was invited by the room is not counted"


async def test_a_colleagues_visit_takes_nobodys_invitation_away(peer: Peer) -> None:
    """It is asked about when they come themselves: a forged one is no invitation then either, a true one still is."""
    here, there, evil = await peer(), await peer(), await peer()
    alice, mallory = await here.person("alice"), await evil.person("mallory")
    bob, carol = await there.person("bob"), await there.person("carol")
    forged, true = [await alice.create_room(preset="public_chat", room_version=VERSION) for _ in range(2)]
    assert await invites(mallory, bob, forged) == 200
    await alice.invite(true, bob)

    async def invited() -> bool:
        return await seen(bob, true) is not None

    await until(invited)
    with reads_of(there) as counted:
        for room in (forged, true):
            await enter(carol, room, here)
            await carol.call("POST", f"/rooms/{segment(room)}/leave", {})
            await enter(bob, room, here)
    assert counted == [(carol.id, "rooms", 1), (bob.id, "rooms", 1), (carol.id, "rooms", 1)]


async def test_who_waits_for_anothers_join_is_counted_once(peer: Peer) -> None:
    """Their own join is judged again when the first one's is done."""
    here, far = await peer(), await peer()
    alice, bob, owner = await here.person("alice"), await here.person("bob"), await far.person("owner")
    room = await owner.create_room(preset="public_chat", room_version=VERSION)
    with reads_of(here) as counted:
        await asyncio.gather(enter(alice, room, far), enter(bob, room, far))
    assert sorted(counted) == [(alice.id, "rooms", 1), (bob.id, "rooms", 1)]
