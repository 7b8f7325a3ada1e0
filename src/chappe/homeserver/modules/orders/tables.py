"""The tables of `homeserver.modules.orders`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import USER, Table

OWNER = "homeserver.modules.orders"
TABLES = (
    Table(
        OWNER,
        "order_letters",
        stays="a limit, kept for thirty days",
        person=USER,
        package="SELECT event_id, sent_ts FROM order_letters WHERE user_id = $1 ORDER BY sent_ts",
        erased=True,
        room="room_nid",
    ),
)
