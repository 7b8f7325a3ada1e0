"""The tables of `homeserver.modules.filters`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.filters"
TABLES = (
    Table(
        OWNER,
        "filters",
        rows=OF_USER,
        person=USER,
        package="SELECT convert_from(filter, 'UTF8') AS filter FROM filters WHERE user_id = $1 ORDER BY filter_id",
        erased=True,
    ),
)
