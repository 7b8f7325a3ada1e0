"""The tables of `homeserver.modules.administration`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import IN_THE_LOG, OF_ROOM_ID, Table

OWNER = "homeserver.modules.administration"
TABLES = (
    Table(
        OWNER,
        "blocked_rooms",
        rows=OF_ROOM_ID,
        stays_too=True,
        person=("blocked_by",),
        not_in_package=IN_THE_LOG,
        kept="an act of administration",
        room_stays="the room stays closed",
    ),
)
