"""The tables of `homeserver.modules.to_device`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.to_device"
TABLES = (
    Table(
        OWNER,
        "to_device",
        rows=OF_USER,
        person=USER,
        not_in_package="sealed, on its way to a device",
        erased=True,
        words="until the device has fetched it",
    ),
)
