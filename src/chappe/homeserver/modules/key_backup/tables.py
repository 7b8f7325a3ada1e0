"""The tables of `homeserver.modules.key_backup`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.key_backup"
TABLES = (
    Table(
        OWNER,
        "key_backup_sessions",
        rows=OF_USER,
        person=USER,
        not_in_package="sealed with a key that only the person has",
        erased=True,
        words="sealed; of the account: goes with it",
        room_stays="a person's own keys, of which the server reads nothing",
    ),
    Table(
        OWNER,
        "key_backups",
        rows=OF_USER,
        person=USER,
        package="SELECT version, algorithm, deleted FROM key_backups WHERE user_id = $1 AND version > 0 ORDER BY version",
        erased=True,
    ),
)
