"""Events whose past is missing: what cannot be had of one server's events holds up nothing of another's, nor its own others."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence
from typing import Any

import pytest

from chappe.homeserver.rooms.remote import pdu_queues
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger, scene
from tests.federation.test_rooms import agree, enter, hears
from tests.support import Person, Server, until

DAY_MS = 86_400_000


async def crowd(peer: Peer, host: str = "127.0.0.1") -> tuple[Person, str, Forger, Forger]:
    """Somebody here, a room, who forges in it, and an honest friend on a third server who sends what we let them send.

    `host`: of the friend's server; the forger's is localhost.
    """
    alice, _, room, forger = await scene(peer)
    friend = await peer(host=host)
    bob = await friend.person("bob")
    await enter(bob, room, forger.target)
    await agree(room, forger.target, forger.evil, friend)
    return alice, room, forger, Forger(friend, await friend.node.rooms.require(room), bob, forger.target)


def serves(server: Server, *events: Any) -> None:
    async def gap(*_: Any) -> list[bytes]:
        return [json.dumps(event).encode() for event in events]

    server.node.serving.missing_events = gap  # type: ignore[method-assign]
    server.node.serving.backfill = gap  # type: ignore[method-assign]


def followers_of_nothing(forger: Forger, count: int) -> list[Any]:
    return [
        forger.event({"msgtype": "m.text", "body": f"n{n}"}, prev_events=["$" + secrets.token_urlsafe(32)])
        for n in range(count)
    ]


def gap_and_after(honest: Forger) -> tuple[Any, Any]:
    """An event that was not sent here, and one that follows it."""
    first = honest.event({"msgtype": "m.text", "body": "first"})
    return first, honest.event({"msgtype": "m.text", "body": "second"}, prev_events=[honest.id_of(first)])


async def waiting(server: Server) -> Sequence[Any]:
    return await server.node.database.fetch("SELECT * FROM federation_inbox")


async def test_followers_of_a_past_that_nobody_has_hold_up_no_other_server(peer: Peer) -> None:
    alice, room, forger, honest = await crowd(peer)
    here = forger.target.node
    serves(forger.evil)
    junk = followers_of_nothing(forger, 220)
    assert all(result == {} for result in (await forger.send_all(junk)).values())
    first, second = gap_and_after(honest)
    serves(honest.evil, first)
    assert await honest.send(second) == {honest.id_of(second): {}}
    await hears(alice, room, "second")
    await hears(alice, room, "first")

    async def all_tried() -> bool:
        rows = await waiting(forger.target)
        return len(rows) == 220 and all(row["attempts"] and row["next_try_ts"] > row["received_ts"] for row in rows)

    await until(all_tried)
    await here.database.execute("UPDATE federation_inbox SET received_ts = received_ts - $1", DAY_MS + 1)
    here.pdu_queues.retry_now(room)
    await asyncio.wait_for(here.pdu_queues.settled(), 60)
    assert not await waiting(forger.target), "given up after a day"


async def test_a_server_that_does_not_answer_holds_up_no_other(peer: Peer) -> None:
    alice, room, forger, honest = await crowd(peer)
    asked, let_go = asyncio.Event(), asyncio.Event()

    async def waits(*_: Any) -> list[bytes]:
        asked.set()
        await let_go.wait()
        return []

    forger.evil.node.serving.missing_events = waits  # type: ignore[method-assign]
    junk = followers_of_nothing(forger, 3)
    await forger.send(*junk)
    await asyncio.wait_for(asked.wait(), 60)
    first, second = gap_and_after(honest)
    serves(honest.evil, first)
    await forger.send(second)  # it was there before, so that it waits behind what it has made to wait
    await honest.send(second)
    await hears(alice, room, "second")

    async def only_junk_waits() -> bool:
        return {row["event_id"] for row in await waiting(forger.target)} == {forger.id_of(event) for event in junk}

    await until(only_junk_waits)
    let_go.set()


async def test_an_event_waits_for_its_own_past_only(peer: Peer) -> None:
    """Of one server, too: behind as many as are looked at together comes one whose past can be had."""
    alice, room, forger, honest = await crowd(peer)
    serves(honest.evil)
    await honest.send_all(followers_of_nothing(honest, pdu_queues.AT_ONCE + 5))
    first, second = gap_and_after(honest)
    serves(honest.evil, first)
    await honest.send(second)
    await hears(alice, room, "second")


async def kept_of_ten(side: Forger) -> list[int]:
    """Ten events without a past are sent, one after the other. Returns which of them wait for it."""
    pdus = followers_of_nothing(side, 10)
    results: list[dict[str, Any]] = []
    for pdu in pdus:
        results += (await side.send(pdu)).values()
    assert all(r == {} or "Too many events" in r["error"] for r in results)
    now = {row["event_id"] for row in await waiting(side.target)}
    found = [n for n, pdu in enumerate(pdus) if side.id_of(pdu) in now]
    assert all(results[n] == {} for n in found)
    return found


async def test_a_full_queue_keeps_what_came_last(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand events that come while their past is fetched, none is lost, though its server says nothing more."""
    monkeypatch.setattr(pdu_queues, "QUEUE_LIMIT", 6)
    alice, room, _, honest = await crowd(peer)
    asked, let_go = asyncio.Event(), asyncio.Event()
    said: list[Any] = []
    for n in range(20):
        follows = {"prev_events": [honest.id_of(said[-1])]} if said else {}
        said.append(honest.event({"msgtype": "m.text", "body": f"n{n}"}, **follows))

    async def waits(*_: Any) -> list[bytes]:
        served = said if asked.is_set() else said[:1]
        asked.set()
        await let_go.wait()
        return [json.dumps(event).encode() for event in served]

    honest.evil.node.serving.missing_events = waits  # type: ignore[method-assign]
    await honest.send(said[1])
    await asyncio.wait_for(asked.wait(), 60)
    for event in said[2:]:
        assert await honest.send(event) == {honest.id_of(event): {}}
    let_go.set()
    for n in (19, 0, 10):
        await hears(alice, room, f"n{n}")


async def test_servers_of_one_host_have_one_share_of_what_waits(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdu_queues, "QUEUE_LIMIT", 6)
    _, _, forger, other = await crowd(peer, host="localhost")
    for side in (forger, other):
        serves(side.evil)
    assert await kept_of_ten(forger) == [4, 5, 6, 7, 8, 9]
    assert await kept_of_ten(other) == [4, 5, 6, 7, 8, 9] and len(await waiting(other.target)) == 6


async def test_a_server_has_its_share_of_what_waits(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in (("QUEUE_LIMIT", 6), ("ROOM_LIMIT", 8), ("ALWAYS_TAKEN", 3), ("ORIGIN_LIMIT", 100)):
        monkeypatch.setattr(pdu_queues, name, limit)
    alice, room, forger, honest = await crowd(peer)
    for side in (forger, honest):
        serves(side.evil)
    assert await kept_of_ten(forger) == [4, 5, 6, 7, 8, 9]
    assert await kept_of_ten(honest) == [7, 8, 9], "beyond what waits in a room, some of each server still are"
    assert len(await waiting(forger.target)) == 9, "and they take no place of another server's"
    monkeypatch.setattr(pdu_queues, "ORIGIN_LIMIT", 6)
    other = await alice.create_room(preset="public_chat")
    await enter(forger.person, other, forger.target)
    await agree(other, forger.target, forger.evil)
    elsewhere = Forger(forger.evil, await forger.evil.node.rooms.require(other), forger.person, forger.target)
    assert await kept_of_ten(elsewhere) == [], "a server has a share of all rooms together"
