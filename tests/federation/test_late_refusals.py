"""A refusal that comes late ends nothing that was begun after it: somebody knocks, or is invited, again."""

from __future__ import annotations

import orjson
import pytest

from tests.federation.conftest import Peer
from tests.federation.test_late_copies import _deaf, delivers
from tests.support import Person, segment


async def standing(person: Person, room: str) -> str:
    rooms = (await person.call("GET", "/sync")).get("rooms", {})
    return next((kind for kind in ("invite", "knock", "join", "leave") if room in rooms.get(kind, {})), "nothing")


@pytest.mark.parametrize("way", ["knock", "invite"])
async def test_a_refusal_that_comes_after_the_next_try(peer: Peer, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room()
    await alice.set_state(room, "m.room.join_rules", {"join_rule": "knock"})

    async def tries() -> None:
        if way == "knock":
            await bob.call("POST", f"/knock/{segment(room)}", {}, via=here.config.server_name)
        else:
            await alice.invite(room, bob)
        assert await standing(bob, room) == way

    async def refuses() -> object:
        await alice.act("kick", room, bob, "not now")
        raw = await here.node.database.fetchval(
            "SELECT json FROM events WHERE state_key = $1 AND type = 'm.room.member' ORDER BY position DESC LIMIT 1", bob.id
        )
        return orjson.loads(raw)

    await tries()
    with monkeypatch.context() as line:
        line.setattr(here.node.federation_client, "request", _deaf(here, "/send/", there))
        first = await refuses()
        await tries()
    await delivers(here, there, 1, first)
    assert await standing(bob, room) == way, "that was about the first"
    await delivers(here, there, 2, await refuses())
    assert await standing(bob, room) != way
