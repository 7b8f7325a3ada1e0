"""The tables of `homeserver.actions.dehydrate_device`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import KEYS, OF_USER, USER, Table

OWNER = "homeserver.actions.dehydrate_device"
TABLES = (
    Table(
        OWNER,
        "dehydrated_devices",
        rows=OF_USER,
        person=USER,
        not_in_package=KEYS,
        erased=True,
        words="sealed; of the account: goes with it",
    ),
)
