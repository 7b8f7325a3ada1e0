"""The tables of `homeserver.modules.room_purges`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import IN_THE_LOG, Table

OWNER = "homeserver.modules.room_purges"
TABLES = (
    Table(
        OWNER,
        "room_purges",
        stays="an act of administration of this installation",
        person=("asked_by",),
        not_in_package=IN_THE_LOG,
        kept="an act of administration",
        room_stays="tells what became of the room",
        readers=("homeserver.modules.administration",),
    ),
)
