"""The read guard: what each account reads is weighed, so that a stolen one is stopped before it has read much.

What is old when it is read counts, what is said while one listens does not: a tenth of what was said to oneself as well, all of
what was said before one came in by oneself, on the day on which one first reads it. Over the budget of an hour, or four times that
of a day, or that of thirty days for what was said before one came (read_guard_past.py), requests become slow; then the account must
sign in again on every device; then it is frozen and administrators are told. They are told as well of an organisation whose
accounts read much together: nobody is stopped for what others do.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import asdict

from chappe.agency.read_guard_past import DAYS, PastReading
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
OLD_AFTER_MS = 600_000
FAMILIAR = 0.1  # what was said to oneself as well weighs
SLOW, CHALLENGE, FREEZE = 1.0, 1.5, 2.0  # in budgets
SLOWEST = 5.0  # seconds
FOR_INDEX, LONGEST_PAUSE = 0.5, 900.0  # what a device's own index may use of the budgets; seconds
REMEMBERED = 20_000
UNUSUAL = "unusual_activity"  # beside the error code: clients say why
EVENTS, ROOMS, FILES, SEARCHES = "events", "rooms", "files", "searches"
PAST = "past"  # in alerts: what was said before they came, in thirty days
NEVER = -DAYS * DAY_HOURS

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
    challenged: int = NEVER

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


@dataclass(frozen=True, slots=True)
class _Level:
    """How much was read of what, in budgets and as it is told; `asked_for`: for how many hours nobody is challenged again for it."""

    level: float
    what: str
    amount: float
    asked_for: int = DAY_HOURS


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
        self._past_budget = settings.past_events_per_month
        self._past, self._came_invited = PastReading(database), rooms.store.came_invited
        self._stays: OrderedDict[tuple[int, str, int], bool] = (
            OrderedDict()
        )  # whether they were invited: by room, who, since when
        self._organisation_budget = settings.organisation_events_per_hour
        self._usage: OrderedDict[str, _Usage] = OrderedDict()
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        rooms.visibility.listen(self._events_read)
        policy.listen(self.count)

    # -------------------------------------------------------------------------------------------------------- weighing

    async def _events_read(self, user_id: str, room: LiveRoom, events: Sequence[RoomEvent]) -> None:
        """Told of every event that anybody is about to be shown."""
        before = self._now_ms() - OLD_AFTER_MS
        old = [event for event in events if event.ts < before]
        if old:
            said = [event for event in old if event.state_key is None]  # the state is everybody's in the room
            past = [event.nid for event in said if await self._is_past(user_id, room, event.position)]
            await self.count(user_id, EVENTS, len(old) - len(past), past)

    async def _is_past(self, user_id: str, room: LiveRoom, position: int | None) -> bool:
        """Whether what stands there (None: anywhere) was said before somebody came in by themselves, or while they only look in.
        What those are shown who were invited, or made the room, was meant for them.
        """
        mine = (await self._memberships.of(user_id)).get(room.nid)
        if mine is None or mine.membership != "join":
            return True
        since = mine.joined_since
        if since is None or (position is not None and room.order.when(position) >= since):
            return False  # whose account has moved here: since when they are there, nobody knows
        created = room.state.get(("m.room.create", ""))
        if created is not None and created.sender == user_id:
            return False
        return not await self._was_invited(user_id, room, since)

    async def _was_invited(self, user_id: str, room: LiveRoom, since: int) -> bool:
        """Whether the stay that began there followed an invitation: asked of the join, which a new name does not change."""
        event = room.state.get(("m.room.member", user_id))
        if event is not None and event.position == since:
            return event.replaces is not None and event.replaces.membership == "invite"
        key = (room.nid, user_id, since)
        if (known := self._stays.get(key)) is None:
            known = self._stays[key] = await self._came_invited(room.nid, since)
            if len(self._stays) > REMEMBERED:
                self._stays.popitem(last=False)
        return known

    async def count(self, user_id: str, what: str, amount: float, past: Sequence[int] | None = None) -> None:
        """`past`: for events, the numbers of those that were said before they came; `amount` is then how many others there are.

        Raises M_UNKNOWN_TOKEN (with soft logout) or M_USER_LOCKED where it is too much.
        """
        budget, is_of_all = self._budgets[what], what == EVENTS and self._organisation_budget > 0
        if user_id in self._excluded or (budget <= 0 and not is_of_all and not (past and self._past_budget > 0)):
            return
        user_id = await self._accountable(user_id)  # a bot, a post reads at the cost of whoever answers for it
        if user_id in self._excluded:
            return
        usage, hour = await self._of(user_id), self._now_ms() // HOUR_MS
        if past is None:
            usage.add(hour, what, amount)
            past = []
        else:
            fully = await self._read_past(user_id, hour, past)
            usage.add(hour, what, fully + (amount + len(past) - fully) * FAMILIAR)
        await self._judge(user_id, usage, hour, await self._level(user_id, usage, hour, what, is_past=bool(past)))

    async def _read_past(self, user_id: str, hour: int, past: Sequence[int]) -> int:
        """How many of these events count fully."""
        if not past or self._past_budget <= 0:
            return len(past)
        return (await self._past.of(user_id, hour // DAY_HOURS)).add(hour // DAY_HOURS, past)

    async def _level(self, user_id: str, usage: _Usage, hour: int, what: str, is_past: bool) -> _Level:
        budget, levels = self._budgets[what], [_Level(0.0, what, 0.0)]
        if budget > 0:
            now, day = usage.within(what, hour, 1), usage.within(what, hour, DAY_HOURS)
            levels.append(_Level(max(now / budget, day / (budget * DAY_BUDGETS)), what, now))
        if is_past and self._past_budget > 0:
            amount = (await self._past.of(user_id, hour // DAY_HOURS)).amount(hour // DAY_HOURS)
            levels.append(_Level(amount / self._past_budget, PAST, amount, DAYS * DAY_HOURS))
        return max(levels, key=lambda each: each.level)

    async def _judge(self, user_id: str, usage: _Usage, hour: int, reached: _Level) -> None:
        level = reached.level
        if level < SLOW:
            return
        if level >= FREEZE:
            await self._alert(user_id, "frozen", reached.what, reached.amount)
            await self._freeze(user_id)
            raise MatrixError(
                401,
                "M_USER_LOCKED",
                "Unusual activity: your account has been frozen. Ask your administrator",
                soft_logout=True,
                reason=UNUSUAL,
            )
        if level >= CHALLENGE and usage.challenged <= hour - reached.asked_for:
            elsewhere = await self._challenged(user_id)  # by another process, it may be
            usage.challenged = max(usage.challenged, elsewhere)
        if level >= CHALLENGE and usage.challenged <= hour - reached.asked_for:
            usage.challenged = hour
            await self._alert(user_id, "challenged", reached.what, reached.amount)
            await self._challenge(user_id)
            raise MatrixError(
                401,
                "M_UNKNOWN_TOKEN",
                "Unusual activity: confirm that it is you by signing in again",
                soft_logout=True,
                reason=UNUSUAL,
            )
        await self.sleep(min(SLOWEST, (level - SLOW) * 2 * SLOWEST))

    async def pause_for(self, user_id: str, room: LiveRoom, amount: int, position: int | None = None) -> float:
        """How long a device should wait, in seconds, before it reads so many old events of a room for its own index.

        `position`: where it reads on, backwards. An index may use half of what is let go by unnoticed, so that it never stands in
        the way of who is reading.
        """
        if user_id in self._excluded:
            return 0.0
        usage, now = await self._of(user_id), self._now_ms()
        hour, is_past = now // HOUR_MS, await self._is_past(user_id, room, position)
        if is_past and self._past_budget > 0:
            read = (await self._past.of(user_id, hour // DAY_HOURS)).amount(hour // DAY_HOURS)
            if read + amount > self._past_budget * FOR_INDEX:
                return LONGEST_PAUSE
        budget, cost = self._budgets[EVENTS] * FOR_INDEX, amount * (1.0 if is_past else FAMILIAR)
        if budget > 0 and usage.within(EVENTS, hour, DAY_HOURS) + cost > budget * DAY_BUDGETS:
            return LONGEST_PAUSE
        if budget > 0 and usage.within(EVENTS, hour, 1) + cost > budget:
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
        return NEVER if ts is None else ts // HOUR_MS

    # --------------------------------------------------------------------------------------------------- keeping, telling

    async def save(self) -> None:
        """What was weighed since the last time, for other processes and the next start; what no longer counts goes."""
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
        await self._past.save(now // DAY_HOURS)
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
        await self._past.forget(user_id)
        await self._database.execute("DELETE FROM read_guard WHERE user_id = $1", user_id)


def _warn(who: str, step: str, what: str, amount: float) -> None:
    log.warning("unusual reading", extra={"fields": {"who": who, "step": step, "what": what, "amount": round(amount)}})
