"""The tables of `homeserver.modules.server_notices`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.server_notices"
TABLES = (
    Table(
        OWNER,
        "server_notice_rooms",
        rows=OF_USER,
        person=USER,
        not_in_package="in rooms.json, with the memberships",
        erased=True,
        room="room_id",
    ),
)
