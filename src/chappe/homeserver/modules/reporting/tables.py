"""The tables of `homeserver.modules.reporting`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.modules.reporting",
        "reports",
        room_stays="somebody must still deal with it",
        stays="for those who run the installation",
        person=(
            "reporter",
            "user_id",
        ),
        file="reports_made",
        package="SELECT room_id, event_id, user_id AS about, reason, received_ts FROM reports WHERE reporter = $1 ORDER BY report_id",
        kept="somebody must still deal with it",
        words="until it has been dealt with",
        readers=("homeserver.modules.administration",),
    ),
)
