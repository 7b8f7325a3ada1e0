"""The tables of `homeserver.outbound.domains`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

OWNER = "homeserver.outbound.domains"
TABLES = (
    Table(OWNER, "domains", rows="server_name = $1", readers=("homeserver.app", "homeserver.modules.hosted_domains")),
    Table(OWNER, "old_signing_keys", rows="server_name = $1", readers=("homeserver.modules.hosted_domains",)),
)
