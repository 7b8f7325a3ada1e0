"""Bookmarks: messages that a person keeps to find again."""

from __future__ import annotations

from typing import NamedTuple

from chappe.homeserver.database.group_writer import Fragment, GroupWriter, Write
from chappe.homeserver.database.pool import Database

KIND = "bookmarks"
FRAGMENT = Fragment(
    "bookmarks",
    (("who", "text"), ("room", "bigint"), ("event_id", "text"), ("is_kept", "boolean")),
    """
    INSERT INTO bookmarks (user_id, room_nid, event_id, is_kept, position)
    SELECT r.who, r.room, r.event_id, r.is_kept, upto FROM unnest(bookmarks_rows) r
    ON CONFLICT (user_id, room_nid, event_id) DO UPDATE SET is_kept = excluded.is_kept, position = excluded.position;
    """,
)


class Bookmark(NamedTuple):
    """`is_kept`: False once it was taken away."""

    room_id: str
    event_id: str
    is_kept: bool


class Bookmarks:
    def __init__(self, database: Database, writer: GroupWriter) -> None:
        self._database, self._writer = database, writer
        writer.register(FRAGMENT)

    async def set(self, user_id: str, room: int, event_id: str, is_kept: bool) -> None:
        """Seen by all of the person's devices with the commit."""
        write = Write()
        write.add("bookmarks", user_id, room, event_id, is_kept)
        write.touch_user(user_id, KIND)
        await self._writer.submit(write)

    async def changed(self, user_id: str, since: int, upto: int) -> list[Bookmark]:
        """What changed in (since, upto], in that order; from the start, only what is kept."""
        rows = await self._database.fetch(
            """SELECT r.room_id, b.event_id, b.is_kept FROM bookmarks b JOIN rooms r USING (room_nid)
                WHERE b.user_id = $1 AND b.position > $2 AND b.position <= $3 AND (b.is_kept OR $2 > 0) ORDER BY b.position""",
            user_id,
            since,
            upto,
        )
        return [Bookmark(row["room_id"], row["event_id"], row["is_kept"]) for row in rows]
