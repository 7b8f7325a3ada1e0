"""The tables of `homeserver.modules.threads`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.threads"
TABLES = (
    Table(
        OWNER,
        "thread_subscriptions",
        rows=OF_USER,
        person=USER,
        package="SELECT r.room_id, t.root, t.subscribed FROM thread_subscriptions t JOIN rooms r USING (room_nid) WHERE t.user_id = $1 ORDER BY 1, 2",
        erased=True,
        room="room_nid",
    ),
)
