"""The tables of `homeserver.senders.push`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

OWNER = "homeserver.senders.push"
TABLES = (
    Table(
        OWNER,
        "push_queue",
        stays="sent from where it was queued",
        words="holds no words: the event is read when it is delivered",
        room="room_nid",
        readers=("homeserver.modules.administration",),
    ),
)
