"""The tables of `homeserver.modules.key_backup`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.key_backup",
        "key_backup_sessions",
        room_stays="a person's own keys, of which the server reads nothing",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="sealed with a key that only the person has",
        erased=True,
        words="sealed; of the account: goes with it",
    ),
    Table(
        "homeserver.modules.key_backup",
        "key_backups",
        rows=OF_USER,
        person=("user_id",),
        package="SELECT version, algorithm, deleted FROM key_backups WHERE user_id = $1 ORDER BY version",
        erased=True,
    ),
)
