"""The tables of `homeserver.senders.federation`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

OWNER = "homeserver.senders.federation"
TABLES = (
    Table(OWNER, "federation_progress", stays="of the installation"),
    Table(
        OWNER,
        "federation_queue",
        stays="the other servers ask for what they miss",
        event="event_nid",
        readers=("homeserver.outbound.federation",),
    ),
)
