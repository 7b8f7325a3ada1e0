"""The tables of `homeserver.modules.room_purges`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.modules.room_purges",
        "room_purges",
        room_stays="tells what became of the room",
        stays="an act of administration of this installation",
        person=("asked_by",),
        not_in_package="an act of administration: it is in the audit log",
        kept="an act of administration",
        readers=("homeserver.modules.administration",),
    ),
)
