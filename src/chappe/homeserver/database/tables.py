"""The tables of `homeserver.database`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import NO_SECRETS, Table

OWNER = "homeserver.database"
TABLES = (
    Table(
        OWNER,
        "journal",
        stays="the new installation begins its own where this one ends",
        readers=(
            "homeserver.modules.appservices",
            "homeserver.modules.hosted_domains",
            "homeserver.modules.search",
            "homeserver.rooms",
            "homeserver.senders.federation",
        ),
    ),
    Table(OWNER, "leases", stays="of the processes of this installation"),
    Table(OWNER, "progress", stays="of the installation's loops", readers=("homeserver.modules.hosted_domains",)),
    Table(OWNER, "schema_migrations", stays="the schema's own"),
    Table(
        OWNER,
        "secrets",
        rows=NO_SECRETS,
        stays_too=True,
        readers=("homeserver.accounts", "homeserver.modules.hosted_domains", "homeserver.rooms"),
    ),
    Table(OWNER, "sent", stays="transaction ids, forgotten soon", readers=("homeserver.rooms",)),
    Table(OWNER, "time_evidence", stays="of the installation's clock"),
)
