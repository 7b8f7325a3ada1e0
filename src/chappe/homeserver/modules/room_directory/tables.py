"""The tables of `homeserver.modules.room_directory`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

OWNER = "homeserver.modules.room_directory"
TABLES = (
    Table(
        OWNER,
        "published_rooms",
        rows="server_name = $1",
        room="room_nid",
        readers=("homeserver.modules.administration", "homeserver.rooms"),
    ),
)
