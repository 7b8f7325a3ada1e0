"""Monthly figures of each organisation: counts only, and none of few people, so that they tell of nobody."""

from __future__ import annotations

import datetime
from typing import Any

from chappe.agency.organisations import EVERYWHERE
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.server_time import NowMs

FEWEST = 5  # active people below which a month tells no more than how many accounts there are
_PERSON = "NOT u.deactivated AND NOT u.is_guest AND u.appservice IS NULL AND u.kind IS NULL"
# name: SELECT organisation, count … of a month that begins at $1 (ms) and ends before $2
_COUNTS = {
    "accounts": f"""SELECT p.organisation, count(*) FROM users u JOIN organisation_people p USING (user_id) WHERE {_PERSON}
        AND $1::bigint < $2::bigint GROUP BY 1""",
    "new_accounts": f"""SELECT p.organisation, count(*) FROM users u JOIN organisation_people p USING (user_id)
        WHERE {_PERSON} AND extract(epoch FROM u.created) * 1000 >= $1::bigint
          AND extract(epoch FROM u.created) * 1000 < $2::bigint GROUP BY 1""",
    "active_people": f"""SELECT p.organisation, count(*) FROM users u JOIN organisation_people p USING (user_id) WHERE {_PERSON}
        AND EXISTS (SELECT 1 FROM devices d WHERE d.user_id = u.user_id AND d.last_seen_ts >= $1::bigint AND $2::bigint > 0)
        GROUP BY 1""",
    "rooms_made": """SELECT p.organisation, count(*) FROM events e JOIN organisation_people p ON p.user_id = e.sender
        WHERE e.type = 'm.room.create' AND e.ts >= $1::bigint AND e.ts < $2::bigint GROUP BY 1""",
    "files": """SELECT p.organisation, count(*) FROM media m JOIN organisation_people p USING (user_id)
        WHERE m.size IS NOT NULL AND m.created_ts >= $1::bigint AND m.created_ts < $2::bigint GROUP BY 1""",
    "guests": """SELECT p.organisation, count(*) FROM guests g JOIN organisation_people p ON p.user_id = g.sponsor
        WHERE g.agent_since IS NULL AND (g.ends_ts IS NULL OR g.ends_ts > $1::bigint) AND g.created_ts < $2::bigint GROUP BY 1""",
    "left": """SELECT organisation, count(*) FROM former_accounts
        WHERE organisation IS NOT NULL AND ended_ts >= $1::bigint AND ended_ts < $2::bigint GROUP BY 1""",
}


class Figure(Row):
    month: str
    name: str
    value: int


class Statistics:
    """`said` counts in memory; `write_figures` writes down."""

    def __init__(self, database: Database, now_ms: NowMs) -> None:
        self._database, self._now_ms = database, now_ms
        self._said: dict[str, int] = {}

    def said(self, user_id: str) -> None:
        """Somebody of here has sent a message."""
        self._said[user_id] = self._said.get(user_id, 0) + 1

    async def write_figures(self) -> None:
        """The figures of this month, as they are now."""
        begins, ends, month = _month(self._now_ms())
        said, self._said = self._said, {}
        if said:
            await self._database.execute(
                """INSERT INTO monthly_statistics AS s
                   SELECT $1, p.organisation, 'messages', sum(n) FROM unnest($2::text[], $3::bigint[]) AS t(user_id, n)
                     JOIN organisation_people p USING (user_id) GROUP BY p.organisation
                   ON CONFLICT (month, organisation, name) DO UPDATE SET value = s.value + excluded.value""",
                month,
                list(said),
                list(said.values()),
            )
        for name, sql in _COUNTS.items():
            kept = "greatest(monthly_statistics.value, excluded.value)" if name == "active_people" else "excluded.value"
            await self._database.execute(
                f"""INSERT INTO monthly_statistics SELECT $3, c.organisation, $4, c.n FROM ({sql}) AS c(organisation, n)
                    ON CONFLICT (month, organisation, name) DO UPDATE SET value = {kept}""",
                begins,
                ends,
                month,
                name,
            )

    async def months(self, organisation: str) -> list[dict[str, Any]]:
        """The latest first: `{"month": "2026-11", "accounts": …, …}`. Of all organisations together for EVERYWHERE.

        `withheld`: too few people were active for more to be told.
        """
        rows = await read(
            self._database,
            Figure,
            """SELECT month, name, sum(value)::bigint AS value FROM monthly_statistics WHERE $1 = $2 OR organisation = $1
                GROUP BY month, name ORDER BY month DESC""",
            organisation,
            EVERYWHERE,
        )
        months: dict[str, dict[str, Any]] = {}
        for row in rows:
            months.setdefault(row.month, {"month": row.month})[row.name] = row.value
        return [_told(month) for month in months.values()]


def _told(month: dict[str, Any]) -> dict[str, Any]:
    if month.get("active_people", 0) >= FEWEST:
        return month
    return {"month": month["month"], "accounts": month.get("accounts", 0), "withheld": True}


def _month(now_ms: int) -> tuple[int, int, str]:
    """(begins, ends, name) of the month of a time, UTC."""
    now = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC)
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + datetime.timedelta(days=32)).replace(day=1)
    return int(first.timestamp() * 1000), int(following.timestamp() * 1000), f"{first:%Y-%m}"
