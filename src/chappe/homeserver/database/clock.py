"""The clock, seen from a process: how far it has read the log, and what the latest commits touched.

A commit is a row of `journal`: positions (since, upto], the rooms and the users that it changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from chappe.homeserver.database.journal import LoggedCommit
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.rows import Row, find, read

log = logging.getLogger(__name__)
POLL_SECONDS = 0.3
REMEMBERED_COMMITS = 5000
ANYTHING = frozenset(["*"])  # what a commit of another process may have changed


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: it took the positions (since, upto].

    `rooms`, `users`: by room number and user id, the kinds of what it changed ("events", "receipts", "to_device" …). `foreign`:
    another process made it, and its kinds are not known (`ANYTHING`).
    """

    since: int
    upto: int
    rooms: Mapping[int, Collection[str]] = field(default_factory=dict)
    users: Mapping[str, Collection[str]] = field(default_factory=dict)
    foreign: bool = False  # made by another process


class LogEnd(Row):
    upto: int
    epoch: bytes


class Clock:
    """`watermark`: this process knows everything up to here. Listeners hear each commit once, in order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.watermark = 0
        self.epoch = ""
        self._recent: list[Commit] = []
        self._listeners: list[Callable[[Commit], None]] = []
        self.listener_failures = 0
        self._last_heard = 0.0
        self._repair = asyncio.Lock()

    async def start(self) -> None:
        row = await find(
            self._database,
            LogEnd,
            "SELECT (SELECT max(upto) FROM journal) AS upto, (SELECT value FROM secrets WHERE name = 'epoch') AS epoch",
        )
        assert row is not None
        self.watermark, self.epoch = row.upto, row.epoch.hex()[:8]

    def listen(self, listener: Callable[[Commit], None]) -> None:
        self._listeners.append(listener)

    def heard(self, commit: Commit) -> None:
        """Tells every listener of a commit, and moves the watermark to its end. The commits before it must have been heard."""
        if commit.upto <= self.watermark:
            return
        self.watermark, self._last_heard = commit.upto, time.monotonic()
        self._recent.append(commit)
        if len(self._recent) > 2 * REMEMBERED_COMMITS:
            del self._recent[:REMEMBERED_COMMITS]
        for listener in self._listeners:
            try:
                listener(commit)
            except Exception:  # what is committed is committed: the others hear of it, and its author is answered
                self.listener_failures += 1
                log.exception("a listener of the clock failed", extra={"fields": {"upto": commit.upto}})

    def since(self, position: int) -> list[Commit] | None:
        """The commits after a position (the end of some commit), or None where they are no longer remembered."""
        if position >= self.watermark:
            return []
        if not self._recent or self._recent[0].since > position:
            return None
        return self._recent[bisect_right(self._recent, position, key=lambda c: c.upto) :]

    async def catch_up(self) -> None:
        """Reads from the journal what other processes committed."""
        async with self._repair:
            while True:
                rows = await read(
                    self._database,
                    LoggedCommit,
                    "SELECT since, upto, rooms, users FROM journal WHERE upto > $1 ORDER BY upto LIMIT 1000",
                    self.watermark,
                )
                for row in rows:
                    self._heard_row(row)
                if len(rows) < 1000:
                    self._last_heard = time.monotonic()
                    return

    async def catch_up_to(self, position: int) -> None:
        """Reads the gap before a commit of this process."""
        while self.watermark < position:
            try:
                await self.catch_up_below(position)
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(0.05)

    async def catch_up_below(self, position: int) -> None:
        async with self._repair:
            rows = await read(
                self._database,
                LoggedCommit,
                "SELECT since, upto, rooms, users FROM journal WHERE upto > $1 AND upto <= $2 ORDER BY upto",
                self.watermark,
                position,
            )
            for row in rows:
                self._heard_row(row)

    def _heard_row(self, row: LoggedCommit) -> None:
        rooms, users = dict.fromkeys(row.rooms, ANYTHING), dict.fromkeys(row.users, ANYTHING)
        self.heard(Commit(row.since, row.upto, rooms, users, foreign=True))

    async def poll(self) -> None:
        """Reads the journal when nothing was heard for POLL_SECONDS: another process may have committed. Runs until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if time.monotonic() - self._last_heard >= POLL_SECONDS:
                with contextlib.suppress(TimeoutError, *DATABASE_LOST):
                    await self.catch_up()
