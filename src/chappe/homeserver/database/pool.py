"""The connection pool: plain reads and the few writes that need no position in the log."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import asyncpg

from chappe.homeserver.load.tasks import IN_BACKGROUND

T = TypeVar("T")
DATABASE_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    OSError,
)
# The transaction was rolled back for the sake of another (deadlock, serialization): nothing of it is written, and it may be made again.
ROLLED_BACK = asyncpg.TransactionRollbackError
# What is refused for its values, by class of SQLSTATE: a value that no column takes (22: U+0000 in a text), no index (54: 8 KB of it),
# or that a rule of the table refuses (23, 27, 44); the same key twice in one statement (21: two requests that one commit has joined);
# and what a function or trigger says to them (09, 20, 2F, 38, 39, P0).
BAD_DATA = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.CardinalityViolationError,
    asyncpg.TriggeredDataChangeViolationError,
    asyncpg.WithCheckOptionViolationError,
    asyncpg.TriggeredActionError,
    asyncpg.CaseNotFoundError,
    asyncpg.SQLRoutineError,
    asyncpg.ExternalRoutineError,
    asyncpg.ExternalRoutineInvocationError,
    asyncpg.PLPGSQLError,
)
READER_SETTINGS = {"jit": "off", "plan_cache_mode": "auto", "application_name": "chappe"}
RETRY_FOR = 15.0  # seconds that a read waits for a database that restarts
_WRITES = re.compile(r"\b(?:INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\w+\s.*?\bSET)\b", re.IGNORECASE | re.DOTALL)


@lru_cache(4096)
def changes(sql: str) -> bool:
    """Whether a statement writes, also one that answers with rows (`… RETURNING`)."""
    return _WRITES.search(sql) is not None


class Record(Protocol):
    """asyncpg's: a row that no type describes. What is known before the statement runs is read by `rows.read`."""

    def __getitem__(self, key: str | int, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...
    def get(self, key: str, default: Any = None, /) -> Any: ...
    def keys(self) -> Iterator[str]: ...
    def values(self) -> Iterator[Any]: ...
    def items(self) -> Iterator[tuple[str, Any]]: ...


class Executor(Protocol):
    """What runs a statement: the pool, by itself, or the connection of somebody's transaction."""

    async def fetch(self, sql: str, /, *arguments: Any) -> Sequence[Record]: ...

    async def fetchrow(self, sql: str, /, *arguments: Any) -> Record | None: ...

    async def fetchval(self, sql: str, /, *arguments: Any) -> Any: ...

    async def execute(self, sql: str, /, *arguments: Any) -> str: ...


class _Held:
    """A connection that a task holds for a transaction."""

    __slots__ = ("is_given_back", "reads_beside")

    def __init__(self, reads_beside: bool) -> None:
        self.reads_beside, self.is_given_back = reads_beside, False


_held: ContextVar[_Held | None] = ContextVar("held", default=None)


class Database:
    """A pool with the three ways of asking. Counts the statements of requests, so that tests can hold routes to a budget.

    Whoever holds a connection takes no other: where all who hold one wait for another, nobody of the process goes on. What has
    to, says so (`transaction`, `reads_beside`), and half of the pool at most is held so.
    """

    is_watched = False  # tests: taking a second connection is an error there, wherever it is done

    def __init__(self, url: str, pool: asyncpg.Pool, beside: asyncio.Semaphore) -> None:
        self.url, self._pool, self._beside = url, pool, beside
        self.statements = 0

    @classmethod
    async def connect(cls, url: str, size: int = 8) -> Database:
        pool = await asyncpg.create_pool(url, min_size=1, max_size=size, server_settings=READER_SETTINGS, command_timeout=60)
        return cls(url, pool, asyncio.Semaphore(max(1, size // 2)))

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except (TimeoutError, *DATABASE_LOST):
            self._pool.terminate()

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Record]:
        found: Sequence[Record] = await self._read("fetch", sql, arguments)
        return found

    async def fetchrow(self, sql: str, *arguments: Any) -> Record | None:
        found: Record | None = await self._read("fetchrow", sql, arguments)
        return found

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        return await self._read("fetchval", sql, arguments)

    async def _read(self, method: str, sql: str, arguments: tuple[Any, ...]) -> Any:
        """Waits for a database that is restarting. A read is repeated; a write only where it was not sent yet, or was rolled back.

        Whoever loses the connection under a write cannot know whether it was carried out: it is raised, as by `execute`.
        """
        self.statements += not IN_BACKGROUND.get()
        self._look_at_what_is_held()
        deadline = time.monotonic() + RETRY_FOR
        while True:
            was_sent = False
            try:
                async with self._pool.acquire() as connection:
                    was_sent = True
                    return await getattr(connection, method)(sql, *arguments)
            except ROLLED_BACK:
                if time.monotonic() > deadline:
                    raise
            except DATABASE_LOST:
                if time.monotonic() > deadline or self._pool.is_closing() or (was_sent and changes(sql)):
                    raise
                await asyncio.sleep(0.1)

    async def execute(self, sql: str, *arguments: Any) -> str:
        """A single write. Not repeated on a lost connection: the caller learns that its outcome is unknown.

        It is where it was rolled back: PostgreSQL gives up one of two transactions that wait for each other.
        """
        self.statements += not IN_BACKGROUND.get()
        self._look_at_what_is_held()
        deadline = time.monotonic() + RETRY_FOR
        while True:
            try:
                return await self._pool.execute(sql, *arguments)  # type: ignore[no-any-return]
            except ROLLED_BACK:
                if time.monotonic() > deadline:
                    raise

    def _look_at_what_is_held(self, reads_beside: bool = False) -> None:
        """Raises RuntimeError, in tests."""
        held = _held.get() if self.is_watched else None
        if held is not None and not held.is_given_back and (reads_beside or not held.reads_beside):
            raise RuntimeError("A second connection is taken inside a transaction: use the one that it has")

    @contextlib.asynccontextmanager
    async def transaction(
        self, isolation: str = "read_committed", readonly: bool = False, reads_beside: bool = False
    ) -> AsyncIterator[Any]:
        """One connection in a transaction.

        `reads_beside`: others are taken while it lasts, by what is called in it; it waits until not too many do so.
        """
        self._look_at_what_is_held(reads_beside)
        gate = self._beside if reads_beside else contextlib.nullcontext()
        async with gate, self._pool.acquire() as connection, connection.transaction(isolation=isolation, readonly=readonly):
            self.statements += not IN_BACKGROUND.get()
            before, held = _held.get(), _Held(reads_beside)
            _held.set(held)
            try:
                yield connection
            finally:
                held.is_given_back = True
                _held.set(before)
