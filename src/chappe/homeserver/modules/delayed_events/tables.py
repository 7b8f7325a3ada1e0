"""The tables of `homeserver.modules.delayed_events`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.delayed_events"
TABLES = (
    Table(
        OWNER,
        "delayed_events",
        rows=OF_USER,
        person=USER,
        package="SELECT room_id, type, send_at, convert_from(content, 'UTF8') AS content FROM delayed_events WHERE user_id = $1 ORDER BY send_at",
        erased=True,
        words="until it is sent or cancelled",
        room="room_id",
    ),
)
