"""What accounts have read that was said before they came: each event once, for thirty days.

A thief who takes a little each day is told apart from somebody whose every new device shows the same again: only what is read for
the first time adds to the amount. Events stand here by number (nid); their content, and what an account reads of its own, do not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read

DAYS = 30
REMEMBERED = 20_000  # accounts


@dataclass(slots=True)
class Past:
    """By day: what one account read then for the first time. `unsaved`: what the database lacks; `saved`: how much it has."""

    days: dict[int, set[int]] = field(default_factory=dict)
    unsaved: dict[int, set[int]] = field(default_factory=dict)
    saved: dict[int, int] = field(default_factory=dict)

    def add(self, day: int, events: Collection[int]) -> int:
        """How many of some events had not been read before this day."""
        self._forget(day)
        fresh = set(events).difference(*(numbers for d, numbers in self.days.items() if d != day))
        today = self.days.setdefault(day, set())
        self.unsaved.setdefault(day, set()).update(fresh - today)
        today |= fresh
        return len(fresh)

    def amount(self, day: int) -> int:
        self._forget(day)
        return len(set().union(*self.days.values()))

    def _forget(self, day: int) -> None:
        for old in [d for d in self.days if d <= day - DAYS]:
            del self.days[old]


class PastDay(Row):
    user_id: str
    day: int
    events: list[int]


class PastReading:
    """The pasts of all accounts, shared by the processes of one installation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pasts: OrderedDict[str, Past] = OrderedDict()

    async def of(self, user_id: str, day: int) -> Past:
        past = self._pasts.get(user_id)
        if past is None:
            past = Past()
            for row in await read(
                self._database,
                PastDay,
                "SELECT user_id, day, events FROM read_guard_past WHERE user_id = $1 AND day > $2",
                user_id,
                day - DAYS,
            ):
                _learn(past, row)
            past = self._pasts.setdefault(user_id, past)
        self._pasts.move_to_end(user_id)
        if len(self._pasts) > REMEMBERED and not self._pasts[oldest := next(iter(self._pasts))].unsaved:
            del self._pasts[oldest]
        return past

    async def save(self, day: int) -> None:
        """Writes what is new, and learns what other processes have written; what is older than thirty days goes."""
        rows = []
        for user, past in self._pasts.items():
            rows += [(user, d, number) for d, numbers in past.unsaved.items() for number in numbers]
            past.unsaved = {}
        if rows:
            await self._database.execute(
                """INSERT INTO read_guard_past AS p
                   SELECT user_id, day, array_agg(event ORDER BY event)
                     FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n (user_id, day, event) GROUP BY 1, 2
                   ON CONFLICT (user_id, day) DO UPDATE SET events = p.events || excluded.events""",
                *(list(column) for column in zip(*rows, strict=True)),
            )
        await self._database.execute("DELETE FROM read_guard_past WHERE day <= $1", day - DAYS)
        known = [(user, d, past.saved.get(d, 0)) for user, past in self._pasts.items() for d in (day - 1, day)]
        if not known:
            return
        for row in await read(
            self._database,
            PastDay,
            """SELECT p.user_id, p.day, p.events
                 FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (user_id, day, known)
                 JOIN read_guard_past p USING (user_id, day) WHERE cardinality(p.events) <> k.known""",
            *(list(column) for column in zip(*known, strict=True)),
        ):
            if (past_known := self._pasts.get(row.user_id)) is not None:
                _learn(past_known, row)

    async def forget(self, user_id: str) -> None:
        self._pasts.pop(user_id, None)
        await self._database.execute("DELETE FROM read_guard_past WHERE user_id = $1", user_id)


def _learn(past: Past, row: PastDay) -> None:
    past.days.setdefault(row.day, set()).update(row.events)
    past.saved[row.day] = len(row.events)
