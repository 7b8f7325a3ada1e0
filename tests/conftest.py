"""A real PostgreSQL per worker, a database cloned from a migrated template per test, servers on free ports."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest
import pytest_asyncio

from chappe.homeserver.database import rows
from chappe.homeserver.database.embedded import EmbeddedPostgres
from chappe.homeserver.database.migrations import migrate
from chappe.homeserver.database.pool import Database
from tests import lost_tasks
from tests.conformance.operations import ANSWERED, never_answered
from tests.neighbours import Gateway, Mailbox
from tests.support import Person, Server, test_config
from tests.watched_rows import check

MEMORY_FOR_POSTGRES = 4 << 30  # bytes
_numbers = itertools.count(1)
hypothesis.settings.register_profile("chappe", deadline=None)  # times are for benchmarks, not for tests
hypothesis.settings.load_profile("chappe")
Database.is_watched = True
rows.watch = check


@pytest_asyncio.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """One server per worker. `chappe` is the migrated template.

    It need not survive the machine, so it does not wait for the disk, and lies in memory where there is room: most of the time
    of a test that has its own database went into copying its files. Plays that kill a server have one of their own.
    """
    directory = in_memory(MEMORY_FOR_POSTGRES) or tmp_path_factory.mktemp("pg")
    server = EmbeddedPostgres(directory / "postgres", fsync="off", full_page_writes="off")
    await server.start()
    connection = await asyncpg.connect(server.url)
    await migrate(connection)
    await connection.close()
    yield server
    await server.stop()
    shutil.rmtree(directory)


def in_memory(size: int) -> Path | None:
    """A new folder in the machine's memory; None where so many bytes are not free there. Those of runs that were killed go."""
    root, prefix = Path("/dev/shm"), "chappe-tests-"
    if not root.is_dir() or shutil.disk_usage(root).free < size:
        return None
    for old in root.glob(f"{prefix}*"):
        if not Path("/proc", old.name.removeprefix(prefix)).exists():
            shutil.rmtree(old, ignore_errors=True)
    directory = root / f"{prefix}{os.getpid()}"
    directory.mkdir(mode=0o711)
    return directory


@pytest_asyncio.fixture
async def new_database(postgres: EmbeddedPostgres) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Makes a database, migrated and empty, and returns its URL. They go with the test: thousands of them fill a disk."""
    made: list[str] = []

    async def make() -> str:
        made.append(await new_database_of(postgres))
        return postgres.url_of(made[-1])

    yield make
    if made:
        connection = await asyncpg.connect(postgres.url_of("postgres"))
        for name in made:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.close()


async def new_database_of(postgres: EmbeddedPostgres) -> str:
    """The name of a new database, for what lasts longer than a test."""
    name = f"test{next(_numbers)}"
    connection = await asyncpg.connect(postgres.url_of("postgres"))
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE chappe STRATEGY FILE_COPY")
    await connection.close()
    return name


@pytest_asyncio.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """A real mail server that keeps what it is given."""
    running = Mailbox().start()
    yield running
    running.stop()
    assert running.ids == [], "a mail names people and devices as they are called"


@pytest_asyncio.fixture
async def new_server(
    new_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """Starts servers of one's own, with settings of one's own."""
    servers: list[Server] = []

    async def start(url: str | None = None, **settings: Any) -> Server:
        url = url or await new_database()
        server = Server(test_config(**settings), tmp_path / url.rsplit("/", 1)[-1].split("?")[0], url)
        servers.append(server)
        return await server.start()

    yield start
    for server in servers:
        await server.stop()


@pytest_asyncio.fixture(scope="session")
async def server(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server shared by the tests of a worker: people and rooms are each test's own."""
    data = tmp_path_factory.mktemp("data")
    running = await Server(test_config(), data, postgres.url_of(await new_database_of(postgres))).start()
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def alice(server: Server) -> Person:
    return await server.person()


@pytest_asyncio.fixture
async def bob(server: Server) -> Person:
    return await server.person()


@pytest_asyncio.fixture
async def carol(server: Server) -> Person:
    return await server.person()


# ------------------------------------------------------------- every operation of the specification has a behaviour test


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A push gateway."""
    running = await Gateway().start()
    yield running
    await running.stop()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A task that was lost fails a run. After a whole run, operations that no test got an answer from do, too."""
    lost = lost_tasks.lost()
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # a worker tells the controller
        output["operations"], output["lost"] = sorted(ANSWERED), lost
        return
    if lost:
        print("\nTasks that nobody ended:", *lost, sep="\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    whole = session.config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if (
        whole
        and not session.config.option.keyword
        and not session.config.option.markexpr
        and not session.config.option.collectonly
    ):
        if missing := never_answered():
            print(f"\nOperations of the specification without a behaviour test: {', '.join(missing)}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """From pytest-xdist: a worker has ended."""
    output = getattr(node, "workeroutput", {})
    ANSWERED.update(output.get("operations", ()))
    lost_tasks.found += output.get("lost", ())
