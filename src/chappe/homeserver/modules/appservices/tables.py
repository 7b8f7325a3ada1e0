"""The tables of `homeserver.modules.appservices`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

OWNER = "homeserver.modules.appservices"
TABLES = (
    Table(OWNER, "appservice_rooms", stays="of the installation's bridges", room="room_id", readers=("homeserver.rooms",)),
    Table(OWNER, "appservice_progress", stays="of the installation's bridges"),
    Table(
        OWNER,
        "appservice_transactions",
        stays="of the installation's bridges",
        words="until it is delivered",
        readers=("homeserver.modules.administration",),
    ),
)
