"""The tables of `homeserver.modules.account_data`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import OF_USER, Table

TABLES = (
    Table(
        "homeserver.modules.account_data",
        "account_data",
        room="room_id",
        rows=OF_USER,
        person=("user_id",),
        not_in_package="written by hand: settings.json",
        erased=True,
        words="of the account: goes with it",
        readers=(
            "homeserver.modules.ignored_users",
            "homeserver.modules.push",
        ),
    ),
)
