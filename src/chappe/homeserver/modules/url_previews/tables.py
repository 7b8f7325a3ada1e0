"""The tables of `homeserver.modules.url_previews`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

OWNER = "homeserver.modules.url_previews"
TABLES = (Table(OWNER, "url_previews", stays="fetched anew", words="of public pages, for some hours"),)
