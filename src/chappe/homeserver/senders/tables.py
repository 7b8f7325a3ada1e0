"""The tables of `homeserver.senders`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table("homeserver.senders.appservices", "appservice_progress", stays="of the installation's bridges"),
    Table(
        "homeserver.senders.appservices",
        "appservice_transactions",
        stays="of the installation's bridges",
        words="until it is delivered",
        readers=("homeserver.modules.administration",),
    ),
    Table(
        "homeserver.senders.webhooks",
        "webhook_queue",
        stays="sent from where it was queued",
        words="until it is delivered, or given up",
        event="event_id",
    ),
)
