"""Announcements: one text to all, to an organisation, or to who is in a room. Each gets it once, in their room of server notices."""

from __future__ import annotations

import logging
from typing import Any

from msgspec.structs import asdict

from chappe.agency.organisations import EVERYWHERE
from chappe.homeserver.actions.server_notices import ServerNotices
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import BadRequest, MatrixError
from chappe.matrix.identifiers import UserId

log = logging.getLogger(__name__)
AT_ONCE, TEXT_AT_MOST = 200, 4000
_AUDIENCE = """SELECT $1, u.user_id FROM users u WHERE NOT u.deactivated AND NOT u.is_guest AND NOT u.locked AND u.appservice IS NULL
    AND coalesce(u.kind, 'function') = 'function' AND split_part(u.user_id, ':', 1) <> '@' || $4::text
    AND ($2 = 'all' OR EXISTS (SELECT 1 FROM organisation_people p WHERE p.user_id = u.user_id AND p.organisation = $2))
    AND ($3::text IS NULL OR EXISTS (SELECT 1 FROM memberships m JOIN rooms r USING (room_nid)
                                      WHERE r.room_id = $3 AND m.user_id = u.user_id AND m.membership = 'join'))"""


class WaitingNotice(Row):
    announcement: int
    user_id: str
    body: str


class Announcement(Row):
    id: int
    room_id: str | None
    sender: str
    body: str
    created_ts: int
    recipients: int
    waiting: int


class Announcements:
    def __init__(self, database: Database, notices: ServerNotices, now_ms: NowMs) -> None:
        self._database, self._notices, self._now_ms = database, notices, now_ms

    async def announce(self, organisation: str, room_id: str | None, sender: str, text: str) -> dict[str, Any]:
        """Queues it for whoever it is for now. Returns its number and how many they are. Raises M_INVALID_PARAM."""
        text = text.strip()
        if not text or len(text) > TEXT_AT_MOST or "\0" in text:
            raise BadRequest(f"An announcement has 1 to {TEXT_AT_MOST} characters", "M_INVALID_PARAM")
        async with self._database.transaction() as connection:
            number = await connection.fetchval(
                """INSERT INTO announcements (organisation, room_id, sender, body, created_ts, recipients)
                   VALUES ($1, $2, $3, $4, $5, 0) RETURNING id""",
                organisation,
                room_id,
                sender,
                text,
                self._now_ms(),
            )
            queued = await connection.execute(
                f"INSERT INTO announcement_queue {_AUDIENCE}",
                number,
                EVERYWHERE if room_id is not None else organisation,
                room_id,
                self._notices.account,
            )
            recipients = int(queued.rpartition(" ")[2])
            await connection.execute("UPDATE announcements SET recipients = $2 WHERE id = $1", number, recipients)
        return {"announcement": number, "recipients": recipients}

    async def all(self, organisation: str) -> list[dict[str, Any]]:
        """The latest first, with how many still wait for it."""
        rows = await read(
            self._database,
            Announcement,
            """SELECT a.id, a.room_id, a.sender, a.body, a.created_ts, a.recipients,
                      (SELECT count(*) FROM announcement_queue q WHERE q.announcement = a.id) AS waiting
                 FROM announcements a WHERE a.organisation = $1 ORDER BY a.id DESC LIMIT 100""",
            organisation,
        )
        return [asdict(row) for row in rows]

    async def send_waiting(self) -> int:
        """Sends to some of those who wait. Killed in the middle, nobody gets it twice. Returns how many."""
        rows = await read(
            self._database,
            WaitingNotice,
            """SELECT q.announcement, q.user_id, a.body FROM announcement_queue q JOIN announcements a ON a.id = q.announcement
                ORDER BY q.announcement, q.user_id LIMIT $1""",
            AT_ONCE,
        )
        for row in rows:
            try:
                await self._notices.send(UserId(row.user_id), row.body, once=f"announcement {row.announcement}")
            except MatrixError as error:  # an account that has ended since
                log.info("an announcement was not sent", extra={"fields": {"user": row.user_id, "error": error.errcode}})
            await self._database.execute(
                "DELETE FROM announcement_queue WHERE announcement = $1 AND user_id = $2", row.announcement, row.user_id
            )
        return len(rows)
