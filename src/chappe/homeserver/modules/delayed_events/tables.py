"""The tables of `homeserver.modules.delayed_events`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.delayed_events",
        "delayed_events",
        room="room_id",
        rows=OF_USER,
        person=("user_id",),
        package="SELECT room_id, type, send_at, convert_from(content, 'UTF8') AS content FROM delayed_events WHERE user_id = $1 ORDER BY send_at",
        erased=True,
        words="until it is sent or cancelled",
    ),
)
