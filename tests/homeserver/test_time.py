"""The clock is evidence, not truth: due times go by the database's, and nothing irreversible is done while the time is in doubt.

The database's clock is moved here by a `clock_timestamp` that its sessions find before the system's.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
import pytest_asyncio

import chappe
from chappe.agency.app import AgencyServer
from chappe.config import Agency
from chappe.homeserver.database import server_time
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import DAY_MS, HOUR_MS, ServerTime, TimeEvidence, TimeInDoubt
from tests.support import Server, bodies

SOURCE = Path(chappe.__file__).parent
ON_A_WRONG_CLOCK_TOO = {  # jobs that a wrong clock may run: what each does is undone by itself
    "last seen": "writes when devices were seen",
    "time": "looks at the clock itself",
    "presence": "who is online, told anew by the next request",
    "domains": "reads which domains are hosted",
    "federation": "wakes deliveries early or late; nothing is given up",
    "guests elsewhere": "asks other servers",
    "inbox": "goes on with what other servers sent",
    "members": "goes on fetching members",
    "erased": "reads who wants to be erased",
    "profiles": "carries names into rooms",
    "room purges": "deletes what an administrator has named; only its patience with other servers is timed",
    "people": "places people by their addresses",
    "announcements": "sends what waits",
    "statistics": "counts; a month is counted again while it lasts",
    "exports": "makes packages; those left half made are made again",
    "read guard": "saves counters of a day",
    "search words": "makes anew what is searched by",
    "retractions": "goes by what people have read; nothing in it is timed",
    "guest access": "guests leave rooms that are closed to them, whenever that was",
}
WALL_CLOCK = {  # who may ask this machine's clock, and why
    "homeserver/database/server_time.py": "the one place",
    "homeserver/app/gateway.py": "it has no database",
    "homeserver/sync/sliding/connection.py": "numbers that grow from one process to the next",
    "cli/admin.py": "the audit entry of an installation that has never run",
    "cli/federation.py": "how long ago something failed, in words",
}


async def _move(url: str, ms: int) -> None:
    """The clock of a database, for sessions that begin afterwards."""
    connection = await asyncpg.connect(url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"""
        CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
            $$ SELECT pg_catalog.clock_timestamp() + interval '{ms} milliseconds' $$;
        ALTER DATABASE {name} SET search_path = public, pg_catalog;""")
    await connection.close()


class Stage:
    """A database, a look at its clock, and what the administrators are told."""

    def __init__(self, url: str) -> None:
        self.url, self.told = url, list[str]()

    async def open(self) -> Stage:
        self.database = await Database.connect(self.url, size=2)
        self.clock = ServerTime()
        self.evidence = TimeEvidence(self.database, self.clock)
        self.evidence.listen(self._tell)
        return self

    async def _tell(self, doubt: str) -> None:
        self.told.append(doubt)

    async def at(self, ms: int) -> str | None:
        """What a process that starts now, or goes on, makes of a database whose clock is wrong by so much."""
        await _move(self.url, ms)
        await self.database._pool.expire_connections()
        return await self.evidence.check_time()

    async def restart(self) -> None:
        await self.database.close()
        await self.open()


@pytest_asyncio.fixture
async def stage(new_database: Callable[[], Awaitable[str]], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    here = await Stage(await new_database()).open()
    # both clocks are this machine's, as where the database is embedded
    monkeypatch.setattr(server_time, "_wall_now_ns", lambda: here.clock.now_ms() * 1_000_000)
    yield here
    await here.database.close()


@pytest.mark.parametrize(
    "jump_ms, running, down",
    [
        (5 * 60_000, True, True),
        (2 * HOUR_MS, False, True),
        (2 * DAY_MS, False, False),
        (40 * DAY_MS, False, False),
        (-2 * HOUR_MS, False, False),
        (-400 * DAY_MS, False, False),
    ],
)
async def test_which_jumps_are_believed(stage: Stage, jump_ms: int, running: bool, down: bool) -> None:
    """While the server runs, and from one run to the next."""
    assert await stage.at(0) is None
    assert (await stage.at(jump_ms) is None) is running
    await stage.restart()
    if running:
        await stage.evidence.confirm()
        return
    assert (await stage.at(jump_ms) is None) is down


async def test_a_doubt_is_told_once_and_ends_when_time_agrees_again(stage: Stage) -> None:
    done = []

    async def irreversible() -> None:
        done.append(stage.clock.now_ms())

    job = stage.evidence.required(irreversible)
    await stage.at(0)
    await job()
    assert len(done) == 1
    assert await stage.at(40 * DAY_MS) is not None
    with pytest.raises(TimeInDoubt):
        await job()
    await stage.restart()  # starting again does not make it right
    job = stage.evidence.required(irreversible)
    for _ in range(2):
        with pytest.raises(TimeInDoubt):
            await job()
    assert len(done) == 1 and len(stage.told) == 1, stage.told
    assert await stage.at(0) is None
    await job()
    assert len(done) == 2
    assert await stage.at(40 * DAY_MS) is not None
    assert len(stage.told) == 2, "a new doubt is told anew"


async def test_an_operator_confirms_a_time_to_every_process(stage: Stage) -> None:
    await stage.at(0)
    other = await Stage(stage.url).open()
    await other.evidence.check_time()
    for process in (stage, other):
        assert await process.at(40 * DAY_MS) is not None
    command = await Stage(stage.url).open()
    assert await command.evidence.doubt_now() is not None
    await command.evidence.confirm()
    for process in (stage, other, command):
        assert await process.evidence.check_time() is None
    for process in (other, command):
        await process.database.close()


class TwoClocks:
    """In place of the module `time`: where each stands at first, and what has passed since, in microseconds."""

    def __init__(self, wall_us: int, monotonic_us: int) -> None:
        self._wall_us, self._monotonic_us, self.passed_us = wall_us, monotonic_us, 0

    def time_ns(self) -> int:
        return (self._wall_us + self.passed_us) * 1000

    def monotonic_ns(self) -> int:
        return (self._monotonic_us + self.passed_us) * 1000


@pytest.mark.parametrize("wall_us", range(1_000_000, 1_001_000, 100))
def test_no_millisecond_is_lost_between_two_clocks(wall_us: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said after an instant has no stamp before it, wherever within a millisecond either clock was first read."""
    for monotonic_us in range(5_000, 6_000, 100):
        clocks = TwoClocks(wall_us, monotonic_us)
        monkeypatch.setattr(server_time, "time", clocks)
        clock = ServerTime()
        for clocks.passed_us in range(0, 3_000, 100):
            assert clock.now_ms() == server_time.wall_now_ms()


async def test_the_database_is_asked_and_no_millisecond_is_lost(new_database: Callable[[], Awaitable[str]]) -> None:
    database, clock = await Database.connect(await new_database(), size=2), ServerTime()
    for moved_ms in (0, 0, 0, 60_000, -60_000, 0):
        clock._offset_ns += moved_ms * 1_000_000  # one of the two clocks was set
        await clock.compare(database)
        for _ in range(200):
            then = server_time.wall_now_ms()
            assert then <= clock.now_ms() <= server_time.wall_now_ms() + 1
    await database.close()


async def test_a_node_whose_clock_is_two_hours_ahead_behaves_right(
    new_server: Callable[..., Awaitable[Server]],
    new_database: Callable[[], Awaitable[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = await new_database()
    right = await new_server(url=url)
    real = server_time._wall_now_ns
    monkeypatch.setattr(server_time, "_wall_now_ns", lambda: real() + (2 * HOUR_MS + 1000) * 1_000_000)
    ahead = await new_server(url=url)
    assert "this machine's clock and the database's differ" in caplog.text
    alice = await right.person(refresh_token=True)
    there = type(alice)(ahead, alice.session)
    assert (await there.call("GET", "/account/whoami"))["user_id"] == alice.id, "its token is an hour from its end"
    room = await there.create_room()
    event = await there.say(room, "now")
    told = await there.call("GET", f"/rooms/{quote(room)}/event/{quote(event)}")
    assert abs(told["origin_server_ts"] - right.node.now_ms()) < 60_000
    status, raw, _ = await ahead.raw("GET", "/metrics")
    assert status == 200 and b"chappe_clock_skew_seconds 720" in raw
    assert await ahead.node.time_evidence.check_time() is not None, "what cannot be undone waits for the other node"


async def test_a_clock_forty_days_ahead_erases_nothing(
    new_server: Callable[..., Awaitable[Server]], new_database: Callable[[], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: retention runs as a job of a server that is started with its clock in the future."""
    url = await new_database()
    settings = {"agency": Agency(enabled=True)}
    server = await new_server(url=url, **settings)
    alice = await server.person("alice")
    await server.node.database.execute("UPDATE users SET is_admin = true WHERE user_id = $1", alice.id)
    room = await alice.create_room(preset="private_chat")
    await alice.set_state(room, "m.room.retention", {"max_lifetime": 30 * DAY_MS})
    await alice.say(room, "kept")
    await _job(server, "time")
    await _move(url, 40 * DAY_MS)
    monkeypatch.setattr(server_time, "_wall_now_ns", lambda real=server_time._wall_now_ns: real() + 40 * DAY_MS * 1_000_000)
    await server.node.stop()
    server.node = AgencyServer(server.config, server.data, url)
    await server.node.start()
    server.base = server.node.listeners[0].url
    with pytest.raises(TimeInDoubt):
        await _job(server, "retention")
    assert bodies((await alice.messages(room))["chunk"]) == ["kept"]
    status, raw, _ = await server.raw("GET", "/metrics")
    assert b"chappe_clock_in_doubt 1" in raw
    joined = (await alice.sync())["rooms"]["join"].values()
    notices = [e["content"]["body"] for r in joined for e in r["timeline"]["events"] if e["type"] == "m.room.message"]
    assert any("chappe admin clock confirm" in body and "L'heure du serveur est douteuse" in body for body in notices)
    await server.node.time_evidence.confirm()
    await _job(server, "retention")
    assert bodies((await alice.messages(room))["chunk"]) == []


async def _job(server: Server, name: str) -> None:
    """As the runner of jobs does it."""
    (job,) = [job for job in server.node.jobs.jobs if job.name == name]
    await job.run()


# --------------------------------------------------------------------------------------------------------- the source


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def test_every_job_waits_for_a_time_that_is_believed_or_says_why_not() -> None:
    bare: dict[str, str] = {}
    for path in (*SOURCE.rglob("part.py"), *SOURCE.rglob("parts.py")):
        for call in _calls(path):
            if ast.unparse(call.func) == "Job" and not any(k.arg == "cannot_be_undone" for k in call.keywords):
                assert isinstance(call.args[0], ast.Constant), "a job has its name where it is declared"
                bare[str(call.args[0].value)] = ast.unparse(call.args[2])
    assert bare.keys() == ON_A_WRONG_CLOCK_TOO.keys(), (
        "say `cannot_be_undone` of a Job that cannot, or say in ON_A_WRONG_CLOCK_TOO why a wrong clock does no harm"
    )


def test_the_wall_clock_is_asked_in_one_place() -> None:
    asked, used = set(), set()
    for path in SOURCE.rglob("*.py"):
        text, name = path.read_text(), str(path.relative_to(SOURCE))
        for call in _calls(path):
            if ast.unparse(call.func) in (
                "time.time",
                "time.time_ns",
                "datetime.now",
                "datetime.datetime.now",
                "datetime.utcnow",
            ):
                asked.add(name)
        if "wall_now_ms" in text:
            used.add(name)
    assert asked == {"homeserver/database/server_time.py"}
    assert used == WALL_CLOCK.keys()
