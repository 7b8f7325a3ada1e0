"""The tables of `homeserver.modules.presence`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.presence"
TABLES = (
    Table(
        OWNER,
        "presence",
        rows=OF_USER,
        person=USER,
        package="SELECT presence, status_msg, last_active_ts, chosen, chosen_text, until_ts FROM presence WHERE user_id = $1",
        erased=True,
    ),
)
