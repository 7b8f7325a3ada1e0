"""The tables of `homeserver.modules.third_party_invites`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table, of_domain

OWNER = "homeserver.modules.third_party_invites"
TABLES = (
    Table(
        OWNER,
        "third_party_invites",
        rows=of_domain("sender"),
        person=("sender",),
        package="SELECT medium, address, room_id, created_ts FROM third_party_invites WHERE sender = $1 ORDER BY created_ts",
        file="invitations_by_address",
        kept="the invitation stands in the room",
        room="room_id",
        readers=("homeserver.modules.identity_service",),
    ),
)
