"""Reports of events, rooms and people to the administrators (client-server API, "Reporting Content")."""

from __future__ import annotations

from typing import Any

import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden, LimitExceeded, NotFound
from chappe.matrix.identifiers import UserId
from chappe.matrix.reader import Person

MAX_REASON, MAX_PER_DAY = 10_000, 100  # of one person
DAY_MS = 86_400_000


_LOOKED_FOR = """($1::text IS NULL OR strpos(p.reporter, $1) > 0) AND ($2::text IS NULL OR p.room_id = $2)
    AND ($3::text IS NULL OR p.user_id = $3) AND (p.room_id IS NULL) = $4"""


class Report(Row):
    report_id: int
    reporter: str
    room_id: str | None
    event_id: str | None
    user_id: str | None
    reason: str | None
    score: int | None
    received_ts: int


class ReportWithRoom(Report):
    """`name`: of the room."""

    name: str | None
    canonical_alias: str | None


class ReportWithEvent(ReportWithRoom):
    """`json`: the event that it is about, as it is now."""

    json: bytes | None


class Reports:
    def __init__(self, database: Database, rooms: Rooms, now_ms: NowMs) -> None:
        self._database, self._rooms, self._now_ms = database, rooms, now_ms

    async def event(self, reporter: UserId, room_id: str, event_id: str, reason: str | None, score: int | None) -> None:
        """By those who may see the event. Raises M_NOT_FOUND."""
        room = await self._rooms.live.find(room_id)
        if room is None:
            raise NotFound("There is no such event, or you may not see it")
        if reporter not in room.joined:
            raise NotFound("There is no such event, or you may not see it")
        event = await self._rooms.timeline.named(reporter, room, event_id)
        await self._add(reporter, room_id, event_id, event.sender, reason, score)

    async def room(self, reporter: UserId, room_id: str, reason: str | None) -> None:
        """By anybody who knows of it, or had to do with it: also by an invitation from elsewhere. Raises M_NOT_FOUND."""
        room = await self._rooms.live.find_any(room_id)
        was_there = room is not None and room.nid in await self._rooms.memberships.of(reporter)
        if room is None or not (was_there or await self._rooms.sight.knows(Person(reporter), room)):
            raise NotFound("There is no such room, or you may not see it")
        await self._add(reporter, room_id, None, None, reason, None)

    async def user(self, reporter: UserId, user_id: UserId, reason: str | None) -> None:
        """Says nothing of whether there is such a person."""
        await self._add(reporter, None, None, user_id, reason, None)

    async def _add(
        self,
        reporter: str,
        room_id: str | None,
        event_id: str | None,
        user_id: str | None,
        reason: str | None,
        score: int | None,
    ) -> None:
        if reason is not None and len(reason) > MAX_REASON:
            raise BadRequest("The reason is too long", "M_INVALID_PARAM")
        now = self._now_ms()
        added = await self._database.fetchval(
            """INSERT INTO reports (reporter, room_id, event_id, user_id, reason, score, received_ts)
               SELECT $1, $2, $3, $4, $5, $6, $7
                WHERE (SELECT count(*) FROM reports WHERE reporter = $1 AND received_ts > $8) < $9 RETURNING true""",
            reporter,
            room_id,
            event_id,
            user_id,
            reason and reason.replace("\0", ""),
            score,
            now,
            now - DAY_MS,
            MAX_PER_DAY,
        )
        if added is None:
            raise LimitExceeded(DAY_MS // MAX_PER_DAY, "You have reported much today: please go on tomorrow")

    async def latest(self, limit: int = 100) -> list[Report]:
        """The newest first."""
        return await read(
            self._database, Report, f"SELECT {columns(Report)} FROM reports ORDER BY report_id DESC LIMIT $1", limit
        )

    async def page(
        self, term: dict[str, str | None], backwards: bool, start: int, limit: int, of_people: bool
    ) -> tuple[list[dict[str, Any]], int]:
        """(a page of the reports of people, or of those of rooms and of what was said there; how many there are)."""
        arguments = [term.get("user_id"), term.get("room_id"), term.get("of"), of_people]
        order = "DESC" if backwards else "ASC"
        rows = await read(
            self._database,
            ReportWithRoom,
            f"""SELECT {columns(Report, "p")}, s.name, s.canonical_alias FROM reports p LEFT JOIN rooms r USING (room_id)
                  LEFT JOIN room_summaries s USING (room_nid) WHERE {_LOOKED_FOR}
                 ORDER BY p.report_id {order} LIMIT $5 OFFSET $6""",
            *arguments,
            limit,
            start,
        )
        total = await self._database.fetchval(f"SELECT count(*) FROM reports p WHERE {_LOOKED_FOR}", *arguments)
        return [_shown(row) for row in rows], total

    async def require(self, report_id: int, of_people: bool) -> dict[str, Any]:
        """With the event as it was. Raises M_NOT_FOUND, also for one of the other list (`page`)."""
        row = await find(
            self._database,
            ReportWithEvent,
            f"""SELECT {columns(Report, "p")}, s.name, s.canonical_alias, e.json FROM reports p LEFT JOIN rooms r USING (room_id)
                 LEFT JOIN room_summaries s USING (room_nid) LEFT JOIN events e ON e.event_id = p.event_id
                WHERE p.report_id = $1 AND (p.room_id IS NULL) = $2""",
            report_id,
            of_people,
        )
        if row is None:
            raise NotFound("There is no such report")
        return {**_shown(row), "event_json": orjson.loads(row.json) if row.json else None}

    async def close(self, report_id: int, by: str, of_people: bool | None = None) -> None:
        """`of_people`: which list it must be in (`page`), None for either.

        Raises M_NOT_FOUND; Forbidden for a report about whoever closes it.
        """
        meant = "report_id = $1 AND ($2::boolean IS NULL OR (room_id IS NULL) = $2)"
        done = await self._database.execute(
            f"DELETE FROM reports WHERE {meant} AND user_id IS DISTINCT FROM $3", report_id, of_people, by
        )
        if done.endswith(" 1"):
            return
        if await self._database.fetchval(f"SELECT EXISTS (SELECT 1 FROM reports WHERE {meant})", report_id, of_people):
            raise Forbidden("This report is about you: another administrator closes it")
        raise NotFound("There is no such report")


def _shown(row: ReportWithRoom) -> dict[str, Any]:
    return {
        "id": row.report_id,
        "received_ts": row.received_ts,
        "room_id": row.room_id,
        "event_id": row.event_id,
        "user_id": row.reporter,
        "sender": row.user_id,
        "reason": row.reason,
        "score": row.score,
        "name": row.name,
        "canonical_alias": row.canonical_alias,
    }
