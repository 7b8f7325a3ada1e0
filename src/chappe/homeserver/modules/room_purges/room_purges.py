"""Rooms of which nothing is to be left: every row that is declared as a room's (`database/table.py`) is deleted, in batches.

A purge is a row, so whatever process comes next goes on where one has died. It begins in one transaction, after which the room
is in nobody's list and known nowhere; its number stays until the last, so that loops that are behind find a room without events.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import orjson

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.table import AllTables, Table
from chappe.homeserver.policy.holds import Holds
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import MatrixError

BATCH = 500  # events, or rows of another table, in a transaction
PASSES = 5  # over all tables, for what was being written while the room was closed
OTHERS_WAIT_MS = 600_000  # how long other servers may take to hear that everybody has left
AT_ONCE = ("memberships", "published_rooms", "room_aliases", "room_summaries")  # what lists show


class Purge(Row):
    """Times are in ms. `result`: JSON."""

    purge_id: str
    room_nid: int | None
    room_id: str
    asked_by: str
    is_purge: bool
    is_forced: bool
    state: str
    has_begun: bool
    result: bytes
    error: str | None
    asked_ts: int
    closed_ts: int | None
    ended_ts: int | None


class Inhabitant(Row):
    user_id: str
    membership: str


class EventKey(Row):
    """By either, other tables cite an event."""

    nid: int
    event_id: str


class RoomPurges:
    def __init__(
        self, database: Database, writer: GroupWriter, tables: AllTables, rooms: Rooms, holds: Holds, now_ms: NowMs
    ) -> None:
        self._database, self._writer, self._rooms, self._now_ms = database, writer, rooms, now_ms
        self._tables = [t for t in tables if t.room and t.name not in ("rooms", "events")]
        self._of_events = [t for t in tables if t.event]
        self._holds, self.batch = holds, BATCH

    async def may_purge(self, room_id: str) -> None:
        """Raises why a room is to be kept; asked before every batch."""
        await self._holds.require_none_in_room(room_id)

    async def ask(self, room_id: str, by: str, is_purge: bool, is_forced: bool) -> str:
        """Returns the id to ask about. `is_forced`: also where somebody could not be made to leave."""
        if is_purge:
            await self.may_purge(room_id)
        purge_id = secrets.token_hex(8)
        await self._database.execute(
            """INSERT INTO room_purges (purge_id, room_nid, room_id, asked_by, is_purge, is_forced, asked_ts)
               VALUES ($1, (SELECT room_nid FROM rooms WHERE room_id = $2), $2, $3, $4, $5, $6)""",
            purge_id,
            room_id,
            by,
            is_purge,
            is_forced,
            self._now_ms(),
        )
        return purge_id

    async def closed(self, purge_id: str, result: dict[str, Any]) -> None:
        """Everybody has left."""
        await self._database.execute(
            """UPDATE room_purges SET result = $2, closed_ts = $3::bigint,
                      state = CASE WHEN is_purge THEN 'purging' ELSE 'complete' END,
                      ended_ts = CASE WHEN NOT is_purge THEN $3::bigint END WHERE purge_id = $1 AND state = 'shutting_down'""",
            purge_id,
            orjson.dumps(result),
            self._now_ms(),
        )

    async def waiting(self) -> list[Purge]:
        return await read(
            self._database, Purge, f"SELECT {columns(Purge)} FROM room_purges WHERE ended_ts IS NULL ORDER BY asked_ts"
        )

    async def of_room(self, room_id: str) -> list[dict[str, Any]]:
        rows = await read(
            self._database, Purge, f"SELECT {columns(Purge)} FROM room_purges WHERE room_id = $1 ORDER BY asked_ts", room_id
        )
        return [_told(row) for row in rows]

    async def status(self, purge_id: str) -> dict[str, Any] | None:
        row = await find(self._database, Purge, f"SELECT {columns(Purge)} FROM room_purges WHERE purge_id = $1", purge_id)
        return None if row is None else _told(row)

    async def failed(self, purge_id: str, why: str) -> None:
        await self._database.execute(
            "UPDATE room_purges SET state = 'failed', error = $2, ended_ts = $3 WHERE purge_id = $1 AND ended_ts IS NULL",
            purge_id,
            why,
            self._now_ms(),
        )

    async def go_on(self, purge_id: str) -> None:
        """Deletes what is left, to the end; or ends as failed and says why. Does nothing while other servers must still hear."""
        row = await find(self._database, Purge, f"SELECT {columns(Purge)} FROM room_purges WHERE purge_id = $1", purge_id)
        if row is None or row.state != "purging":
            return
        try:
            if await self._must_wait(row) or not await self._begin(row):
                return
            await self._delete_all(row)
        except MatrixError as error:
            await self.failed(purge_id, error.message)

    async def _must_wait(self, row: Purge) -> bool:
        if row.has_begun or row.room_nid is None or self._now_ms() > (row.closed_ts or 0) + OTHERS_WAIT_MS:
            return False
        return bool(
            await self._database.fetchval(
                """SELECT r.federated AND (
                   r.last_position > coalesce((SELECT min(p.position) FROM federation_progress p), 0)
                   OR EXISTS (SELECT 1 FROM federation_queue q JOIN events e ON e.nid = q.event_nid WHERE e.room_nid = r.room_nid))
                 FROM rooms r WHERE r.room_nid = $1""",
                row.room_nid,
            )
        )

    async def _begin(self, row: Purge) -> bool:
        """From here on the room is known nowhere."""
        await self.may_purge(row.room_id)
        number = row.room_nid
        if row.has_begun or number is None:
            return True
        async with self._database.transaction() as connection:
            await connection.execute(
                """UPDATE rooms SET stub = true, federated = false, leaves = '{}', root = 0, state_version = state_version + 1,
                          revoke_version = revoke_version + 1 WHERE room_nid = $1""",
                number,
            )
            members = await read(
                connection, Inhabitant, "SELECT user_id, membership FROM memberships WHERE room_nid = $1", number
            )
            here = [m for m in members if self._rooms.is_hosted(m.user_id)]
            inside = [m.user_id for m in here if m.membership in ("join", "invite", "knock")]
            if inside and not row.is_forced:
                raise MatrixError(400, "M_UNKNOWN", f"Still in the room, or invited: {', '.join(inside[:5])}")
            for table in self._tables:
                if table.name in AT_ONCE:
                    await connection.execute(f"DELETE FROM {table.name} WHERE {table.of_room}", getattr(row, table.room))
            await connection.execute("UPDATE room_purges SET has_begun = true WHERE purge_id = $1", row.purge_id)
        await self._tell(number, [m.user_id for m in here])
        return True

    async def _tell(self, number: int, users: Sequence[str]) -> None:
        """Every process reads the room, and whose it was, anew."""
        write = Write()
        write.positions = 1
        write.touch_room(number, "events")
        for user_id in users:
            write.touch_user(user_id, "membership")
        self._rooms.live.read_anew(number)
        await self._writer.submit(write)

    async def _delete_all(self, row: Purge) -> None:
        for _ in range(PASSES):
            deleted = await self._delete_events(row) if row.room_nid is not None else 0
            for table in self._tables:
                if getattr(row, table.room) is not None:
                    deleted += await self._delete_rows(table, row)
            deleted += _count(await self._database.execute("DELETE FROM rooms WHERE room_nid = $1", row.room_nid))
            if deleted == 0:
                break
        else:
            return  # somebody still writes: the next time goes on
        if row.room_nid is not None:
            await self._tell(row.room_nid, ())
        await self._database.execute(
            "UPDATE room_purges SET state = 'complete', ended_ts = $2 WHERE purge_id = $1", row.purge_id, self._now_ms()
        )

    async def _delete_events(self, row: Purge) -> int:
        """With what hangs on each of them."""
        deleted = 0
        while True:
            await self.may_purge(row.room_id)
            async with self._database.transaction() as connection:
                events = await read(
                    connection,
                    EventKey,
                    "SELECT nid, event_id FROM events WHERE room_nid = $1 LIMIT $2",
                    row.room_nid,
                    self.batch,
                )
                if not events:
                    return deleted
                for table in self._of_events:
                    await connection.execute(
                        f"DELETE FROM {table.name} WHERE {table.event} = ANY($1)", [getattr(e, table.cites) for e in events]
                    )
                await connection.execute("DELETE FROM events WHERE nid = ANY($1)", [e.nid for e in events])
            deleted += len(events)

    async def _delete_rows(self, table: Table, row: Purge) -> int:
        deleted = 0
        statement = f"""DELETE FROM {table.name} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {table.name} WHERE {table.of_room} LIMIT {self.batch * 10}))"""
        while some := _count(await self._database.execute(statement, getattr(row, table.room))):
            deleted += some
        return deleted


def _count(status: str) -> int:
    return int(status.split()[-1])


def _told(row: Purge) -> dict[str, Any]:
    """As Synapse's "Room Admin API" tells it."""
    told = {
        "delete_id": row.purge_id,
        "room_id": row.room_id,
        "status": row.state,
        "shutdown_room": orjson.loads(row.result),
        "purged": row.is_purge and row.state == "complete",
    }
    return told if row.error is None else {**told, "error": row.error}
