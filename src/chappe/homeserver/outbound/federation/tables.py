"""The tables of `homeserver.outbound.federation`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.outbound.federation",
        "destinations",
        stays="learnt anew",
        readers=("homeserver.senders.federation",),
    ),
    Table(
        "homeserver.outbound.federation",
        "federation_edus",
        stays="sent from where they were queued",
        words="until it is delivered",
        readers=("homeserver.senders.federation",),
    ),
    Table(
        "homeserver.outbound.federation",
        "server_key_documents",
        stays="fetched anew",
    ),
    Table(
        "homeserver.outbound.federation",
        "server_keys",
        stays="fetched anew",
    ),
)
