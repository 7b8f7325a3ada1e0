"""Chappe and Synapse in one room, both ways round."""

from __future__ import annotations

import pytest

from tests.federation.conftest import Peer
from tests.federation.synapse import Synapse
from tests.federation.test_rooms import VERSIONS, enter, hears, members
from tests.support import joined, segment, until

pytestmark = pytest.mark.xdist_group("synapse")
_count = iter(range(10_000))


def name(base: str) -> str:
    return f"{base}{next(_count)}"


@pytest.mark.parametrize("version", VERSIONS)
async def test_into_a_room_of_synapse(peer: Peer, synapse: Synapse, version: str) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await synapse.person(name("bob"))
    room = await bob.create_room(preset="public_chat", room_version=version, name="Prefecture", topic="Floods")
    for number in range(3):
        await bob.say(room, f"before {number}")
    await enter(alice, room, synapse)  # type: ignore[arg-type]
    assert (await alice.state(room, "m.room.topic"))["topic"] == "Floods"
    await bob.say(room, "hello from synapse")
    await hears(alice, room, "hello from synapse")
    sent = await alice.say(room, "hello from chappe")
    await hears(bob, room, "hello from chappe")
    await alice.redact(room, sent, "typo")

    async def redacted() -> bool:
        event = await bob.call("GET", f"/rooms/{segment(room)}/event/{segment(sent)}")
        return event["content"] == {}

    await until(redacted)
    await bob.set_state(room, "m.room.name", {"name": "Sub-prefecture"})

    async def renamed() -> bool:
        return (await alice.state(room, "m.room.name"))["name"] == "Sub-prefecture"

    await until(renamed)
    await alice.leave(room)

    async def gone() -> bool:
        return (await members(bob, room)).get(alice.id) == "leave"

    await until(gone)


@pytest.mark.parametrize("version", VERSIONS)
async def test_synapse_comes_into_a_room_of_ours(peer: Peer, synapse: Synapse, version: str) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await synapse.person(name("bob"))
    room = await alice.create_room(preset="public_chat", room_version=version, name="Ministry")
    await alice.say(room, "before")
    await enter(bob, room, here)
    await bob.say(room, "hello from synapse")
    await hears(alice, room, "hello from synapse")
    await alice.say(room, "hello from chappe")
    await hears(bob, room, "hello from chappe")
    await hears(bob, room, "before")
    since = (await alice.sync())["next_batch"]
    await bob.leave(room)

    async def gone() -> bool:
        return (await members(alice, room)).get(bob.id) == "leave"

    await until(gone)
    news = joined(await alice.sync(since=since), room)
    assert news["timeline"]["events"][-1]["content"]["membership"] == "leave"


@pytest.mark.parametrize("version", VERSIONS)
async def test_invitations_both_ways(peer: Peer, synapse: Synapse, version: str) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await synapse.person(name("bob"))
    ours = await alice.create_room(room_version=version, name="Ours", invite=[bob.id])

    async def bob_is_invited() -> bool:
        return ours in (await bob.sync()).get("rooms", {}).get("invite", {})

    await until(bob_is_invited)
    await bob.join(ours)
    await alice.say(ours, "welcome")
    await hears(bob, ours, "welcome")
    theirs = await bob.create_room(room_version=version, name="Theirs", invite=[alice.id])
    shown = (await alice.sync())["rooms"]["invite"][theirs]["invite_state"]["events"]
    assert "Theirs" in [e["content"].get("name") for e in shown]
    await alice.join(theirs)
    await bob.say(theirs, "welcome too")
    await hears(alice, theirs, "welcome too")
    declined = await bob.create_room(room_version=version, invite=[alice.id])
    await alice.leave(declined)
    assert (await members(bob, declined))[alice.id] == "leave"
