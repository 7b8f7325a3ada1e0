"""What state resolution makes of a room comes with the commit's `Change`: who applies it has the room that is read anew."""

from __future__ import annotations

import pytest

from tests.federation.conftest import Peer
from tests.federation.partition import heal, split
from tests.federation.test_rooms import agree, enter, hears
from tests.rooms.pictures import Follower, read_anew, record, require_same


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
    rooms = [await server.node.rooms.require(room) for server in (here, there)]
    followers = [Follower(live) for live in rooms]
    for live, follower in zip(rooms, followers, strict=True):
        changes(live)
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
        for live, follower in zip(rooms, followers, strict=True):
            for data in changes(live):
                await follower.hear(data)
            fresh = await read_anew(live)
            require_same(follower.room, fresh)
            require_same(live, fresh)
