"""The tables of `homeserver.modules.threads`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.threads",
        "thread_subscriptions",
        room="room_nid",
        rows=OF_USER,
        person=("user_id",),
        package="SELECT r.room_id, t.root, t.subscribed FROM thread_subscriptions t JOIN rooms r USING (room_nid) WHERE t.user_id = $1 ORDER BY 1, 2",
        erased=True,
    ),
)
