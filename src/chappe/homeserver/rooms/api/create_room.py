"""`POST /createRoom` (create_room.yaml)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import EVENT_BODY, Answer, endpoint
from chappe.homeserver.rooms.create_room import CreateRoomRequest, RoomCreation


class CreateRoom:
    def __init__(self, creation: RoomCreation) -> None:
        self._creation = creation

    @endpoint("POST", "/_matrix/client/v3/createRoom", acts=True, limit="create_room", **EVENT_BODY)
    async def create_room(self, request: Request) -> Answer:
        body = await request.body_as(CreateRoomRequest)
        return {"room_id": await self._creation.create(request.user_id, body)}
