"""The tables of `homeserver.outbound.mail`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

OWNER = "homeserver.outbound.mail"
TABLES = (
    Table(
        OWNER,
        "outgoing_mail",
        stays="sent from where it was written",
        words="until it is delivered, or given up",
        readers=("homeserver.modules.administration",),
    ),
)
