"""The tables of `homeserver.senders.federation`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.senders.federation",
        "federation_progress",
        stays="of the installation",
    ),
    Table(
        "homeserver.senders.federation",
        "federation_queue",
        event="event_nid",
        stays="the other servers ask for what they miss",
        readers=("homeserver.outbound.federation",),
    ),
)
