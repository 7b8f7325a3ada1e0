"""The tables of `homeserver.modules.bots`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table, of_domain

OWNER = "homeserver.modules.bots"
TABLES = (
    Table(
        OWNER,
        "webhooks",
        rows=of_domain("owner"),
        person=("owner", "user_id"),
        package="SELECT name, room_id, direction, url, created_ts, last_used_ts FROM webhooks WHERE owner = $1 ORDER BY created_ts",
        erased=True,
        room="room_id",
    ),
    Table(
        OWNER,
        "webhook_queue",
        stays="sent from where it was queued",
        words="until it is delivered, or given up",
        event="event_id",
    ),
)
