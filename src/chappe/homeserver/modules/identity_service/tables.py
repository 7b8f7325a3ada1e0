"""The tables of `homeserver.modules.identity_service`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.identity_service",
        "bound_elsewhere",
        stays="people of other servers",
        person=("user_id",),
        not_in_package="people of other servers",
        kept="people of other servers",
    ),
    Table(
        "homeserver.modules.identity_service",
        "identity_terms",
        rows=OF_USER,
        person=("user_id",),
        package="SELECT url, agreed_ts FROM identity_terms WHERE user_id = $1 ORDER BY agreed_ts",
        erased=True,
    ),
    Table(
        "homeserver.modules.identity_service",
        "identity_tokens",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="a secret",
        erased=True,
    ),
)
