"""The tables of `homeserver.outbound.domains`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.outbound.domains",
        "domains",
        rows="server_name = $1",
        readers=(
            "homeserver.app",
            "homeserver.modules.hosted_domains",
        ),
    ),
    Table(
        "homeserver.outbound.domains",
        "old_signing_keys",
        rows="server_name = $1",
        readers=("homeserver.modules.hosted_domains",),
    ),
)
