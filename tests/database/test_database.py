"""The embedded server, migrations, the clock and the group writer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chappe.homeserver.database import system_user
from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.data_directory import DataDirectoryInUse, DataDirectoryLock
from chappe.homeserver.database.embedded import EmbeddedPostgres
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.migrations import _TABLE, MigrationError, available, migrate
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.rows import Int, Row
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.load.tasks import in_background
from tests.process import is_alive
from tests.support import until


async def test_the_embedded_server_from_nothing_through_crashes_to_a_clean_end(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("a very long name " * 6) / "postgres")
    server.directory.parent.mkdir()
    began = time.monotonic()
    await server.start()
    assert time.monotonic() - began < 20  # under 5 s on a machine of its own
    database = await Database.connect(server.url)
    await database.execute("CREATE TABLE t (n int)")
    await database.execute("INSERT INTO t VALUES (1)")
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    while server.pid == first:
        await asyncio.sleep(0.02)
    assert await database.fetchval("SELECT n FROM t") == 1  # reads wait for the restart
    orphan = server.pid
    assert orphan is not None and server._watch is not None
    server._watch.cancel()
    successor = EmbeddedPostgres(server.directory)  # as after kill -9 of the process that had started it
    await successor.start()
    assert successor.pid != orphan and server._process is not None
    server._process.wait()
    await database.close()
    last = successor.pid
    await successor.stop()
    assert last is not None and not is_alive(last)


def test_two_processes_make_the_system_user_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two `useradd` at once overwrite each other's entry. Here each would notice the other."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    stub, under_way, met = tmp_path / "useradd", tmp_path / "under_way", tmp_path / "met"
    stub.write_text(f"#!/bin/sh\nmkdir {under_way} || touch {met}\nsleep 0.2\nrmdir {under_way}\n")
    stub.chmod(0o755)
    monkeypatch.setattr(system_user, "SYSTEM_USER", "chappe-nobody-has-this-name")
    with ThreadPoolExecutor(4) as pool:
        users = [task.result() for task in [pool.submit(system_user.system_user) for _ in range(4)]]
    assert {user.pw_name for user in users} == {"nobody"}
    assert not met.exists()


def test_one_data_directory_serves_one_process(tmp_path: Path) -> None:
    first, second = DataDirectoryLock(tmp_path), DataDirectoryLock(tmp_path)
    first.acquire()
    with pytest.raises(DataDirectoryInUse) as error:
        second.acquire()
    assert str(os.getpid()) in str(error.value) and str(tmp_path) in str(error.value)
    first.release()
    second.acquire()
    second.release()


async def test_migrations_are_applied_once_and_guarded(new_database: Callable[[], Awaitable[str]]) -> None:
    connection = await asyncpg.connect(await new_database())
    assert await migrate(connection) == []
    await connection.execute("UPDATE schema_migrations SET checksum = 'x' WHERE number = 1")
    with pytest.raises(MigrationError, match="changed after it was applied"):
        await migrate(connection)
    await connection.execute("UPDATE schema_migrations SET number = 999 WHERE number = 1")
    with pytest.raises(MigrationError, match="does not know"):
        await migrate(connection)
    await connection.close()
    assert [number for number, _, _ in available()] == list(range(1, len(available()) + 1))


LANDED = {
    1: "4c52f2ebe27a9f44",
    2: "4ee7e77b56707a19",
    3: "ab6b8fa4ad2f6e59",
    4: "98ad2afd01924d0b",
    5: "e7062ca09ce32a8c",
    6: "43ddd3abcdaebf4d",
    7: "a85a1a0d5a135585",
    8: "e36495a73f4b29e6",
    9: "6de5f0934978e1ee",
    10: "d818360a5789e0a3",
    11: "4a28056c96f7ff1f",
    12: "e31d3b5adf1bfed4",
    13: "36e46b668c437015",
    14: "e0cf14e5024d687e",
    15: "b11bcf07c626ead8",
    16: "8d383c9acfedae17",
    17: "e8e06fc6fdcd12b6",
    18: "a2e5a543cb87f68f",
    19: "6ef2efcd8c6fd541",
}


def test_what_databases_have_is_never_edited() -> None:
    """A migration that has landed is left as it is: databases that have it would refuse to start. Add the next number."""
    now = {number: hashlib.sha256(sql.encode()).hexdigest()[:16] for number, _, sql in available()}
    assert {number: now[number] for number in LANDED} == LANDED
    assert len(now) <= len(LANDED) + 1, "one migration is being written; those before it are in LANDED"


async def test_two_processes_migrate_at_once(postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(postgres.url_of("postgres"))
    await connection.execute("CREATE DATABASE empty_one TEMPLATE template0")
    await connection.close()
    connections = [await asyncpg.connect(postgres.url_of("empty_one")) for _ in range(3)]
    done = await asyncio.gather(*(migrate(c) for c in connections))
    assert sorted(map(len, done)) == [0, 0, len(available())]
    for c in connections:
        await c.close()


class NoteRow(Row):
    n: Int


NOTES = Fragment("notes", NoteRow, "INSERT INTO notes SELECT r.n, upto FROM unnest(notes_rows) r WHERE r._lane <> ALL (bad);")


class MarkRow(Row):
    n: Int


# As it should not be written: the same key twice in one commit is refused by PostgreSQL.
MARKS = Fragment(
    "marks",
    MarkRow,
    """INSERT INTO marks SELECT r.n, upto FROM unnest(marks_rows) r WHERE r._lane <> ALL (bad)
       ON CONFLICT (n) DO UPDATE SET upto = excluded.upto;""",
)


class Desk:
    """A writer and its clock on a database with two tables. `more`: what else it writes."""

    more: tuple[Fragment, ...] = ()

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Desk:
        self.database = await Database.connect(self.url)
        await self.database.execute("CREATE TABLE IF NOT EXISTS notes (n int UNIQUE CHECK (n < 1000), upto bigint)")
        self.clock = Clock(self.database)
        self.writer = GroupWriter(self.url, self.clock)
        await self.database.execute("CREATE TABLE IF NOT EXISTS marks (n int PRIMARY KEY, upto bigint)")
        self.writer.register(NOTES, MARKS, *self.more)
        await self.clock.start()
        self.heard: list[Commit] = []
        self.clock.listen(self.heard.append)
        self.task = asyncio.create_task(self.writer.run())
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.writer.close()
        await self.database.close()

    def mark(self, n: int) -> asyncio.Future[str | None]:
        write = Write()
        write.add(MarkRow(n))
        return self.writer.submit(write)

    def write(self, n: int, txn: str | None = None) -> asyncio.Future[str | None]:
        write = Write(txn=txn)
        write.txn_result = f"result {n}"
        write.add(NoteRow(n))
        write.touch_user("@a:x", "notes")
        return self.writer.submit(write)


async def test_a_batch_is_written_again_where_it_was_given_up(new_database: Callable[[], Awaitable[str]]) -> None:
    """A transaction takes the same rows in another order: each would wait for the other for ever."""
    waits = "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with Desk(await new_database()) as desk:
        other = await asyncpg.connect(desk.url)
        await other.execute("SET deadlock_timeout = '1min'")  # so that PostgreSQL gives up the batch, which looks first
        transaction = other.transaction()
        await transaction.start()
        await other.execute("INSERT INTO notes VALUES (2, 0)")
        writing = asyncio.gather(desk.write(1), desk.write(2))
        await until(lambda: desk.database.fetchval(waits))
        await other.execute("INSERT INTO notes VALUES (1, 0)")
        await transaction.rollback()
        await writing
        await other.close()
        assert [row["n"] for row in await desk.database.fetch("SELECT n FROM notes ORDER BY n")] == [1, 2]


async def test_writes_are_gathered_and_positions_follow_commits(new_database: Callable[[], Awaitable[str]]) -> None:
    async with Desk(await new_database()) as desk:
        await asyncio.gather(*(desk.write(n) for n in range(200)))
        assert desk.writer.commits < 20
        assert await desk.database.fetchval("SELECT count(*) FROM notes") == 200
        assert [c.since for c in desk.heard[1:]] == [c.upto for c in desk.heard[:-1]]
        assert desk.clock.watermark == await desk.database.fetchval("SELECT max(upto) FROM journal")
        assert desk.heard[0].users == {"@a:x": {"notes"}}


async def test_a_repeated_transaction_gets_its_first_answer(new_database: Callable[[], Awaitable[str]]) -> None:
    async with Desk(await new_database()) as desk:
        assert await desk.write(1, "t") is None
        assert await desk.write(2, "t") == "result 1"
        assert await desk.database.fetchval("SELECT array_agg(n) FROM notes") == [1]


async def test_the_same_key_from_two_requests_is_written_twice_and_takes_nothing_with_it(
    new_database: Callable[[], Awaitable[str]],
) -> None:
    async with Desk(await new_database()) as desk:
        marks = [desk.mark(7) for _ in range(10)]
        assert await asyncio.gather(*marks, *(desk.write(n) for n in range(5))) == [None] * 15
        assert await desk.database.fetchval("SELECT count(*) FROM notes") == 5
        assert await desk.database.fetchval("SELECT upto FROM marks WHERE n = 7") > 0


async def test_one_bad_write_takes_no_other_with_it(new_database: Callable[[], Awaitable[str]]) -> None:
    async with Desk(await new_database()) as desk:
        results = await asyncio.gather(*(desk.write(n) for n in (1, 2, 5000, 3, 2, 4)), return_exceptions=True)
        assert [isinstance(r, Exception) for r in results].count(True) == 2
        assert isinstance(results[2], asyncpg.CheckViolationError)
        assert sorted(r["n"] for r in await desk.database.fetch("SELECT n FROM notes")) == [1, 2, 3, 4]


async def test_a_lost_connection_loses_and_doubles_nothing(new_database: Callable[[], Awaitable[str]]) -> None:
    async with Desk(await new_database()) as desk:
        futures = []
        for n in range(300):
            futures.append(desk.write(n, f"t{n}"))
            if n % 60 == 30:
                await desk.database.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chappe writer'"
                )
            await asyncio.sleep(0)
        await asyncio.gather(*futures)
        assert await desk.database.fetchval("SELECT count(*) FROM notes") == 300


async def test_a_read_is_repeated_and_a_write_that_was_sent_is_not(new_database: Callable[[], Awaitable[str]]) -> None:
    """`tries` is a sequence: what it counts stays counted when the connection goes."""
    database = await Database.connect(await new_database())
    await database.execute("CREATE SEQUENCE tries")
    await database.execute("CREATE TABLE notes (n bigint)")
    dies = "CASE WHEN nextval('tries') < 3 THEN pg_terminate_backend(pg_backend_pid()) END"
    assert await database.fetchval(f"SELECT {dies}") is None
    assert await database.fetchval("SELECT last_value FROM tries") == 3
    for write in (
        f"INSERT INTO notes VALUES (1) RETURNING {dies}",
        f"WITH x AS (INSERT INTO notes VALUES (1) RETURNING n) SELECT {dies} FROM x",
        f"UPDATE notes SET n = 2 RETURNING {dies}",
        f"DELETE FROM notes RETURNING {dies}",
    ):
        await database.execute("INSERT INTO notes VALUES (0)")
        await database.execute("SELECT setval('tries', 1)")
        with pytest.raises(DATABASE_LOST):
            await database.fetchrow(write)
        assert await database.fetchval("SELECT last_value FROM tries") == 2
    await database.close()


async def test_two_processes_share_one_order(new_database: Callable[[], Awaitable[str]]) -> None:
    url = await new_database()
    async with Desk(url) as a, Desk(url) as b:
        await asyncio.gather(*(desk.write(n * 2 + i) for n in range(50) for i, desk in enumerate((a, b))))
        await a.clock.catch_up()
        await b.clock.catch_up()
        assert a.clock.watermark == b.clock.watermark
        assert [(c.since, c.upto) for c in a.heard] == [(c.since, c.upto) for c in b.heard]
        assert all(c.since < c.upto for c in a.heard)


async def _as_of(postgres: EmbeddedPostgres, last: int) -> asyncpg.Connection:
    """A database as a version left it whose last migration this was."""
    admin = await asyncpg.connect(postgres.url_of("postgres"))
    await admin.execute(f"CREATE DATABASE as_of_{last} TEMPLATE template0")
    await admin.close()
    connection = await asyncpg.connect(postgres.url_of(f"as_of_{last}"))
    await connection.execute(_TABLE)
    for number, name, sql in available()[:last]:
        await connection.execute(sql)
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        await connection.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)", number, name, checksum
        )
    return connection


async def test_alarms_of_several_processes_become_one(postgres: EmbeddedPostgres) -> None:
    """Before migration 8 each process told of an organisation that read much; now there is one alarm in an hour."""
    connection = await _as_of(postgres, 7)
    hour = 3_600_000
    for who, step, ts in (
        ("a.example", "organisation", 5 * hour),
        ("a.example", "organisation", 5 * hour + 9),
        ("b.example", "organisation", 5 * hour),
        ("a.example", "organisation", 6 * hour),
        ("@a:a.example", "challenged", 1),
        ("@a:a.example", "challenged", 2),
    ):
        await connection.execute(
            "INSERT INTO read_guard_alerts (user_id, step, what, amount, ts) VALUES ($1, $2, 'events', 1, $3)", who, step, ts
        )
    assert await migrate(connection) == [name for _, name, _ in available()[7:]]
    left = await connection.fetch("SELECT ts FROM read_guard_alerts ORDER BY id")
    assert [row["ts"] for row in left] == [5 * hour, 5 * hour, 6 * hour, 1, 2]
    await connection.close()


async def test_what_earlier_rules_made_is_still_found_and_waits_to_be_made_anew(postgres: EmbeddedPostgres) -> None:
    """Migration 10: words of people are kept as they were, of names too long for a lexeme none; all are to be made anew."""
    connection = await _as_of(postgres, 9)
    for who, search in (("@zoe:a.example", "zoe dupont"), ("@long:a.example", "x" * 60_000), ("@nobody:a.example", "")):
        await connection.execute("INSERT INTO user_directory VALUES ($1, 'a.example', NULL, NULL, $2)", who, search)
    await connection.execute(
        "INSERT INTO room_summaries (room_nid, join_rule, history_visibility, guest_access, joined, invited, search) "
        "VALUES (7, 'public', 'shared', 'forbidden', 1, 0, 'salle')"
    )
    await connection.execute(
        "INSERT INTO event_search (nid, room_nid, position, ts, sender, type, words) "
        "VALUES (5, 7, 1, 1, '@zoe:a.example', 'm.room.message', to_tsvector('simple', 'bonjour'))"
    )
    await migrate(connection)
    people = await connection.fetch("SELECT user_id, words::text, rules FROM user_directory ORDER BY user_id")
    assert [tuple(row) for row in people] == [
        ("@long:a.example", "", 0),
        ("@nobody:a.example", "", 0),
        ("@zoe:a.example", "'dupont' 'zoe'", 0),
    ]
    places = await connection.fetch("SELECT name, position FROM progress WHERE name IN ('search words', 'room words')")
    assert {row["name"]: row["position"] for row in places} == {"search words": 6, "room words": 8}
    assert await connection.fetchval("SELECT count(*) FROM event_search WHERE words @@ 'bonjour'::tsquery") == 1
    await connection.execute("INSERT INTO user_directory VALUES ('@new:a.example', 'a.example', NULL, NULL, 'neu')")
    assert await connection.fetchval("SELECT rules FROM user_directory WHERE user_id = '@new:a.example'") == 1
    await connection.close()


async def test_a_database_of_the_foundation_is_brought_up_to_date(postgres: EmbeddedPostgres) -> None:
    """Rooms, relations and published rooms from before migration 2 are there after it."""
    connection = await _as_of(postgres, 1)
    await connection.execute("INSERT INTO domains (server_name, signing_seed, key_version) VALUES ('a.example', 'x', '1')")
    await connection.execute("INSERT INTO rooms VALUES (1, '!r', '12', 1, 1, '{$b}', 0, 2, 1, 0, 2, true)")
    for nid, body in enumerate(
        (
            {},
            {"m.relates_to": {"rel_type": "m.reference", "event_id": "$a"}},
            {"m.relates_to": {"rel_type": "m.reference", "event_id": "$a"}, "nul": "\u0000"},
            {"m.relates_to": "nonsense"},
        ),
        1,
    ):
        raw = json.dumps({"type": "m.room.message", "content": body}).encode()
        await connection.execute(
            "INSERT INTO events VALUES ($1, $1, 1, $2, 'm.room.message', NULL, '@a:a.example', 1, 1, 0, NULL, 1, 0, NULL, NULL, $3)",
            nid,
            f"${nid}",
            raw,
        )
    assert await migrate(connection) == [name for _, name, _ in available()[1:]]
    assert [(r["nid"], r["target"], r["rel_type"]) for r in await connection.fetch("SELECT * FROM relations")] == [
        (2, "$a", "m.reference")
    ]
    assert await connection.fetchval("SELECT server_name FROM published_rooms WHERE room_nid = 1") == "a.example"
    assert await connection.fetchval("SELECT bump_position FROM rooms") == 2
    await connection.close()


async def test_whoever_holds_a_connection_takes_no_other(new_database: Callable[[], Awaitable[str]]) -> None:
    """In tests it is an error, wherever it is done; a task that outlives the transaction is no part of it."""
    database = await Database.connect(await new_database())
    asks: list[Callable[[], Awaitable[Any]]] = [
        lambda: database.fetch("SELECT 1"),
        lambda: database.fetchrow("SELECT 1"),
        lambda: database.fetchval("SELECT 1"),
        lambda: database.execute("SELECT 1"),
        lambda: in_background(database.fetchval("SELECT 1"), "asks"),
        lambda: _began(database),
        lambda: _began(database, reads_beside=True),
        lambda: asyncio.gather(database.fetchval("SELECT 1")),
    ]
    for ask in asks:
        async with database.transaction():
            with pytest.raises(RuntimeError):
                await ask()
        async with database.transaction(reads_beside=True):
            if ask is not asks[6]:
                await ask()
            async with database.transaction():
                with pytest.raises(RuntimeError):
                    await ask()
        await ask()
    over = asyncio.Event()

    async def later() -> Any:
        await over.wait()
        return await database.fetchval("SELECT 1")

    async with database.transaction():
        task = asyncio.create_task(later())
    over.set()
    assert await task == 1
    await database.close()


async def _began(database: Database, reads_beside: bool = False) -> None:
    async with database.transaction(reads_beside=reads_beside) as connection:
        await connection.execute("SELECT 1")


async def test_who_reads_beside_leaves_connections_to_read_by(new_database: Callable[[], Awaitable[str]]) -> None:
    database = await Database.connect(await new_database(), size=2)

    async def one() -> Any:
        async with database.transaction(reads_beside=True):
            return await database.fetchval("SELECT 1")

    assert await asyncio.gather(*(one() for _ in range(20))) == [1] * 20
    await database.close()
