"""The tables of `homeserver.modules.push`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.push",
        "push_rules",
        rows=OF_USER,
        person=("user_id",),
        package="SELECT convert_from(rules, 'UTF8') AS rules FROM push_rules WHERE user_id = $1",
        erased=True,
    ),
    Table(
        "homeserver.modules.push",
        "pushers",
        rows=OF_USER,
        person=("user_id",),
        file="notification_targets",
        package="SELECT kind, app_id, device_display_name, created_ts FROM pushers WHERE user_id = $1 ORDER BY created_ts",
        erased=True,
        readers=(
            "homeserver.accounts",
            "homeserver.senders.push",
        ),
    ),
)
