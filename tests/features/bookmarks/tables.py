"""Its table: whose it is, what it holds of a person, where its rows go."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

TABLES = (
    Table(
        "modules.bookmarks",
        "bookmarks",
        rows=OF_USER,
        person=USER,
        package="SELECT b.event_id, b.room_nid FROM bookmarks b WHERE b.user_id = $1 AND b.is_kept ORDER BY b.position",
        erased=True,
        room="room_nid",
        event="event_id",
    ),
)
