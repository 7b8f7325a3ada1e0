"""Servers that do not hear each other for a while: what both sides said and decided comes together again."""

from __future__ import annotations

import asyncio

import pytest

from tests.federation.conftest import Peer
from tests.federation.partition import heal, split
from tests.federation.synapse import Synapse
from tests.federation.test_history import everything
from tests.federation.test_rooms import agree, enter, hears
from tests.federation.test_synapse import name
from tests.support import Person, until


async def said_everywhere(room: str, texts: set[str], *people: Person) -> None:
    for person in people:

        async def look(person: Person = person) -> bool:
            # who reads thousands of events all the time holds up what is waited for
            await person.server.node.pdu_queues.settled()
            return set(await everything(person, room)) >= texts

        await until(look, 300)


@pytest.mark.parametrize("version", ["1", "6", "11", "12"])
async def test_both_sides_go_on(peer: Peer, version: str) -> None:
    here, there, third = await peer(), await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await third.person("carol")
    room = await alice.create_room(preset="public_chat", room_version=version)
    await enter(bob, room, here)
    await enter(carol, room, there)
    await agree(room, here, there, third)
    levels = await alice.state(room, "m.room.power_levels")
    levels["users"][bob.id] = 50
    await alice.set_state(room, "m.room.power_levels", levels)
    await agree(room, here, there, third)
    texts = set()
    with split([here], [there, third]):
        for n in range(60):
            await alice.say(room, f"here {n}")
            await bob.say(room, f"there {n}")
            texts |= {f"here {n}", f"there {n}"}
            if n % 10 == 0:
                await alice.set_state(room, "m.room.topic", {"topic": f"here {n}"})
                await bob.set_state(room, "m.room.topic", {"topic": f"there {n}"})
                await bob.set_state(room, "m.room.name", {"name": f"there {n}"})
        dave = await here.person("dave")
        await dave.join(room)
        erin = await there.person("erin")
        await erin.join(room)
    await heal(here, there, third)
    await alice.say(room, "together again")
    await carol.say(room, "at last")
    await said_everywhere(room, texts | {"together again", "at last"}, alice, carol)
    state = await agree(room, here, there, third)
    assert state
    for server in (here, there, third):
        live = await server.node.rooms.require(room)
        assert live.membership(erin.id) == "join" and live.membership(dave.id) == "join"
    await carol.say(room, "one more")
    await hears(alice, room, "one more")
    assert len((await here.node.rooms.require(room)).forward_extremities) <= 2


async def test_a_ban_on_one_side_beats_what_the_banned_did_on_the_other(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    levels = await alice.state(room, "m.room.power_levels")
    levels["users"][bob.id] = 50
    await alice.set_state(room, "m.room.power_levels", levels)
    await agree(room, here, there)
    with split([here], [there]):
        await alice.act("ban", room, bob)
        await bob.set_state(room, "m.room.topic", {"topic": "mine now"})
        since = (await alice.sync())["next_batch"]
    await heal(here, there)
    await agree(room, here, there)
    live = await there.node.rooms.require(room)
    assert ("m.room.topic", "") not in live.state and live.membership(bob.id) == "ban"
    timeline = (await alice.sync(since=since)).get("rooms", {}).get("join", {}).get(room, {})
    assert all(e["type"] != "m.room.topic" for e in timeline.get("timeline", {}).get("events", []))


async def test_what_a_client_is_told_when_resolution_changes_the_state(peer: Peer) -> None:
    """An increment with `state_after` equals a fresh look, whatever resolution has done."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    levels = await alice.state(room, "m.room.power_levels")
    levels["users"][bob.id] = 50
    await alice.set_state(room, "m.room.power_levels", levels)
    await agree(room, here, there)
    since = (await bob.sync(use_state_after="true"))["next_batch"]
    with split([here], [there]):
        await bob.set_state(room, "m.room.topic", {"topic": "first"})
        await asyncio.sleep(0.01)
        await alice.set_state(room, "m.room.topic", {"topic": "second"})
        await alice.set_state(room, "m.room.join_rules", {"join_rule": "invite"})
        since = (await bob.sync(since=since, use_state_after="true"))["next_batch"]
    await heal(here, there)
    state = await agree(room, here, there)
    increment = await bob.sync(5000, since=since, use_state_after="true")
    fresh = await bob.call("GET", "/sync", use_state_after="true", timeout=0)
    told = {(e["type"], e["state_key"]): e["event_id"] for e in increment["rooms"]["join"][room]["state_after"]["events"]}
    whole = {(e["type"], e["state_key"]): e["event_id"] for e in fresh["rooms"]["join"][room]["state_after"]["events"]}
    assert set(whole.values()) == set(state.values())
    assert told.items() <= whole.items()
    assert told.get(("m.room.topic", "")) == whole["m.room.topic", ""]


@pytest.mark.xdist_group("synapse")
@pytest.mark.parametrize("version", ["1", "6", "10", "11", "12"])
async def test_partition_with_synapse(peer: Peer, synapse: Synapse, version: str) -> None:
    """Two of ours are split; Synapse hears both and resolves as they do."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    zoe = await synapse.person(name("zoe"))
    room = await alice.create_room(preset="public_chat", room_version=version)
    await enter(bob, room, here)
    await enter(zoe, room, here)
    await agree(room, here, there)
    levels = await alice.state(room, "m.room.power_levels")
    levels["users"][bob.id] = 50
    await alice.set_state(room, "m.room.power_levels", levels)
    await agree(room, here, there)
    with split([here], [there]):
        for n in range(10):
            await alice.set_state(room, "m.room.topic", {"topic": f"here {n}"})
            await bob.set_state(room, "m.room.topic", {"topic": f"there {n}"})
            await bob.set_state(room, "org.example.note", {"n": n}, f"k{n}")
        levels["events_default"] = 1
        await alice.set_state(room, "m.room.power_levels", levels)
        await bob.say(room, "last words")
    await heal(here, there)
    await alice.say(room, "together again")
    await hears(zoe, room, "together again")
    await hears(bob, room, "together again")
    ours = await agree(room, here, there)

    async def synapse_agrees() -> bool:
        theirs = {e["event_id"] for e in await zoe.call("GET", f"/rooms/{room}/state")}
        return theirs == set(ours.values())

    await until(synapse_agrees)


async def test_thousands_of_events_on_both_sides(peer: Peer) -> None:
    """Nothing is lost, no state is reset, and it ends."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat", power_level_content_override={"state_default": 0})
    await enter(bob, room, here)
    await agree(room, here, there)
    with split([here], [there]):
        for start in range(0, 1500, 50):
            await asyncio.gather(
                *(person.say(room, f"{person.id} {n}") for person in (alice, bob) for n in range(start, start + 50))
            )
            await alice.set_state(room, "test.alice", {"n": start})
            await bob.set_state(room, "test.bob", {"n": start})
            await asyncio.gather(*(p.set_state(room, "test.both", {"by": p.id, "n": start}) for p in (alice, bob)))
    await heal(here, there)
    for person in (alice, bob):
        await person.say(room, "together again")
    await said_everywhere(room, {f"{p.id} {n}" for p in (alice, bob) for n in range(1500)}, alice, bob)
    state = await agree(room, here, there)
    assert state['["test.alice", ""]'] and state['["test.bob", ""]'] and state['["m.room.power_levels", ""]']
    assert (await bob.state(room, "test.alice"), await alice.state(room, "test.bob")) == ({"n": 1450}, {"n": 1450})
