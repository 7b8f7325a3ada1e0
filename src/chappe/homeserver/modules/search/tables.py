"""The tables of `homeserver.modules.search`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import FROM_MESSAGES, OF_ROOM, WITH_MESSAGES, Table

OWNER = "homeserver.modules.search"
TABLES = (
    Table(
        OWNER,
        "event_search",
        rows=OF_ROOM,
        stays_too=True,
        person=("sender",),
        not_in_package=FROM_MESSAGES,
        kept=WITH_MESSAGES,
        words="deleted with the redaction of its event",
        room="room_nid",
        event="nid",
        says=True,
    ),
)
