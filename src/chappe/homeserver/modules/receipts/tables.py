"""The tables of `homeserver.modules.receipts`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_ROOM, OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.receipts",
        "receipts",
        room="room_nid",
        rows=f"{OF_ROOM} AND (type <> 'm.read.private' OR {OF_USER})",
        stays_too=True,
        person=("user_id",),
        package="SELECT r.room_id, c.type, c.thread, c.event_id, c.ts FROM receipts c JOIN rooms r USING (room_nid) WHERE c.user_id = $1 ORDER BY c.ts",
        kept="how far a room was read belongs to the room",
        readers=(
            "homeserver.modules.push",
            "homeserver.senders.appservices",
        ),
    ),
)
