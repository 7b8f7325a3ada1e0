"""Nobody has more than a share: each bound is reached, and what then happens is as documented."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from chappe.config import Shares
from chappe.homeserver.http import server as http_server
from chappe.homeserver.http.unread import UnreadAnswers
from chappe.homeserver.load.bounded import Recent
from chappe.homeserver.sync.lazy_members import LazyMembers
from chappe.homeserver.sync.polls import COMPOSED_AT_ONCE, MostWaiting, Polls
from chappe.matrix.errors import LimitExceeded
from tests.support import Person, Server, joined, until

NewServer = Callable[..., Awaitable[Server]]


# -------------------------------------------------------------------------------------------------------------- syncs


async def test_a_newer_sync_of_a_device_ends_the_longest_waiting(alice: Person) -> None:
    await alice.sync()
    polls = alice.server.node.notifier.polls
    before = len(polls)
    waiting = []
    for i in range(6):
        waiting.append(asyncio.create_task(alice.call("GET", "/sync", since=alice.since, timeout=60_000 + i)))
        await until(lambda: len(polls) == min(before + len(waiting), before + 4))
    ended, _ = await asyncio.wait(waiting[:2])
    for task in ended:
        answer = task.result()
        assert "rooms" not in answer and answer["next_batch"]
    assert not any(task.done() for task in waiting[2:])
    room = await alice.create_room()
    for task in waiting[2:]:
        assert joined(await task, room)
    assert len(polls) == before


async def test_an_account_has_so_many_waiting_and_everybody_so_many() -> None:
    polls = Polls(MostWaiting(per_device=2, per_account=5, in_all=8))
    alices = [polls.enter("@alice:x", f"D{i}") for i in range(7)]
    assert [p.is_over for p in alices] == [True, True, False, False, False, False, False]
    bobs = [polls.enter("@bob:x", f"D{i}") for i in range(4)]
    assert len(polls) == 8 and [p.is_over for p in alices].count(True) == 3 and not any(p.is_over for p in bobs)
    for poll in alices + bobs:
        polls.leave(poll)
    assert len(polls) == 0 and not polls._by_account and not polls._all


async def test_an_account_composes_few_answers_at_once() -> None:
    polls, at_once, most, go_on = Polls(MostWaiting()), 0, 0, asyncio.Event()

    async def compose() -> None:
        nonlocal at_once, most
        async with polls.turn("@alice:x"):
            at_once += 1
            most = max(most, at_once)
            await go_on.wait()
            at_once -= 1

    tasks = [asyncio.create_task(compose()) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*tasks)
    assert most == COMPOSED_AT_ONCE and not polls._turns


async def test_a_turn_is_not_lost_with_the_request_that_waits_for_it() -> None:
    polls, go_on, composed = Polls(MostWaiting()), asyncio.Event(), 0

    async def compose() -> None:
        nonlocal composed
        async with polls.turn("@alice:x"):
            await go_on.wait()
            composed += 1

    first = [asyncio.create_task(compose()) for _ in range(COMPOSED_AT_ONCE)]
    waiting = [asyncio.create_task(compose()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # while it waits
    go_on.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the first have ended, and handed their turns over
    waiting[1].cancel()  # as it gets its turn
    await asyncio.gather(*first, *waiting, return_exceptions=True)
    await asyncio.create_task(compose())
    assert waiting[2].exception() is None and composed >= COMPOSED_AT_ONCE + 2 and not polls._turns


async def test_equal_requests_get_one_answer(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await alice.sync()
    engine = alice.server.node.sync
    composed = 0
    compose = engine._compose

    async def counted(*given: Any) -> Any:
        nonlocal composed
        composed += 1
        return await compose(*given)

    engine._compose = counted  # type: ignore[method-assign]
    try:
        waiting = [asyncio.create_task(alice.call("GET", "/sync", since=alice.since, timeout=60_000)) for _ in range(10)]
        await until(lambda: any(s.sharing == 9 for s in engine._shared._under_way.values()))
        await bob.say(room, "hello")
        answers = [await task for task in waiting]
    finally:
        engine._compose = compose  # type: ignore[method-assign]
    assert all(answer == answers[0] for answer in answers)
    assert joined(answers[0], room)["timeline"]["events"][-1]["content"]["body"] == "hello"
    assert composed <= 3 and not engine._shared._under_way


async def test_the_same_request_too_often_is_refused(alice: Person) -> None:
    await alice.sync()
    path = f"/_matrix/client/v3/sync?since={alice.since}&timeout=60000"
    tasks = [asyncio.create_task(alice.server.raw("GET", path, None, alice.token)) for _ in range(40)]
    await until(lambda: sum(task.done() for task in tasks) >= 15)
    await alice.create_room()
    statuses = [(await task)[0] for task in tasks]
    assert statuses.count(429) >= 15 and statuses.count(200) >= 20


# ------------------------------------------------------------------------------------------------------------- readers


async def test_a_client_that_does_not_read_is_cut_off(server: Server, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "READER_SECONDS", 0.1)
    content = {"x": "y" * 900_000}
    for i in range(6):
        await alice.call("PUT", f"/user/{alice.id}/account_data/big{i}", content)
    listener = server.node.listeners[0]
    silent = socket.socket()
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    silent.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(silent, ("127.0.0.1", listener.port))
    head = f"GET /_matrix/client/v3/sync HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\n\r\n"
    await loop.sock_sendall(silent, head.encode())
    unread = server.node.unread
    await until(lambda: unread.total > 0)
    await until(lambda: unread.total == 0)  # given up
    taken = 0
    with pytest.raises(ConnectionResetError):
        while got := await loop.sock_recv(silent, 1 << 16):
            taken += len(got)
        raise ConnectionResetError
    silent.close()
    assert taken < 5_000_000


def test_unread_answers_have_a_bound() -> None:
    unread = UnreadAnswers(100, 250)
    unread.add("alice", 500)  # one is always given
    with pytest.raises(LimitExceeded):
        unread.add("alice", 1)
    with pytest.raises(LimitExceeded):
        unread.add("bob", 1)
    unread.taken("alice", 500)
    unread.add("alice", 60)
    unread.add("alice", 40)
    with pytest.raises(LimitExceeded):
        unread.add("alice", 1)
    unread.add("bob", 100)
    unread.taken("alice", 60)
    unread.taken("alice", 40)
    unread.taken("bob", 100)
    assert unread.total == 0 and len(unread) == 0


# -------------------------------------------------------------------------------------------------------------- memory


def test_memory_is_bounded_in_sum_and_the_least_used_goes_first() -> None:
    recent: Recent[str, str] = Recent(10)
    recent.put("a", "A", 4)
    recent.put("b", "B", 4)
    assert recent.get("a") == "A"
    recent.put("c", "C", 4)
    assert recent.get("b") is None and recent.get("a") == "A" and recent.weight == 8
    recent.put("a", "A", 1)
    assert recent.weight == 5 and recent.drop("c") == "C" and recent.weight == 1
    recent.put("whale", "W", 100)
    assert len(recent) == 1 and recent.weight == 100


def test_what_devices_know_of_members_is_bounded_in_sum() -> None:
    lazy = LazyMembers(most=10_000)
    for device in range(50):
        sent = lazy.of("@a:x", f"D{device}", 1)
        sent.update(((1, f"@{i}:x"), "$e") for i in range(1000))
        lazy.weigh("@a:x", f"D{device}")
        assert lazy.weight <= 10_000 + 1010
    assert lazy.of("@a:x", "D49", 2) and not lazy.of("@a:x", "D0", 2)


# ------------------------------------------------------------------------------------------------------- what is stored


def with_shares(**values: Any) -> dict[str, Any]:
    return {"shares": Shares(**values)}


async def upload(person: Person, size: int) -> tuple[int, Any]:
    status, raw, _ = await person.server.raw("POST", "/_matrix/media/v3/upload", b"x" * size, person.token)
    return status, orjson.loads(raw)


async def test_an_account_uploads_so_much_in_a_day(new_server: NewServer) -> None:
    server = await new_server(**with_shares(upload_mib_per_day=1, disk_reserve_mib=0))
    alice, bob = await server.person(), await server.person()
    assert [(await upload(alice, 400_000))[0] for _ in range(2)] == [200, 200]
    status, answer = await upload(alice, 400_000)
    assert (status, answer["errcode"]) == (403, "M_RESOURCE_LIMIT_EXCEEDED")
    assert (await upload(bob, 400_000))[0] == 200
    assert (await upload(alice, 100_000))[0] == 200
    await server.node.database.execute("UPDATE media SET created_ts = created_ts - 86400001")
    assert (await upload(alice, 400_000))[0] == 200
    many = await asyncio.gather(*(upload(bob, 400_000) for _ in range(8)))
    assert [status for status, _ in many].count(200) <= 2  # nobody gets more by asking at once
    assert (await upload(bob, 100_000))[0] == 200
    share = server.node.upload_share
    assert not share.uploads and not share.came and not share.waiting


async def test_everybody_together_uploads_so_much(new_server: NewServer) -> None:
    server = await new_server(**with_shares(upload_gib_per_day=1, disk_reserve_mib=0))
    alice = await server.person()
    await server.node.database.execute(
        "INSERT INTO media (server_name, media_id, user_id, size, created_ts) VALUES ('x', 'y', '@z:x', $1, $2)",
        (1 << 30) - 1000,
        server.node.now_ms(),
    )
    assert (await upload(alice, 500))[0] == 200
    assert (await upload(alice, 600))[0] == 403


async def test_a_disk_that_is_nearly_full_takes_messages_and_no_files(new_server: NewServer) -> None:
    server = await new_server(**with_shares(disk_reserve_mib=1 << 40))
    alice = await server.person()
    room = await alice.create_room()
    status, answer = await upload(alice, 10)
    assert (status, answer["errcode"]) == (507, "M_RESOURCE_LIMIT_EXCEEDED")
    assert await alice.say(room, "still here")
    status, raw, _ = await server.raw("GET", "/health")
    assert (status, orjson.loads(raw)) == (200, {"status": "degraded", "trouble": ["disk"]})
    _, metrics, _ = await server.raw("GET", "/metrics")
    assert b"chappe_disk_low 1.0" in metrics


async def test_filters_have_a_number(new_server: NewServer) -> None:
    server = await new_server(**with_shares(filters=3))
    alice = await server.person()
    path = f"/_matrix/client/v3/user/{alice.id}/filter"
    made = [(await alice.call("POST", path, {"room": {"timeline": {"limit": i}}}))["filter_id"] for i in (1, 2, 3)]
    assert made == ["0", "1", "2"]
    assert (await alice.call("POST", path, {"room": {"timeline": {"limit": 2}}}))["filter_id"] == "1"
    status, raw, _ = await server.raw("POST", path, {"room": {"timeline": {"limit": 4}}}, alice.token)
    assert (status, orjson.loads(raw)["errcode"]) == (403, "M_RESOURCE_LIMIT_EXCEEDED")


async def test_a_forgotten_device_keeps_the_newest_messages(alice: Person, bob: Person) -> None:
    for i in range(6):
        messages = {"messages": {bob.id: {bob.device: {"number": i}}}}
        await alice.call("PUT", f"/sendToDevice/m.test/{i}", messages)
    assert await alice.server.node.to_device.shed(4, 1 << 20) >= 1
    got = (await bob.sync())["to_device"]["events"]
    assert [event["content"]["number"] for event in got] == [2, 3, 4, 5]


async def test_the_device_used_longest_ago_makes_room(new_server: NewServer) -> None:
    server = await new_server(**with_shares(devices=3))
    alice = await server.person(device="FIRST")
    for name in ("SECOND", "THIRD"):
        await alice.another_device(name)
    await server.node.database.execute("UPDATE devices SET last_seen_ts = 4000000000000 WHERE device_id = 'FIRST'")
    newest = await alice.another_device("FOURTH")
    devices = {d["device_id"] for d in (await newest.call("GET", "/devices"))["devices"]}
    assert devices == {"FIRST", "THIRD", "FOURTH"}


async def test_settings_of_clients_have_an_end(new_server: NewServer) -> None:
    server = await new_server(**with_shares(account_data_mib=1))
    alice = await server.person()
    for i in range(2):
        await alice.call("PUT", f"/user/{alice.id}/account_data/x{i}", {"x": "y" * 700_000})
    status, raw, _ = await server.raw("PUT", f"/_matrix/client/v3/user/{alice.id}/account_data/z", {"n": 1}, alice.token)
    assert (status, orjson.loads(raw)["errcode"]) == (403, "M_RESOURCE_LIMIT_EXCEEDED")


async def test_lookups_of_addresses_are_counted_by_address(new_server: NewServer) -> None:
    server = await new_server(rate_limits_enabled=True)
    for _ in range(3):
        server.node.limits.check("lookup", "@a:x", 1000)
    with pytest.raises(LimitExceeded):
        server.node.limits.check("lookup", "@a:x", 1000)
