"""The tables of `homeserver.modules.openid`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.modules.openid",
        "openid_tokens",
        stays="last an hour",
        person=("user_id",),
        not_in_package="a secret",
        erased=True,
    ),
)
