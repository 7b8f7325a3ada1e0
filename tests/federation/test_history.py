"""What was said before a server came in, and what other servers may read of a room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.federation.conftest import Peer
from tests.federation.synapse import Synapse
from tests.federation.test_everything_else import neighbour, synapse_or_none
from tests.federation.test_rooms import enter, hears
from tests.federation.test_synapse import name
from tests.support import Person, Refused, bodies, segment, until

__all__ = ["neighbour", "synapse_or_none"]


async def everything(person: Person, room: str) -> list[str]:
    """All texts of a room, read backwards page by page, in their order."""
    texts: list[str] = []
    start: dict[str, str] = {}
    for _ in range(100):
        page = await person.messages(room, limit=40, **start)
        texts += bodies(page["chunk"])
        if "end" not in page:
            break
        start = {"from": page["end"]}
    return texts[::-1]


@pytest.mark.parametrize("version", ["1", "11", "12"])
async def test_history_is_read_from_those_who_were_there(peer: Peer, version: str) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat", room_version=version)
    said = [f"message {n}" for n in range(150)]
    for n, text in enumerate(said):
        await alice.say(room, text)
        if n % 50 == 20:
            await alice.set_state(room, "m.room.topic", {"topic": text})
    await enter(bob, room, here)
    since = (await bob.sync())["next_batch"]
    assert await everything(bob, room) == said
    assert await everything(bob, room) == said  # and now from here
    news = await bob.sync(since=since)
    assert room not in news.get("rooms", {}).get("join", {}), "history is no news"
    forwards = bodies((await bob.messages(room, dir="f", limit=200))["chunk"])
    assert forwards == said


@pytest.mark.xdist_group("synapse")
async def test_history_of_synapse(peer: Peer, synapse: Synapse) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await synapse.person(name("bob"))
    room = await bob.create_room(preset="public_chat")
    said = [f"message {n}" for n in range(130)]
    for text in said:
        await bob.say(room, text)
    await enter(alice, room, synapse)  # type: ignore[arg-type]
    assert await everything(alice, room) == said


async def test_a_time_before_a_server_came_in(peer: Peer, neighbour: Any) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await neighbour.person(name("bob"))
    room = await bob.create_room(preset="public_chat")
    sent = []
    for number in range(30):
        sent.append(await bob.say(room, f"{number}"))
        await asyncio.sleep(0.002)
    when = (await bob.call("GET", f"/rooms/{segment(room)}/event/{segment(sent[4])}"))["origin_server_ts"]
    await enter(alice, room, neighbour)

    async def is_whole() -> bool:  # until its members are here, nobody is asked for its past
        return not (await here.node.rooms.require(room)).is_partial

    await until(is_whole)
    path = f"/_matrix/client/v1/rooms/{segment(room)}/timestamp_to_event"
    for _ in range(2):
        found = await alice.call("GET", path, ts=when, dir="f")
        assert (found["event_id"], found["origin_server_ts"]) == (sent[4], when)
    assert (await alice.call("GET", path, ts=when - 1, dir="b"))["event_id"] == sent[3]
    with pytest.raises(Refused) as refused:
        await alice.call("GET", path, ts=1, dir="b")
    assert refused.value.status == 404
    context = await alice.call("GET", f"/rooms/{segment(room)}/context/{segment(sent[4])}", limit=4)
    assert context["event"]["content"]["body"] == "4"


async def test_history_before_an_invitation_stays_hidden(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(
        initial_state=[{"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}]
    )
    await alice.say(room, "secret")
    await alice.call("POST", f"/rooms/{room}/invite", {"user_id": bob.id})
    await bob.join(room)
    await alice.say(room, "for all")
    await hears(bob, room, "for all")
    assert await everything(bob, room) == ["for all"]
    stored = await there.node.database.fetch("SELECT json FROM events WHERE type = 'm.room.message'")
    assert all(b"secret" not in row["json"] for row in stored), "what nobody there may see does not leave here"
