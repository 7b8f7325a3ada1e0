"""What state resolution makes of a room comes with the commit's `RoomChange`: who applies it has the room that is read anew."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.federation.conftest import Peer
from tests.federation.partition import heal, split
from tests.federation.test_fit_copies import a_race
from tests.federation.test_rooms import agree, enter, hears
from tests.federation.test_stretches import out, read
from tests.rooms.pictures import Follower, record
from tests.support import until


@pytest.mark.parametrize("version", ["11", "12"])
async def test_conflicts_are_applied_as_they_are_read(peer: Peer, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    changes = record(monkeypatch)
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat", room_version=version)
    await enter(bob, room, here)
    levels = await alice.state(room, "m.room.power_levels")
    levels["users"][bob.id] = 50
    await alice.set_state(room, "m.room.power_levels", levels)
    await agree(room, here, there)
    followers = [Follower(await server.node.rooms.require(room), changes) for server in (here, there)]
    for follower in followers:
        await follower.start()
    for turn in range(3):
        with split([here], [there]):
            carol, dave = await here.person(), await there.person()
            await carol.join(room)
            await dave.join(room)
            for number in range(15):
                await alice.say(room, f"here {turn} {number}")
                await bob.say(room, f"there {turn} {number}")
            for kind in ("topic", "name"):
                await alice.set_state(room, f"m.room.{kind}", {kind: f"here {turn}"})
                said = await bob.set_state(room, f"m.room.{kind}", {kind: f"there {turn}"})
            await bob.redact(room, said)
            await alice.act("ban", room, carol)
        await heal(here, there)
        await alice.say(room, f"together {turn}")
        await bob.say(room, f"together too {turn}")
        await hears(alice, room, f"together too {turn}")
        await hears(bob, room, f"together {turn}")
        await agree(room, here, there)
        for follower in followers:
            await follower.require_same()


async def test_what_came_late_is_applied_as_it_is_read(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event gets the content that it was stored without: an answer, which makes a thread of what it answers."""
    changes = record(monkeypatch)
    race = await a_race(peer, monkeypatch, can_ask=False)
    await race.send(race.true)
    follower = Follower(await race.here.node.rooms.require(race.room), changes)
    relation = {"rel_type": "m.thread", "event_id": race.event_id}
    race.event_id = await race.owner.say(race.room, "and the answer", **{"m.relates_to": relation})

    async def there() -> Any:
        return await race.evil.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", race.event_id)

    pdu = orjson.loads(await until(there))
    await race.send({**pdu, "content": {}})
    await follower.start()
    await race.send(pdu)
    await follower.require_same()
    assert follower.heard > 0 and follower.room.threads.keys() == {relation["event_id"]} <= follower.room.related


async def test_what_was_said_meanwhile_is_applied_as_it_is_read(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread, of which nothing is here until somebody reads what was said while nobody was there."""
    changes = record(monkeypatch)
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    await out(bob, room, alice)
    root = await alice.say(room, "root")
    await alice.say(room, "reply", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
    await alice.say(room, "the end")
    await enter(bob, room, here)
    follower = Follower(await there.node.rooms.require(room), changes)
    await follower.start()
    assert "reply" in await read(bob, room, "b")
    await follower.require_same()
    assert follower.heard > 0 and follower.room.threads.keys() == {root}
