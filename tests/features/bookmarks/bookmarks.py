"""Bookmarks: messages that a person keeps to find again."""

from __future__ import annotations

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.writing_function import Fragment

KIND = "bookmarks"


class BookmarkRow(Row):
    who: str
    room: int
    event_id: str
    is_kept: bool


FRAGMENT = Fragment(
    "bookmarks",
    BookmarkRow,
    """
    INSERT INTO bookmarks (user_id, room_nid, event_id, is_kept, position)
    SELECT r.who, r.room, r.event_id, r.is_kept, upto FROM unnest(bookmarks_rows) r
    ON CONFLICT (user_id, room_nid, event_id) DO UPDATE SET is_kept = excluded.is_kept, position = excluded.position;
    """,
)


class Bookmark(Row):
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
        write.add(BookmarkRow(who=user_id, room=room, event_id=event_id, is_kept=is_kept))
        write.touch_user(user_id, KIND)
        await self._writer.submit(write)

    async def changed(self, user_id: str, since: int, upto: int) -> list[Bookmark]:
        """What changed in (since, upto], in that order; from the start, only what is kept."""
        return await read(
            self._database,
            Bookmark,
            """SELECT r.room_id, b.event_id, b.is_kept FROM bookmarks b JOIN rooms r USING (room_nid)
                WHERE b.user_id = $1 AND b.position > $2 AND b.position <= $3 AND (b.is_kept OR $2 > 0) ORDER BY b.position""",
            user_id,
            since,
            upto,
        )
