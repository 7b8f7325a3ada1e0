"""The tables of `homeserver.modules.calls`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import MINUTES, USER, Table

OWNER = "homeserver.modules.calls"
TABLES = (
    Table(
        OWNER,
        "call_participants",
        stays="of the SFUs of this installation",
        person=USER,
        not_in_package=MINUTES,
        kept="until what they were given lets nobody in any more: until then they are kept out by it",
        room="room_id",
    ),
)
