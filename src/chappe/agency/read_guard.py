"""The read guard: what each account reads is weighed, so that a stolen one is stopped before it has read much.

What is old when it is read counts: history, and rooms that one has just entered by oneself most. What is said while one listens
does not. Over the budget of an hour, or four times that of a day, requests become slow; then the account must sign in again
on every device; then it is frozen and administrators are told. They are told as well of an organisation whose accounts read much
together: nobody is stopped for what others do.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import asdict

from chappe.agency.reading_policy import ReadingPolicy
from chappe.config import ReadGuard as Settings
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import MatrixError

log = logging.getLogger(__name__)
HOUR_MS, DAY_HOURS, DAY_BUDGETS = 3_600_000, 24, 4.0
OLD_AFTER_MS, FRESH_FOR_MS = 600_000, 24 * HOUR_MS
FAMILIAR = 0.1  # what history of a room that one has long been in weighs
SLOW, CHALLENGE, FREEZE = 1.0, 1.5, 2.0  # in budgets
SLOWEST = 5.0  # seconds
FOR_INDEX, LONGEST_PAUSE = 0.5, 900.0  # what a device's own index may use of the budgets; seconds
REMEMBERED = 20_000
UNUSUAL = "unusual_activity"  # beside the error code: clients say why
EVENTS, ROOMS, FILES, SEARCHES = "events", "rooms", "files", "searches"

# Guests count for their sponsor's organisation; who has none for their domain. Once an hour for each.
_TELL_OF_ORGANISATIONS = """
INSERT INTO read_guard_alerts (user_id, step, what, amount, ts)
SELECT coalesce(p.organisation, s.organisation, substr(r.user_id, strpos(r.user_id, ':') + 1)), 'organisation', $2, sum(r.amount), $4
  FROM read_guard r LEFT JOIN organisation_people p USING (user_id)
  LEFT JOIN guests g ON g.user_id = r.user_id AND g.agent_since IS NULL LEFT JOIN organisation_people s ON s.user_id = g.sponsor
 WHERE r.hour = $1 AND r.what = $2 GROUP BY 1 HAVING sum(r.amount) > $3
    ON CONFLICT (user_id, (ts / 3600000)) WHERE step = 'organisation' DO NOTHING
RETURNING user_id, amount"""


@dataclass(slots=True)
class _Usage:
    """By hour and kind. `challenged`: the hour in which the account had to sign in again; `unsaved`: what the database lacks."""

    amounts: dict[tuple[int, str], float] = field(default_factory=dict)
    unsaved: dict[tuple[int, str], float] = field(default_factory=dict)
    challenged: int = -DAY_HOURS

    def add(self, hour: int, what: str, amount: float) -> None:
        if (hour, what) not in self.amounts:
            self.amounts = {key: value for key, value in self.amounts.items() if key[0] > hour - DAY_HOURS}
        for amounts in (self.amounts, self.unsaved):
            amounts[hour, what] = amounts.get((hour, what), 0.0) + amount

    def within(self, what: str, hour: int, hours: int) -> float:
        return sum(amount for (h, w), amount in self.amounts.items() if w == what and hour - hours < h <= hour)


class Amount(Row):
    hour: int
    what: str
    amount: float


class SavedAmount(Row):
    user_id: str
    hour: int
    what: str
    amount: float


class UnusualAmount(Row):
    user_id: str
    amount: float


class Alert(Row):
    user_id: str
    step: str
    what: str
    amount: float
    ts: int


class ReadGuard:
    """`challenge` ends every session's tokens, `freeze` locks the account; `accountable`: who answers for one."""

    def __init__(
        self,
        database: Database,
        rooms: Rooms,
        policy: ReadingPolicy,
        settings: Settings,
        now_ms: NowMs,
        challenge: Callable[[str], Awaitable[None]],
        freeze: Callable[[str], Awaitable[None]],
        accountable: Callable[[str], Awaitable[str]],
    ) -> None:
        self._accountable = accountable
        self._database, self._memberships, self._now_ms = database, rooms.memberships, now_ms
        self._challenge, self._freeze = challenge, freeze
        self._excluded = frozenset(settings.excluded)
        self._budgets = {
            EVENTS: settings.events_per_hour,
            ROOMS: settings.rooms_per_hour,
            FILES: settings.files_per_hour,
            SEARCHES: settings.searches_per_hour,
        }
        self._organisation_budget = settings.organisation_events_per_hour
        self._usage: OrderedDict[str, _Usage] = OrderedDict()
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        rooms.visibility.listen(self._events_read)
        policy.listen(self.count)

    # -------------------------------------------------------------------------------------------------------- weighing

    async def _events_read(self, user_id: str, room: LiveRoom, events: Sequence[RoomEvent]) -> None:
        """Told of every event that anybody is about to be shown."""
        before = self._now_ms() - OLD_AFTER_MS
        old = sum(1 for event in events if event.ts < before)
        if old:
            await self.count(user_id, EVENTS, old * await self._weight(user_id, room))

    async def _weight(self, user_id: str, room: LiveRoom) -> float:
        """1 for rooms entered by oneself in the last day, or only looked into; little for those where one belongs."""
        mine = (await self._memberships.of(user_id)).get(room.nid)
        event = room.state.get(("m.room.member", user_id))
        if mine is None or mine.membership != "join" or event is None:
            return 1.0
        return 1.0 if event.ts > self._now_ms() - FRESH_FOR_MS and not _was_invited(event) else FAMILIAR

    async def count(self, user_id: str, what: str, amount: float) -> None:
        """Raises M_UNKNOWN_TOKEN (with soft logout) or M_USER_LOCKED where it is too much."""
        budget, is_of_all = self._budgets[what], what == EVENTS and self._organisation_budget > 0
        if user_id in self._excluded or (budget <= 0 and not is_of_all):
            return
        user_id = await self._accountable(user_id)  # a bot, a post reads at the cost of whoever answers for it
        if user_id in self._excluded:
            return
        usage, hour = await self._of(user_id), self._now_ms() // HOUR_MS
        usage.add(hour, what, amount)
        if budget <= 0:
            return
        level = max(usage.within(what, hour, 1) / budget, usage.within(what, hour, DAY_HOURS) / (budget * DAY_BUDGETS))
        if level < SLOW:
            return
        if level >= FREEZE:
            await self._alert(user_id, "frozen", what, usage.within(what, hour, 1))
            await self._freeze(user_id)
            raise MatrixError(
                401,
                "M_USER_LOCKED",
                "Unusual activity: your account has been frozen. Ask your administrator",
                soft_logout=True,
                reason=UNUSUAL,
            )
        if level >= CHALLENGE and usage.challenged <= hour - DAY_HOURS:
            elsewhere = await self._challenged(user_id)  # by another process, it may be
            usage.challenged = max(usage.challenged, elsewhere)
        if level >= CHALLENGE and usage.challenged <= hour - DAY_HOURS:
            usage.challenged = hour
            await self._alert(user_id, "challenged", what, usage.within(what, hour, 1))
            await self._challenge(user_id)
            raise MatrixError(
                401,
                "M_UNKNOWN_TOKEN",
                "Unusual activity: confirm that it is you by signing in again",
                soft_logout=True,
                reason=UNUSUAL,
            )
        await self.sleep(min(SLOWEST, (level - SLOW) * 2 * SLOWEST))

    async def pause_for(self, user_id: str, room: LiveRoom, amount: int) -> float:
        """How long a device should wait, in seconds, before it reads so many old events of a room for its own index.

        An index may use half of what is let go by unnoticed, so that it never stands in the way of who is reading.
        """
        budget = self._budgets[EVENTS] * FOR_INDEX
        if user_id in self._excluded or budget <= 0:
            return 0.0
        usage, now = await self._of(user_id), self._now_ms()
        hour, cost = now // HOUR_MS, amount * await self._weight(user_id, room)
        if usage.within(EVENTS, hour, DAY_HOURS) + cost > budget * DAY_BUDGETS:
            return LONGEST_PAUSE
        if usage.within(EVENTS, hour, 1) + cost > budget:
            return min(LONGEST_PAUSE, (HOUR_MS - now % HOUR_MS) / 1000)
        return 0.0

    async def _of(self, user_id: str) -> _Usage:
        usage = self._usage.get(user_id)
        if usage is None:
            usage, first = _Usage(), self._now_ms() // HOUR_MS - DAY_HOURS
            for row in await read(
                self._database,
                Amount,
                "SELECT hour, what, amount FROM read_guard WHERE user_id = $1 AND hour > $2",
                user_id,
                first,
            ):
                usage.amounts[row.hour, row.what] = row.amount
            usage.challenged = await self._challenged(user_id)
            usage = self._usage.setdefault(user_id, usage)
        self._usage.move_to_end(user_id)
        if len(self._usage) > REMEMBERED:
            oldest = next(iter(self._usage))
            if not self._usage[oldest].unsaved:
                del self._usage[oldest]
        return usage

    async def _challenged(self, user_id: str) -> int:
        """The hour in which an account had last to sign in again."""
        ts = await self._database.fetchval(
            "SELECT max(ts) FROM read_guard_alerts WHERE user_id = $1 AND step = 'challenged'", user_id
        )
        return -DAY_HOURS if ts is None else ts // HOUR_MS

    # --------------------------------------------------------------------------------------------------- keeping, telling

    async def save(self) -> None:
        """What was weighed since the last time, for other processes and the next start; what is older than a day goes."""
        rows = []
        for user, usage in self._usage.items():
            rows += [(user, hour, what, amount) for (hour, what), amount in usage.unsaved.items()]
            usage.unsaved = {}
        if rows:
            await self._database.execute(
                """INSERT INTO read_guard AS g SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::float8[])
                   ON CONFLICT (user_id, hour, what) DO UPDATE SET amount = g.amount + excluded.amount""",
                *(list(column) for column in zip(*rows, strict=True)),
            )
        now = self._now_ms() // HOUR_MS
        await self._database.execute("DELETE FROM read_guard WHERE hour <= $1", now - DAY_HOURS)
        for row in await read(
            self._database,
            SavedAmount,
            "SELECT user_id, hour, what, amount FROM read_guard WHERE hour >= $1 AND user_id = ANY($2::text[])",
            now - 1,
            list(self._usage),
        ):  # what other processes have weighed in this hour, and in the last moments of the one before
            if (known := self._usage.get(row.user_id)) is not None:
                key = (row.hour, row.what)
                known.amounts[key] = max(known.amounts.get(key, 0.0), row.amount + known.unsaved.get(key, 0.0))
        if self._organisation_budget > 0:
            for unusual in await read(
                self._database, UnusualAmount, _TELL_OF_ORGANISATIONS, now, EVENTS, self._organisation_budget, self._now_ms()
            ):
                _warn(unusual.user_id, "organisation", EVENTS, unusual.amount)

    async def _alert(self, who: str, step: str, what: str, amount: float) -> None:
        _warn(who, step, what, amount)
        await self._database.execute(
            "INSERT INTO read_guard_alerts (user_id, step, what, amount, ts) VALUES ($1, $2, $3, $4, $5)",
            who,
            step,
            what,
            amount,
            self._now_ms(),
        )

    async def alerts(self, limit: int) -> list[Mapping[str, object]]:
        """The latest first."""
        rows = await read(
            self._database,
            Alert,
            "SELECT user_id, step, what, amount, ts FROM read_guard_alerts ORDER BY ts DESC, id DESC LIMIT $1",
            limit,
        )
        return [asdict(row) for row in rows]

    async def forgive(self, user_id: str) -> None:
        """An administrator has looked at it: the account begins anew."""
        self._usage.pop(user_id, None)
        await self._database.execute("DELETE FROM read_guard WHERE user_id = $1", user_id)


def _warn(who: str, step: str, what: str, amount: float) -> None:
    log.warning("unusual reading", extra={"fields": {"who": who, "step": step, "what": what, "amount": round(amount)}})


def _was_invited(event: RoomEvent) -> bool:
    """Whether a join followed an invitation."""
    return event.replaces is not None and event.replaces.membership == "invite"
