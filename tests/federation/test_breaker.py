"""No time is wasted on servers that do not answer, and none lost once they do."""

from __future__ import annotations

import asyncio

import pytest

from chappe.homeserver.outbound.federation.client import PeerUnreachable
from chappe.net import breaker
from chappe.net.breaker import Breaker
from tests.federation.conftest import Peer
from tests.federation.test_rooms import enter, hears
from tests.process import free_port
from tests.support import Refused, Server, segment, until


def test_longer_and_longer_until_it_lives() -> None:
    now, revived = [0], list[str]()
    b = Breaker(lambda: now[0])
    b.listen(revived.append)
    waits = []
    for _ in range(12):
        b.failed("dead")
        waits.append(b.waits_ms("dead"))
        now[0] += b.waits_ms("dead")
    assert waits[:4] == [0, 5_000, 10_000, 20_000] and waits[-1] == breaker.LONGEST_WAIT_MS
    b.failed("dead")
    b.alive("dead")
    assert b.waits_ms("dead") == 0 and revived == []
    b.persisted = {"dead": now[0] + 1000, "other": now[0] + 1}
    assert b.waits_ms("dead") == 1000
    b.alive("dead")
    assert b.waits_ms("dead") == 0 and b.waits_ms("other") == 1 and revived == ["dead"]


def test_no_more_is_remembered_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "REMEMBERED", 3)
    b = Breaker(lambda: 0)
    for name in "abcde":
        b.failed(name)
        b.failed(name)
    assert [bool(b.waits_ms(name)) for name in "abcde"] == [False, False, True, True, True]


def test_when_a_server_was_out_of_reach_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the many that are no longer remembered one by one, what the last of them was."""
    monkeypatch.setattr(breaker, "REMEMBERED", 3)
    now = [0]
    b = Breaker(lambda: now[0])
    assert b.missed_ts("a") == 0
    for name in "abcde":
        now[0] += 1
        b.failed(name)
        b.alive(name)
    assert [b.missed_ts(name) for name in "abcdef"] == [2, 2, 3, 4, 5, 2]
    b.persisted = {"a": now[0] + 1000}
    now[0] += 10
    b.persisted = {}
    assert b.missed_ts("a") == now[0] and b.missed_ts("d") == 4


def test_however_many_are_out_of_reach_the_others_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "REMEMBERED", 3)
    now = [0]
    b = Breaker(lambda: now[0])
    now[0] = 10
    b.failed("a")
    b.alive("a")
    for _ in range(3):
        now[0] += 10
        b.persisted = dict.fromkeys("defghij", now[0] + 1000)
        b.failed("d")
    assert (b.missed_ts("a"), b.missed_ts("b")) == (10, 0)
    assert (b.missed_ts("d"), b.missed_ts("j")) == (now[0], now[0])
    now[0] += 10
    b.persisted = dict.fromkeys("efghij", now[0] + 1000)
    gone = now[0]
    now[0] += 10
    assert (b.missed_ts("d"), b.missed_ts("e")) == (gone, now[0])


def test_all_servers_of_a_host_take_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "REMEMBERED", 3)
    now = [10]
    b = Breaker(lambda: now[0])
    b.failed("a.example")
    for port in range(1, 9):
        now[0] += 10
        b.failed(f"b.example:{port}")
        b.alive(f"b.example:{port}")
    assert [b.missed_ts(name) for name in ("a.example", "b.example:1", "c.example")] == [10, now[0], 0]


async def test_a_dead_server_is_asked_twice(peer: Peer) -> None:
    here = await peer()
    alice = await here.person("alice")
    nobody = f"@nobody:localhost:{free_port()}"
    answers = []
    for _ in range(4):
        with pytest.raises(Refused) as refused:
            await alice.call("GET", f"/profile/{segment(nobody)}")
        answers.append("lately" in refused.value.body["error"])
    assert answers == [False, False, True, True]


async def test_who_was_away_gets_what_waited_as_soon_as_it_asks(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    await alice.say(room, "before")
    await hears(bob, room, "before")
    name = there.config.server_name
    await there.stop()
    await alice.say(room, "while you were away")

    async def is_failing() -> bool:
        return bool(await here.node.database.fetchval("SELECT retry_ts FROM destinations WHERE server_name = $1", name))

    await until(is_failing)
    await here.node.database.execute("UPDATE destinations SET retry_ts = $1", here.node.now_ms() + 3_600_000)
    await here.node.federation_sender.look_at_failures()
    with pytest.raises(PeerUnreachable):
        await here.node.federation_client.get(here.config.server_name, name, "/_matrix/federation/v1/version")
    again = await Server(there.config, there.data, there.url).start()
    try:
        bob.server = again
        await again.node.federation_client.get(name, here.config.server_name, "/_matrix/federation/v1/publicRooms")
        await hears(bob, room, "while you were away")
        assert here.node.breaker.waits_ms(name) == 0
        await asyncio.sleep(0)
    finally:
        await again.stop()
