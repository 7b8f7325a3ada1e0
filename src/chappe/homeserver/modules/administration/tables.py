"""The tables of `homeserver.modules.administration`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_ROOM_ID, Table

TABLES = (
    Table(
        "homeserver.modules.administration",
        "blocked_rooms",
        room_stays="the room stays closed",
        rows=OF_ROOM_ID,
        stays_too=True,
        person=("blocked_by",),
        not_in_package="an act of administration: it is in the audit log",
        kept="an act of administration",
    ),
)
