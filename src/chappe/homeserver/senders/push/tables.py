"""The tables of `homeserver.senders.push`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.senders.push",
        "push_queue",
        room="room_nid",
        stays="sent from where it was queued",
        words="holds no words: the event is read when it is delivered",
        readers=("homeserver.modules.administration",),
    ),
)
