"""The tables of `homeserver.modules.appservices`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.modules.appservices",
        "appservice_rooms",
        room="room_id",
        stays="of the installation's bridges",
        readers=("homeserver.modules.administration",),
    ),
)
