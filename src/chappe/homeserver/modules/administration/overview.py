"""Figures and lists across the modules that the tools of administrators show: who stores how much, which rooms are large, what runs.

Counts and names only: nothing of what somebody said or keeps.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read

UPLOAD_ORDERS = {
    "user_id": "m.user_id",
    "displayname": "lower(d.display_name)",
    "media_count": "files",
    "media_length": "bytes",
}
LARGEST_ROOMS = 10
TASKS_AT_MOST = 1000
TASKS = {"shutting_down": "active", "purging": "active", "complete": "complete", "failed": "failed"}  # as tools name them
# events of one kind by somebody since a time, in the rooms that they are or were in: by the index of each room
_MEMBER_EVENTS = """FROM memberships m JOIN events e ON e.room_nid = m.room_nid AND e.sender = $1
    WHERE m.user_id = $1 AND e.ts >= $2 AND e.type = 'm.room.member'"""


class Uploader(Row):
    """`people`: how many there are in all."""

    user_id: str
    displayname: str | None
    files: int
    bytes: int
    people: int


class LargeRoom(Row):
    room_id: str
    estimated_size: int


class PurgeTask(Row):
    purge_id: str
    room_id: str
    state: str
    error: str | None
    changed_ts: int


class RoomOfServer(Row):
    room_id: str
    total: int


class Overview:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def uploads(
        self, term: str | None, since_ts: int, until_ts: int, order: str, backwards: bool, start: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        """(a page of people with what they have uploaded in some time, how many there are)."""
        ordered = f"{UPLOAD_ORDERS[order]} {'DESC' if backwards else 'ASC'} NULLS LAST"
        rows = await read(
            self._database,
            Uploader,
            f"""SELECT m.user_id, d.display_name AS displayname, count(*) AS files, sum(m.size)::bigint AS bytes,
                       count(*) OVER () AS people
                  FROM media m JOIN users u USING (user_id) LEFT JOIN user_directory d USING (user_id)
                 WHERE m.size IS NOT NULL AND m.created_ts BETWEEN $1 AND $2 AND ($3::text IS NULL
                       OR strpos(lower(m.user_id), $3) > 0 OR strpos(lower(coalesce(d.display_name, '')), $3) > 0)
                 GROUP BY m.user_id, d.display_name
                 ORDER BY {ordered}, m.user_id LIMIT $4 OFFSET $5""",
            since_ts,
            until_ts,
            term.lower() if term else None,
            limit,
            start,
        )
        return [_uploads(row) for row in rows], rows[0].people if rows else 0

    async def largest_rooms(self) -> list[dict[str, Any]]:
        """Those with the most events, with about how much space these take: from what the database knows of its own table.

        Reading every event would stop the server for minutes where there are many. Rooms too small to stand out, and those of a
        database that has not looked at itself yet, are not in the list.
        """
        rows = await read(
            self._database,
            LargeRoom,
            """WITH seen AS (
                   SELECT unnest(most_common_vals::text::bigint[]) AS room_nid, unnest(most_common_freqs) AS share
                     FROM pg_stats WHERE schemaname = current_schema() AND tablename = 'events' AND attname = 'room_nid')
               SELECT r.room_id, (s.share * pg_total_relation_size('events'))::bigint AS estimated_size
                 FROM seen s JOIN rooms r USING (room_nid) ORDER BY s.share DESC, r.room_id LIMIT $1""",
            LARGEST_ROOMS,
        )
        return [asdict(row) for row in rows]

    async def tasks(self, room_id: str | None, status: str | None) -> list[dict[str, Any]]:
        """Rooms that are being closed or purged, or were, the latest first: at most `TASKS_AT_MOST`."""
        rows = await read(
            self._database,
            PurgeTask,
            """SELECT purge_id, room_id, state, error, greatest(asked_ts, closed_ts, ended_ts) AS changed_ts FROM room_purges
                WHERE ($1::text IS NULL OR room_id = $1) AND state = ANY ($2::text[])
                ORDER BY changed_ts DESC, purge_id LIMIT $3""",
            room_id,
            [state for state, named in TASKS.items() if status in (None, named)],
            TASKS_AT_MOST,
        )
        return [_task(row) for row in rows]

    async def invitations_by(self, user_id: str, since_ts: int) -> int:
        """How many invitations somebody has sent since a time."""
        count = await self._database.fetchval(
            f"""SELECT count(*) {_MEMBER_EVENTS} AND e.state_key <> $1
                   AND position('"membership":"invite"'::bytea in e.json) > 0""",
            user_id,
            since_ts,
        )
        return int(count)

    async def rooms_entered(self, user_id: str, since_ts: int) -> int:
        """How many rooms somebody has entered since a time, whether they have left them or not. A change of name counts as well."""
        count = await self._database.fetchval(
            f"""SELECT count(DISTINCT e.room_nid) {_MEMBER_EVENTS} AND e.state_key = $1
                   AND position('"membership":"join"'::bytea in e.json) > 0""",
            user_id,
            since_ts,
        )
        return int(count)

    async def rooms_with(self, server_name: str, start: int, limit: int) -> tuple[list[str], int]:
        """(a page of the rooms in which people of another server are, how many there are)."""
        rows = await read(
            self._database,
            RoomOfServer,
            """SELECT r.room_id, count(*) OVER () AS total FROM rooms r WHERE r.federated AND EXISTS (
                   SELECT 1 FROM memberships m WHERE m.room_nid = r.room_nid AND m.membership = 'join'
                      AND substr(m.user_id, strpos(m.user_id, ':') + 1) = $1)
                ORDER BY r.room_nid LIMIT $2 OFFSET $3""",
            server_name,
            limit,
            start,
        )
        return [row.room_id for row in rows], rows[0].total if rows else 0


def _uploads(row: Uploader) -> dict[str, Any]:
    return {"user_id": row.user_id, "displayname": row.displayname, "media_count": row.files, "media_length": row.bytes}


def _task(row: PurgeTask) -> dict[str, Any]:
    return {
        "id": row.purge_id,
        "action": "shutdown_and_purge_room",
        "status": TASKS[row.state],
        "resource_id": row.room_id,
        "timestamp_ms": row.changed_ts,
        "result": None,
        "error": row.error,
    }
