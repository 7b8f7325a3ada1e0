"""The tables of `homeserver.modules.sealed_index`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.sealed_index"
TABLES = (
    Table(
        OWNER,
        "sealed_index",
        rows=OF_USER,
        person=USER,
        not_in_package="sealed with a key that only the person has; made from the messages, which are in the package",
        erased=True,
        words="sealed; of the account: goes with it. Devices take out what is deleted or kept no longer",
    ),
)
