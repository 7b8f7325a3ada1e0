"""The tables of `homeserver.modules.media`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table

OWNER = "homeserver.modules.media"
TABLES = (
    Table(
        OWNER,
        "media",
        rows="server_name = $1",
        stays_too=True,
        person=("user_id", "quarantined_by"),
        not_in_package="written by hand: files.json",
        kept="its files are deleted, and their rows with them",
        words="the file goes with the message that shows it",
        readers=("homeserver.modules.administration", "homeserver.modules.hosted_domains"),
    ),
)
