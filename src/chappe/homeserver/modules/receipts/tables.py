"""The tables of `homeserver.modules.receipts`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_ROOM, OF_USER, USER, Table

OWNER = "homeserver.modules.receipts"
TABLES = (
    Table(
        OWNER,
        "receipts",
        rows=f"{OF_ROOM} AND (type <> 'm.read.private' OR {OF_USER})",
        stays_too=True,
        person=USER,
        package="SELECT r.room_id, c.type, c.thread, c.event_id, c.ts FROM receipts c JOIN rooms r USING (room_nid) WHERE c.user_id = $1 ORDER BY c.ts",
        kept="how far a room was read belongs to the room",
        room="room_nid",
        readers=("homeserver.modules.push", "homeserver.senders.appservices"),
    ),
)
