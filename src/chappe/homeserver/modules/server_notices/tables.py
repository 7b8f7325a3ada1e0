"""The tables of `homeserver.modules.server_notices`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.server_notices",
        "server_notice_rooms",
        room="room_id",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="in rooms.json, with the memberships",
        erased=True,
    ),
)
