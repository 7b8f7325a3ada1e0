"""The tables of `homeserver.modules.identity_service`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_OTHERS, OF_USER, SECRET, USER, Table

OWNER = "homeserver.modules.identity_service"
TABLES = (
    Table(OWNER, "bound_elsewhere", stays="people of other servers", person=USER, not_in_package=OF_OTHERS, kept=OF_OTHERS),
    Table(
        OWNER,
        "identity_terms",
        rows=OF_USER,
        person=USER,
        package="SELECT url, agreed_ts FROM identity_terms WHERE user_id = $1 ORDER BY agreed_ts",
        erased=True,
    ),
    Table(OWNER, "identity_tokens", rows=OF_USER, person=USER, not_in_package=SECRET, erased=True),
)
