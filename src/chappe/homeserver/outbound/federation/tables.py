"""The tables of `homeserver.outbound.federation`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table, alike

OWNER = "homeserver.outbound.federation"
TABLES = (
    Table(OWNER, "destinations", stays="learnt anew"),
    Table(
        OWNER,
        "federation_edus",
        stays="sent from where they were queued",
        words="until it is delivered",
        readers=("homeserver.senders.federation",),
    ),
    *alike(Table(OWNER, stays="fetched anew"), "server_key_documents", "server_keys"),
)
