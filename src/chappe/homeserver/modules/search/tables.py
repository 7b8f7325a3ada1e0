"""The tables of `homeserver.modules.search`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_ROOM, Table

TABLES = (
    Table(
        "homeserver.modules.search",
        "event_search",
        room="room_nid",
        event="nid",
        rows=OF_ROOM,
        stays_too=True,
        person=("sender",),
        not_in_package="made from the messages, which are in the package",
        kept="goes with each message",
        words="deleted with the redaction of its event",
        readers=("homeserver.rooms",),
    ),
)
