"""The tables of `homeserver.modules.account_data`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, USER, Table

OWNER = "homeserver.modules.account_data"
TABLES = (
    Table(
        OWNER,
        "account_data",
        rows=OF_USER,
        person=USER,
        not_in_package="written by hand: settings.json",
        erased=True,
        words="of the account: goes with it",
        room="room_id",
        readers=("homeserver.modules.ignored_users",),
    ),
    Table(
        OWNER,
        "kept_secrets",
        rows=OF_USER,
        person=USER,
        not_in_package="sealed with a key that only the person has",
        erased=True,
        words="sealed; some days, or with the account",
    ),
)
