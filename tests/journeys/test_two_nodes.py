"""Two equal nodes on one database: either serves anybody, and together they lose and double nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from tests.support import Person, Refused, Server, bodies, joined

NewServer = Callable[..., Awaitable[Server]]


def at(node: Server, person: Person) -> Person:
    """The same session, at another node."""
    return Person(node, person.session)


async def test_what_one_node_writes_the_other_delivers(new_server: NewServer) -> None:
    here = await new_server()
    there = await new_server(url=here.url)
    alice, bob = await here.person(), await here.person()
    bob = at(there, bob)
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.sync()
    for text in ("un", "deux"):
        waiting = asyncio.create_task(bob.sync(timeout=10_000))
        await alice.say(room, text)
        section = joined(await waiting, room) or joined(await bob.sync(timeout=10_000), room)
        assert bodies(section["timeline"]["events"]) == [text]
        assert section["unread_notifications"]["notification_count"] >= 1
    moved = at(here, bob)
    moved.since = bob.since
    assert joined(await moved.sync(), room) is None  # the token is good at any node


async def test_writers_at_both_nodes(new_server: NewServer) -> None:
    choose = random.Random(7)
    nodes = [await new_server()]
    nodes.append(await new_server(url=nodes[0].url))
    people = [await nodes[0].person() for _ in range(6)]
    room = await people[0].create_room(preset="public_chat", power_level_content_override={"state_default": 0})
    for person in people[1:]:
        await person.join(room)
    written: list[str] = []

    async def work(number: int) -> None:
        person = at(nodes[number % 2], people[number])
        for n in range(25):
            if choose.random() < 0.3:
                written.append(await person.set_state(room, "x.count", {"n": n, "by": number}, str(choose.randrange(3))))
            else:
                written.append(await person.say(room, f"{number} {n}", txn=f"{number}-{n}"))

    await asyncio.gather(*(work(n) for n in range(6)))
    for node in nodes:
        await node.node.clock.catch_up()
    histories = [await at(node, people[0]).messages(room, limit=500) for node in nodes]
    assert histories[0]["chunk"] == histories[1]["chunk"]
    ids = [e["event_id"] for e in histories[0]["chunk"]]
    assert len(ids) == len(set(ids)) and set(written) <= set(ids) and len(set(written)) == 150
    states = [await at(node, people[0]).call("GET", f"/rooms/{room}/state") for node in nodes]
    assert sorted(e["event_id"] for e in states[0]) == sorted(e["event_id"] for e in states[1])
    latest = {e["state_key"]: e["event_id"] for e in reversed(histories[0]["chunk"]) if e["type"] == "x.count"}
    assert latest == {e["state_key"]: e["event_id"] for e in states[0] if e["type"] == "x.count"}


async def test_a_ban_at_one_node_holds_at_the_other_at_once(new_server: NewServer) -> None:
    here = await new_server()
    there = await new_server(url=here.url)
    alice, bob = await here.person(), await here.person()
    spammer = at(there, bob)
    room = await alice.create_room(preset="public_chat")
    await spammer.join(room)
    await spammer.say(room, "spam")
    await alice.act("ban", room, bob)
    for _ in range(3):  # before the other node has heard of it: the commit itself refuses
        try:
            await spammer.say(room, "more spam")
        except Refused as refused:
            assert refused.errcode == "M_FORBIDDEN"
        else:
            raise AssertionError("accepted after the ban")
