"""The tables of `homeserver.modules.push`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.push"
TABLES = (
    Table(
        OWNER,
        "push_rules",
        rows=OF_USER,
        person=USER,
        package="SELECT convert_from(rules, 'UTF8') AS rules FROM push_rules WHERE user_id = $1",
        erased=True,
    ),
    Table(
        OWNER,
        "pushers",
        rows=OF_USER,
        person=USER,
        package="SELECT kind, app_id, device_display_name, created_ts FROM pushers WHERE user_id = $1 ORDER BY created_ts",
        file="notification_targets",
        erased=True,
    ),
    Table(
        OWNER,
        "push_queue",
        stays="sent from where it was queued",
        words="holds no words: the event is read when it is delivered",
        room="room_nid",
        readers=("homeserver.modules.administration",),
    ),
)
