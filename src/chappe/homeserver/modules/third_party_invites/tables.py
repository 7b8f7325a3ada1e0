"""The tables of `homeserver.modules.third_party_invites`: see `database/table.py`."""

from __future__ import annotations

from chappe.homeserver.database.table import Table, of_domain

TABLES = (
    Table(
        "homeserver.modules.third_party_invites",
        "third_party_invites",
        room="room_id",
        rows=of_domain("sender"),
        person=("sender",),
        file="invitations_by_address",
        package="SELECT medium, address, room_id, created_ts FROM third_party_invites WHERE sender = $1 ORDER BY created_ts",
        kept="the invitation stands in the room",
        readers=("homeserver.modules.identity_service",),
    ),
)
