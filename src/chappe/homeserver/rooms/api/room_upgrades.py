"""`POST /rooms/{roomId}/upgrade` (room_upgrades.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.actions.join_room import JoinRoom
from chappe.homeserver.actions.upgrade_room import UpgradeRoom
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.matrix.identifiers import parse_room_id


class Upgrade(msgspec.Struct):
    new_version: str
    additional_creators: list[str] = []


class RoomUpgrades:
    def __init__(self, upgrade: UpgradeRoom, join_room: JoinRoom) -> None:
        self._upgrade, self._join_room = upgrade, join_room

    @endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/upgrade", acts=True, limit="create_room", body_limit=SMALL_LIMIT)
    async def upgrade(self, request: Request) -> Answer:
        room_id, body = parse_room_id(request.params["roomId"]), await request.body_as(Upgrade)
        new_id = await self._upgrade(request.user_id, room_id, body.new_version, body.additional_creators)
        await self._join_room.carry_over(request.user_id, new_id)
        return {"replacement_room": new_id}
