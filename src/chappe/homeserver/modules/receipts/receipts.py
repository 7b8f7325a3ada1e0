"""Receipts and read markers (client-server API, "Receipts" and "Fully read markers")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.writing_function import Fragment

READ, PRIVATE = "m.read", "m.read.private"
UNTHREADED = ""
RECENT = 100  # receipts of others that a room's first appearance shows


class ReceiptRow(Row):
    room: int
    who: str
    type: str
    thread: str
    event_id: str
    event_position: int
    ts: int


FRAGMENT = Fragment(
    "receipts",
    ReceiptRow,
    """
    FOR r IN SELECT * FROM unnest(receipts_rows) LOOP  -- receipts only move forward
        INSERT INTO receipts AS old (room_nid, user_id, type, thread, event_id, event_position, ts, position)
        VALUES (r.room, r.who, r.type, r.thread, r.event_id,
                r.event_position, r.ts, upto)
        ON CONFLICT (room_nid, user_id, type, thread) DO UPDATE SET event_id = excluded.event_id,
            event_position = excluded.event_position, ts = excluded.ts, position = excluded.position
          WHERE old.event_position < excluded.event_position;
    END LOOP;""",
)


class Receipt(Row):
    room_nid: int
    user_id: str
    type: str
    thread: str
    event_id: str
    ts: int


class Receipts:
    def __init__(self, database: Database, writer: GroupWriter) -> None:
        self._database, self._writer = database, writer
        writer.register(FRAGMENT)

    async def set(
        self,
        user_id: str,
        room_nid: int,
        receipt_type: str,
        thread: str,
        event_id: str,
        event_position: int,
        ts: int,
        tell: Callable[[Write], None] | None = None,
    ) -> None:
        """One per user, type and thread; one that points further back than the present one changes nothing.

        `tell`: what other servers are told is written with it."""
        write = Write()
        write.add(
            ReceiptRow(
                room=room_nid,
                who=user_id,
                type=receipt_type,
                thread=thread,
                event_id=event_id,
                event_position=event_position,
                ts=ts,
            )
        )
        write.touch_room(room_nid, "receipts" if receipt_type == READ else "private_receipts")
        write.touch_user(user_id, "receipts")
        if tell is not None:
            tell(write)
        await self._writer.submit(write)

    async def changed(self, user_id: str, rooms: Sequence[int], since: int, upto: int) -> dict[int, list[Receipt]]:
        """By room: what changed in (since, upto], of the user's own private receipts and everybody's public ones."""
        rows = await read(
            self._database,
            Receipt,
            """SELECT room_nid, user_id, type, thread, event_id, ts FROM receipts
                WHERE room_nid = ANY($1::bigint[]) AND position > $2 AND position <= $3
                  AND (type = 'm.read' OR user_id = $4) ORDER BY position""",
            list(rooms),
            since,
            upto,
            user_id,
        )
        result: dict[int, list[Receipt]] = {}
        for row in rows:
            result.setdefault(row.room_nid, []).append(row)
        return result

    async def for_latest(self, user_id: str, rooms: Sequence[int], upto: int) -> dict[int, list[Receipt]]:
        """Of each room the user's own receipts, and those that are about its newest events."""
        rows = await read(
            self._database,
            Receipt,
            """SELECT room_nid, user_id, type, thread, event_id, ts FROM receipts
                WHERE room_nid = ANY($1::bigint[]) AND user_id = $2 AND position <= $3
               UNION ALL
               SELECT x.room_nid, x.user_id, x.type, x.thread, x.event_id, x.ts FROM unnest($1::bigint[]) n(room),
                 LATERAL (SELECT * FROM receipts y WHERE y.room_nid = n.room AND y.position <= $3 AND y.type = 'm.read'
                           AND y.user_id <> $2 ORDER BY y.position DESC LIMIT $4) x""",
            list(rooms),
            user_id,
            upto,
            RECENT,
        )
        result: dict[int, list[Receipt]] = {}
        for row in rows:
            result.setdefault(row.room_nid, []).append(row)
        return result


def receipt_content(rows: Sequence[Receipt]) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    """The content of an m.receipt event: event id → type → user → data. Where somebody has read an event both in its thread and
    for the whole room, it is the second (MSC4102): clients take it for both."""
    content: dict[str, dict[str, dict[str, dict[str, object]]]] = {}
    for row in rows:
        data: dict[str, object] = {"ts": row.ts}
        if row.thread != UNTHREADED:
            data["thread_id"] = row.thread
        users = content.setdefault(row.event_id, {}).setdefault(row.type, {})
        if row.thread == UNTHREADED or row.user_id not in users:
            users[row.user_id] = data
    return content
