"""The tables of `homeserver.modules.room_directory`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.modules.room_directory",
        "published_rooms",
        room="room_nid",
        rows="server_name = $1",
        readers=(
            "homeserver.modules.administration",
            "homeserver.rooms",
        ),
    ),
)
