"""The tables of `homeserver.modules.critical_acts`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

TABLES = (
    Table(
        "homeserver.modules.critical_acts",
        "accounts_opened",
        stays="for those who run the installation",
        person=("user_id", "by"),
        not_in_package="an act of administration: it is in the audit log",
        erased=True,
    ),
    Table(
        "homeserver.modules.critical_acts",
        "critical_requests",
        stays="for those who run the installation",
        person=("asked_by", "decided_by"),
        not_in_package="an act of administration: it is in the audit log",
        kept="an act of administration",
    ),
)
