"""A node's loops, jobs and leases: nothing that fails once is deaf for ever, and what must be done once is done once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from chappe.config import Federation
from chappe.homeserver.database.clock import Commit
from chappe.homeserver.senders.jobs import ScheduledJob
from tests.neighbours import Mailbox
from tests.support import Person, Server

LOOPS = (
    "group writer",
    "clock",
    "calls",
    "leaves of calls",
    "jobs",
    "search index",
    "delayed events",
    "mail",
    "application services",
    "webhooks",
    "federation sender",
    "push gatherer",
    "push deliverer",
)


async def restarted(server: Server, name: str, times: int) -> None:
    async with asyncio.timeout(30):
        while server.node.loops.restarts(name) < times or server.node.loops.running() < len(LOOPS):
            await asyncio.sleep(0.02)


async def hears(writer: Person, reader: Person, room: str, body: str) -> None:
    """What one writes reaches another's waiting sync."""
    since = (await reader.sync())["next_batch"]
    waiting = asyncio.create_task(reader.sync(since=since, timeout=20_000))
    await writer.say(room, body)
    answer = await waiting
    said = [e["content"].get("body") for e in answer["rooms"]["join"][room]["timeline"]["events"]]
    assert body in said


async def test_every_loop_of_a_node_is_supervised(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server()
    assert sorted(server.node.loops.names) == sorted(LOOPS)


@pytest_asyncio.fixture
async def busy(new_server: Callable[..., Awaitable[Server]], mailbox: Mailbox, tmp_path: Path) -> Server:
    """A server on which no loop rests: with mail, an application service and other servers."""
    service = tmp_path / "service.yaml"
    service.write_text(
        "id: one\nurl: http://127.0.0.1:9\nas_token: aaaaaaaaaaaaaaaa\nhs_token: hhhhhhhhhhhhhhhh\nsender_localpart: one\n"
        "namespaces: {users: [{regex: '@one_.*', exclusive: true}], aliases: [], rooms: []}\n"
    )
    return await new_server(
        email=mailbox.settings(),
        application_services=[str(service)],
        federation=Federation(mode="listed", allowed=["other.example"]),
    )


@pytest.mark.parametrize("name", LOOPS)
async def test_a_loop_that_ends_starts_again(name: str, busy: Server) -> None:
    server = busy
    assert not server.node.loops.rests(name)
    before = server.node.loops.restarts(name)
    task = server.node.loops.task(name)
    assert task is not None
    task.cancel()
    await restarted(server, name, before + 1)
    alice, bob = await server.person(), await server.person()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await hears(alice, bob, room, f"after {name}")
    status, raw, _ = await server.raw("GET", "/metrics")
    assert status == 200
    assert re.search(rf'chappe_loop_restarts_total{{loop="{name}"}} [1-9]', raw.decode())


async def test_writes_under_way_survive_the_end_of_the_writer(server: Server, alice: Person) -> None:
    room = await alice.create_room()
    before = server.node.loops.restarts("group writer")
    sending = [asyncio.create_task(alice.say(room, f"{n}")) for n in range(50)]
    while not server.node.writer.busy:
        await asyncio.sleep(0)
    task = server.node.loops.task("group writer")
    assert task is not None
    task.cancel()
    ids = await asyncio.gather(*sending)
    await restarted(server, "group writer", before + 1)
    answer = await alice.call("GET", f"/_matrix/client/v3/rooms/{room}/messages", dir="b", limit=100)
    told = [e["event_id"] for e in answer["chunk"] if e["type"] == "m.room.message"]
    assert sorted(told) == sorted(ids)


async def test_a_listener_that_fails_makes_nobody_deaf(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server()
    clock = server.node.clock

    def bad(_commit: Commit) -> None:
        raise RuntimeError("a listener with a bug")

    clock._listeners.insert(0, bad)
    alice, bob = await server.person(), await server.person()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await hears(alice, bob, room, "in spite of it")
    clock.heard(Commit(clock.watermark, clock.watermark + 1, foreign=True))
    assert server.node.loops.restarts("clock") == 0
    _, raw, _ = await server.raw("GET", "/metrics")
    assert re.search(r"chappe_clock_listener_failures [1-9]", raw.decode())


async def test_a_job_runs_once_in_a_cluster(new_server: Callable[..., Awaitable[Server]]) -> None:
    one = await new_server()
    two = await new_server(url=one.url)
    done: list[str] = []

    def job(of: str) -> ScheduledJob:
        async def run() -> None:
            await asyncio.sleep(0)
            done.append(of)

        return ScheduledJob("test", 3600, run, is_per_process=False)

    first, second = await asyncio.gather(one.node.jobs.run_once(job("one")), two.node.jobs.run_once(job("two")))
    assert [first, second].count(True) == 1 and len(done) == 1
    assert not await two.node.jobs.run_once(job("two")), "it has just been done"


async def test_a_job_of_a_dead_process_is_taken_up(new_server: Callable[..., Awaitable[Server]]) -> None:
    one = await new_server()
    two = await new_server(url=one.url)
    assert await one.node.leases.claim("work")
    assert not await two.node.leases.claim("work")
    await one.node.database.execute("UPDATE leases SET held_until = now() - interval '1 second' WHERE name = 'work'")
    assert await two.node.leases.claim("work")
    assert not await one.node.leases.claim("work"), "it was taken over"
    await two.node.leases.release()
    assert await one.node.leases.claim("work"), "a process that stops gives back what it held"


async def test_a_failing_job_is_counted_and_tried_again(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server()
    tries: list[int] = []

    async def fails_once() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("once")

    jobs = type(server.node.jobs)(server.node.leases)
    jobs.add("fails once", 0.01, fails_once, is_per_process=True)
    running = asyncio.create_task(jobs.run())
    while len(tries) < 2:
        await asyncio.sleep(0.01)
    running.cancel()
    assert jobs.failures == {"fails once": 1}


async def test_what_must_run_once_says_so(new_server: Callable[..., Awaitable[Server]]) -> None:
    """A new job is one of the cluster's unless it is listed here: then it concerns what a process has in memory."""
    server = await new_server()
    per_process = {job.name for job in server.node.jobs.jobs if job.is_per_process}
    assert per_process <= {"last seen", "presence", "domains", "federation", "inbox", "members", "read guard", "time", "erased"}


async def test_the_inbox_of_a_dead_process_is_taken_up(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server()
    database, [job] = server.node.database, [j for j in server.node.jobs.jobs if j.name == "inbox"]
    await database.execute(
        """INSERT INTO federation_inbox (room_id, event_id, origin, pdu, received_ts)
           VALUES ('!gone:other.example', '$one', 'other.example', '{}', 0)"""
    )
    await database.execute(
        """INSERT INTO leases (name, holder, held_until)
           VALUES ('inbox of !gone:other.example from other.example', 'another process', now() + interval '1 minute')"""
    )
    waiting = "SELECT count(*) FROM federation_inbox"
    await job.run()
    await server.node.pdu_queues.settled()
    assert await database.fetchval(waiting) == 1, "it is the other process's while that one lives"
    await database.execute("UPDATE leases SET held_until = now() - interval '1 second'")
    await job.run()
    await server.node.pdu_queues.settled()
    assert await database.fetchval(waiting) == 0
    assert await database.fetchval("SELECT count(*) FROM leases WHERE name LIKE 'inbox of %'") == 0
