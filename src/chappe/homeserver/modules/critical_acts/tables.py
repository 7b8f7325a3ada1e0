"""The tables of `homeserver.modules.critical_acts`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import IN_THE_LOG, Table

OWNER = "homeserver.modules.critical_acts"
TABLES = (
    Table(
        OWNER,
        "accounts_opened",
        stays="for those who run the installation",
        person=("user_id", "by"),
        not_in_package=IN_THE_LOG,
        erased=True,
    ),
    Table(
        OWNER,
        "critical_requests",
        stays="for those who run the installation",
        person=("asked_by", "decided_by"),
        not_in_package=IN_THE_LOG,
        kept="an act of administration",
    ),
)
