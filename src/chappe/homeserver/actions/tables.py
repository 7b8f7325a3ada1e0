"""The tables of `homeserver.actions.dehydrate_device`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.actions.dehydrate_device",
        "dehydrated_devices",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="keys that devices have made, not facts about the person",
        erased=True,
        words="sealed; of the account: goes with it",
    ),
)
