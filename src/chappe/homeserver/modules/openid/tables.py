"""The tables of `homeserver.modules.openid`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import SECRET, USER, Table

OWNER = "homeserver.modules.openid"
TABLES = (Table(OWNER, "openid_tokens", stays="last an hour", person=USER, not_in_package=SECRET, erased=True),)
