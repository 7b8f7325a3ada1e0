"""Rooms that servers share, over real TLS: entering, talking, inviting, leaving, in every family of room versions."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.federation.conftest import Peer
from tests.process import free_port
from tests.support import Person, Refused, Server, bodies, joined, segment, until

VERSIONS = ["1", "6", "10", "11", "12"]


async def hears(person: Person, room: str, text: str, seconds: float = 120) -> None:
    async def look() -> bool:
        try:
            return text in bodies((await person.messages(room, limit=30))["chunk"])
        except Refused:
            return False

    await until(look, seconds)


async def members(person: Person, room: str) -> dict[str, str]:
    answer = await person.call("GET", f"/rooms/{segment(room)}/members")
    return {e["state_key"]: e["content"]["membership"] for e in answer["chunk"]}


async def enter(person: Person, room: str, *via: Server) -> None:
    names = [server.config.server_name for server in via]
    await person.call("POST", f"/join/{segment(room)}", {}, via=names)


async def state_ids(server: Server, room: str) -> dict[str, str]:
    """The room's state as a server has it."""
    live = await server.node.rooms.require(room)
    return {json.dumps(key): event.event_id for key, event in live.state.items()}


async def agree(room: str, *servers: Server) -> dict[str, str]:
    """Waits until all have the same state, and returns it."""

    async def look() -> Any:
        states = [await state_ids(server, room) for server in servers]
        return states[0] if all(s == states[0] for s in states) else None

    try:
        return await until(look)  # type: ignore[no-any-return]
    except AssertionError:
        states = [set((await state_ids(server, room)).items()) for server in servers]
        raise AssertionError([s - set.intersection(*states) for s in states]) from None


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_conversation(peer: Peer, version: str) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat", room_version=version, name="Crisis cell")
    await alice.say(room, "before")
    await enter(bob, room, here)
    assert (await bob.state(room, "m.room.name"))["name"] == "Crisis cell"
    await bob.say(room, "hello from there")
    await hears(alice, room, "hello from there")
    await alice.say(room, "hello from here")
    await hears(bob, room, "hello from here")
    await bob.set_state(room, "m.room.member", {"membership": "join", "displayname": "Bob B."}, bob.id)
    await agree(room, here, there)
    news = joined(await bob.sync(), room)
    assert news["timeline"]["events"][-1]["content"]["displayname"] == "Bob B."
    await bob.leave(room)

    async def gone() -> bool:
        return (await members(alice, room)).get(bob.id) == "leave"

    await until(gone)
    await enter(bob, room, here)  # again, where everything of it is known
    await alice.say(room, "welcome back")
    await hears(bob, room, "welcome back")
    await agree(room, here, there)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_invitation(peer: Peer, version: str) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(name="Cabinet", room_version=version)
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})
    invited = (await bob.sync())["rooms"]["invite"][room]["invite_state"]["events"]
    assert {e["type"]: e for e in invited}["m.room.name"]["content"] == {"name": "Cabinet"}
    await bob.join(room)
    await bob.say(room, "at your service")
    await hears(alice, room, "at your service")
    await agree(room, here, there)


async def test_an_invitation_is_declined_and_another_taken_back(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(invite=[bob.id], is_direct=True)
    since = (await bob.sync())["next_batch"]
    await bob.leave(room)
    assert room in (await bob.sync(since=since))["rooms"]["leave"]
    assert (await members(alice, room))[bob.id] == "leave"
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})
    assert room in (await bob.sync())["rooms"]["invite"]
    await alice.call("POST", f"/rooms/{segment(room)}/kick", {"user_id": bob.id})

    async def taken_back() -> bool:
        return room not in (await bob.sync()).get("rooms", {}).get("invite", {})

    await until(taken_back)
    with pytest.raises(Refused) as refused:
        await bob.join(room)
    assert refused.value.status == 403


@pytest.mark.parametrize("rule", ["public", "restricted"])
async def test_several_people_of_a_server_enter_at_once(peer: Peer, rule: str) -> None:
    """The first one brings the server into the room; whoever waited for it is in the room too, once told so."""
    here, there = await peer(), await peer()
    alice = await here.person("alice")
    people = [await there.person() for _ in range(4)]
    allowed = await alice.create_room(preset="public_chat")
    content = {"join_rule": rule, "allow": [{"type": "m.room_membership", "room_id": allowed}]}
    room = await alice.create_room(initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": content}])
    if rule == "restricted":
        await asyncio.gather(*(enter(person, allowed, here) for person in people))
        await agree(allowed, here, there)  # who lets them in has heard of it
    await asyncio.gather(*(enter(person, room, here) for person in [*people, people[0]]))
    for person in people:
        assert room in (await person.call("GET", "/joined_rooms"))["joined_rooms"]
        await person.say(room, f"{person.id} is in")
    for person in people:
        await hears(alice, room, f"{person.id} is in")


async def test_knocking(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(name="Archive")
    await alice.set_state(room, "m.room.join_rules", {"join_rule": "knock"})
    await bob.call("POST", f"/knock/{segment(room)}", {"reason": "please"}, via=here.config.server_name)
    assert room in (await bob.sync())["rooms"]["knock"]
    assert (await members(alice, room))[bob.id] == "knock"
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})

    async def invited() -> bool:
        return room in (await bob.sync())["rooms"].get("invite", {})

    await until(invited)
    await bob.join(room)
    await agree(room, here, there)


async def test_invited_again_to_a_room_that_everybody_here_has_left(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(name="Old name", invite=[bob.id])
    await bob.join(room)
    await alice.say(room, "first time")
    await hears(bob, room, "first time")
    await bob.leave(room)

    async def gone() -> bool:
        return (await members(alice, room))[bob.id] == "leave"

    await until(gone)
    await alice.set_state(room, "m.room.name", {"name": "New name"})
    await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": bob.id})
    shown = (await bob.call("GET", "/sync", timeout=0))["rooms"]["invite"][room]["invite_state"]["events"]
    by_key = {(e["type"], e["state_key"]): e for e in shown}
    assert by_key["m.room.name", ""]["content"]["name"] == "New name"
    assert by_key["m.room.member", bob.id]["content"]["membership"] == "invite"
    await bob.join(room)
    await alice.say(room, "second time")
    await hears(bob, room, "second time")
    await agree(room, here, there)


async def test_an_invitation_in_sliding_sync(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(name="Cabinet", invite=[bob.id])
    lists = {"all": {"ranges": [[0, 10]], "required_state": [["m.room.name", ""]], "timeline_limit": 1}}
    path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
    answer = await bob.call("POST", path, {"conn_id": "a", "lists": lists})
    assert answer["lists"]["all"]["count"] == 1
    names = [e["content"].get("name") for e in answer["rooms"][room]["invite_state"]]
    assert "Cabinet" in names
    await bob.join(room)
    answer = await bob.call("POST", path, {"conn_id": "b", "lists": lists})
    assert answer["rooms"][room]["name"] == "Cabinet"


async def test_a_room_is_made_though_somebody_cannot_be_invited(peer: Peer) -> None:
    """client-server API, "Creation": the room is there, so the answer is its id, and the others are invited."""
    here, there = await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await there.person("carol")
    await carol.call(
        "PUT",
        f"/user/{segment(carol.id)}/account_data/org.matrix.msc4155.invite_permission_config",
        {"enabled": True, "blocked_users": [alice.id]},
    )
    nobody = f"@nobody:localhost:{free_port()}"
    room = await alice.create_room(invite=[nobody, carol.id, bob.id], name="Cabinet")
    assert await members(alice, room) == {alice.id: "join", bob.id: "invite"}
    assert room in (await bob.sync())["rooms"]["invite"]
    with pytest.raises(Refused):
        await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": nobody})
