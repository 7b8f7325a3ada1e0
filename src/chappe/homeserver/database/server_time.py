"""What time it is: by the database's clock, which all nodes share, and only as long as there is evidence for it.

A clock is evidence, not truth. A node's own may be wrong: due times and ends go by the database's (`ServerTime`). The database's
may be wrong as well, after a bad real-time clock, a resumed machine, a step of NTP: what cannot be undone is done only while
time has passed as it should since somebody last looked (`TimeEvidence`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find

T = TypeVar("T")
log = logging.getLogger(__name__)
NS_IN_MS = 1_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
WARN_MS = 5_000  # two clocks that differ by more are told of
ALLOWED_JUMP_MS = HOUR_MS  # between two clocks, and beyond what a process has seen pass
ALLOWED_DOWN_MS = DAY_MS  # since the last look of any process: longer, and an operator says that the time is right


class NowMs(Protocol):
    """What time it is, in milliseconds since 1970."""

    def __call__(self) -> int: ...


def wall_now_ms() -> int:
    """This machine's clock, in milliseconds. Everything else asks a `ServerTime`."""
    return _wall_now_ns() // NS_IN_MS


def _wall_now_ns() -> int:
    return time.time_ns()


def _monotonic_ms() -> int:
    return time.monotonic_ns() // NS_IN_MS


class TimeInDoubt(Exception):
    """A job that cannot be undone was not done; the words say why."""


class ServerTime:
    """`now_ms` costs nothing: what this process has seen pass since it last asked the database (`compare`).

    The offset between the clocks is kept in nanoseconds: the sum of two numbers that are cut to whole milliseconds would be one
    late, so that an event would be older than what was said before it.
    """

    def __init__(self) -> None:
        self._offset_ns = _wall_offset_ns()
        self.skew_ms = 0  # how far this machine's clock is ahead of the database's
        self._is_told = False

    def now_ms(self) -> int:
        return (time.monotonic_ns() + self._offset_ns) // NS_IN_MS

    async def compare(self, database: Database) -> None:
        """Asks the database what time it is."""
        before = time.monotonic_ns()
        seconds = await database.fetchval("SELECT extract(epoch FROM clock_timestamp())")
        after = time.monotonic_ns()
        found = int(seconds * 1_000_000) * 1000
        least, most = found - after, found + 1000 - before  # it tells whole microseconds
        # within what the answer leaves open the old offset is as good, and the machine's own where both clocks are one
        within = (offset for offset in (self._offset_ns, _wall_offset_ns()) if least <= offset <= most)
        self._offset_ns = next(within, (least + most) // 2)
        self.skew_ms = wall_now_ms() - self.now_ms()
        if (abs(self.skew_ms) > WARN_MS) != self._is_told:
            self._is_told = not self._is_told
            if self._is_told:
                log.warning(
                    "this machine's clock and the database's differ: the database's is used. Look at NTP on both",
                    extra={"fields": {"seconds_ahead": self.skew_ms / 1000}},
                )


def _wall_offset_ns() -> int:
    """How far this machine's clock is ahead of its monotonic one."""
    before = time.monotonic_ns()
    return _wall_now_ns() - before


class Evidence(Row):
    seen_ts: int
    confirmed: int


class TimeEvidence:
    """Whether what cannot be undone may be done now."""

    def __init__(self, database: Database, clock: ServerTime) -> None:
        self._database, self._clock = database, clock
        self._listeners: list[Callable[[str], Awaitable[None]]] = []
        self._last: tuple[int, int] | None = None  # when all was well: the time, and the monotonic clock
        self._confirmed = 0
        self.doubt: str | None = None

    def listen(self, listener: Callable[[str], Awaitable[None]]) -> None:
        """`listener` is told of each doubt, in words: in one process of all."""
        self._listeners.append(listener)

    def required(self, job: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
        """The job, which raises TimeInDoubt and does nothing while the time is in doubt."""

        async def run() -> T:
            if (doubt := await self.check_time()) is not None:
                raise TimeInDoubt(doubt)
            return await job()

        return run

    async def doubt_now(self) -> str | None:
        """As `check_time`, without writing down or telling anything."""
        await self._clock.compare(self._database)
        seen = await self._database.fetchval("SELECT seen_ts FROM time_evidence")
        return None if seen is None else self._doubt(self._clock.now_ms(), seen)

    async def check_time(self) -> str | None:
        """What speaks against the time, in words; None: nothing, and so it is written down."""
        await self._clock.compare(self._database)
        now = self._clock.now_ms()
        row = await find(
            self._database,
            Evidence,
            """INSERT INTO time_evidence (seen_ts) VALUES ($1)
               ON CONFLICT (one) DO UPDATE SET seen_ts = time_evidence.seen_ts RETURNING seen_ts, confirmed""",
            now,
        )
        assert row is not None
        if row.confirmed != self._confirmed:
            self._confirmed, self._last = row.confirmed, None
        doubt = self._doubt(now, row.seen_ts)
        if doubt is None:
            self._last = (now, _monotonic_ms())
            await self._database.execute("UPDATE time_evidence SET seen_ts = $1, is_told = false", now)
            if self.doubt is not None:
                log.warning("the time is believed again")
        elif doubt != self.doubt:
            log.error("the time is in doubt: nothing is erased or ended", extra={"fields": {"why": doubt}})
        self.doubt = doubt
        if doubt is not None:
            await self._tell(doubt)
        return doubt

    def _doubt(self, now: int, seen: int) -> str | None:
        if abs(self._clock.skew_ms) > ALLOWED_JUMP_MS:
            return f"the clocks of this machine and of the database differ by {_span(self._clock.skew_ms)}"
        if self._last is not None:
            then, monotonic = self._last
            jump = now - then - (_monotonic_ms() - monotonic)
            if abs(jump) > ALLOWED_JUMP_MS:
                return f"the clock was moved by {_span(jump)} while the server was running"
        if now - seen > ALLOWED_DOWN_MS:
            return f"the server last looked at its clock on {_day(seen)}, and the clock now says {_day(now)}"
        if seen - now > ALLOWED_JUMP_MS:
            return f"the clock says {_day(now)}, but has said {_day(seen)} before"
        return None

    async def _tell(self, doubt: str) -> None:
        if await self._database.fetchval("UPDATE time_evidence SET is_told = true WHERE NOT is_told RETURNING true"):
            for listener in self._listeners:
                await listener(doubt)

    async def confirm(self) -> int:
        """An operator says that the database's clock is right. Returns what it says, in ms."""
        await self._clock.compare(self._database)
        now = self._clock.now_ms()
        await self._database.execute(
            """INSERT INTO time_evidence (seen_ts, confirmed) VALUES ($1, 1)
               ON CONFLICT (one) DO UPDATE SET seen_ts = $1, is_told = false, confirmed = time_evidence.confirmed + 1""",
            now,
        )
        return now


def _span(ms: int) -> str:
    hours = abs(ms) / HOUR_MS
    return f"{hours / 24:.1f} days" if hours > 48 else f"{hours:.1f} hours"


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
