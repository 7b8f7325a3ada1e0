"""What an organisation's administrators have to see to, in numbers: each stands for a list of the console."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from chappe.agency.account_validity import DAY_MS
from chappe.agency.audit_state import AuditState
from chappe.agency.console.listed import WorkNumbers
from chappe.agency.console.people_list import SOON_DAYS, PeopleList
from chappe.agency.console.scope import Actor
from chappe.agency.console.views import Views
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import read
from chappe.homeserver.database.server_time import NowMs

ALERT_DAYS = 7
_WORK = """SELECT
  (SELECT count(*) FROM reports r LEFT JOIN organisation_people p ON p.user_id = r.reporter
    WHERE $1 = 'all' OR p.organisation = $1) AS reports,
  (SELECT count(DISTINCT (s.server_name, s.media_id)) FROM scan_results s JOIN media m USING (server_name, media_id)
    LEFT JOIN organisation_people p ON p.user_id = m.user_id
    WHERE s.reason IS NOT NULL AND s.released_by IS NULL AND ($1 = 'all' OR p.organisation = $1)) AS files,
  (SELECT count(*) FROM guests g JOIN users u USING (user_id) LEFT JOIN organisation_people p ON p.user_id = g.sponsor
    WHERE g.agent_since IS NULL AND NOT u.deactivated AND ($1 = 'all' OR p.organisation = $1)
      AND g.ends_ts > $2 AND g.ends_ts <= $2 + $3) AS guests,
  (SELECT count(*) FROM read_guard_alerts a LEFT JOIN organisation_people p USING (user_id)
    LEFT JOIN guests g ON g.user_id = a.user_id AND g.agent_since IS NULL LEFT JOIN organisation_people s ON s.user_id = g.sponsor
    WHERE a.ts > $2 - $4 AND ($1 IN ('all', p.organisation, s.organisation) OR (a.step = 'organisation' AND a.user_id = $1)))
    AS alerts"""


class Overview:
    def __init__(self, database: Database, people: PeopleList, views: Views, audit_state: AuditState, now_ms: NowMs) -> None:
        self._database, self._people, self._views = database, people, views
        self._audit_state, self._now_ms = audit_state, now_ms

    async def numbers(self, actor: Actor) -> dict[str, Any]:
        """`requests`: those that wait for whoever asks; `chain`: of the audit log."""
        (work,) = await read(
            self._database, WorkNumbers, _WORK, actor.organisation, self._now_ms(), SOON_DAYS * DAY_MS, ALERT_DAYS * DAY_MS
        )
        waiting, _ = await self._views.requests(actor, "", 0)
        return {
            **await self._people.numbers(actor),
            **asdict(work),
            "requests": sum(1 for one in waiting if "decided_ts" not in one and one["asked_by"] != actor.user_id),
            "chain": await self._audit_state.state(),
        }
