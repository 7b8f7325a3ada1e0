"""Reports of events, rooms and people to the administrators (client-server API, "Reporting Content")."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.database.pool import Database, Row
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, LimitExceeded, NotFound
from chappe.matrix.identifiers import UserId
from chappe.matrix.reader import Person

MAX_REASON, MAX_PER_DAY = 10_000, 100  # of one person
DAY_MS = 86_400_000


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
        event, _ = await self._rooms.timeline.event(reporter, room, event_id)
        await self._add(reporter, room_id, event_id, event.sender, reason, score)

    async def room(self, reporter: UserId, room_id: str, reason: str | None) -> None:
        """By anybody who knows of it, or had to do with it: also by an invitation from elsewhere. Raises M_NOT_FOUND."""
        room = await self._rooms.live.find_any(room_id)
        was_there = room is not None and room.number in await self._rooms.memberships.of(reporter)
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

    async def list(self, limit: int = 100) -> Sequence[Row]:
        """The newest first."""
        return await self._database.fetch("SELECT * FROM reports ORDER BY report_id DESC LIMIT $1", limit)
