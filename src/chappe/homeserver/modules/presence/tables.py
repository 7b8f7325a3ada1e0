"""The tables of `homeserver.modules.presence`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.presence",
        "presence",
        rows=OF_USER,
        person=("user_id",),
        package="SELECT presence, status_msg, last_active_ts FROM presence WHERE user_id = $1",
        erased=True,
    ),
)
