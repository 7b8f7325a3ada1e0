"""The tables of `homeserver.modules.reporting`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

OWNER = "homeserver.modules.reporting"
TABLES = (
    Table(
        OWNER,
        "reports",
        stays="for those who run the installation",
        person=("reporter", "user_id"),
        package="SELECT room_id, event_id, user_id AS about, reason, received_ts FROM reports WHERE reporter = $1 ORDER BY report_id",
        file="reports_made",
        kept="somebody must still deal with it",
        words="until it has been dealt with",
        room_stays="somebody must still deal with it",
        readers=("homeserver.modules.administration",),
    ),
)
