"""Receipts and read markers (receipts.yaml, read_markers.yaml)."""

from __future__ import annotations

from chappe.homeserver.actions.mark_read import FULLY_READ, MarkRead
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.receipts.receipts import PRIVATE, READ
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import parse_room_id

_ROOM = "/_matrix/client/v3/rooms/{roomId}"


class ReceiptsApi:
    def __init__(self, rooms: Rooms, mark_read: MarkRead) -> None:
        self._rooms, self._mark_read = rooms, mark_read

    @endpoint("POST", _ROOM + "/receipt/{receiptType}/{eventId}", auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def receipt(self, request: Request) -> Answer:
        body = await request.json_object(optional=True)
        await self._mark_read.receipt(
            request.user_id,
            parse_room_id(request.params["roomId"]),
            request.params["receiptType"],
            request.params["eventId"],
            body.get("thread_id"),
        )
        return {}

    @endpoint("POST", _ROOM + "/read_markers", auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def read_markers(self, request: Request) -> Answer:
        body = await request.json_object()
        room_id = parse_room_id(request.params["roomId"])
        for name in (FULLY_READ, READ, PRIVATE):
            if name in body and type(body[name]) is not str:
                raise BadRequest(f"`{name}` must be an event id")
        await self._rooms.require_joined(request.user_id, room_id)
        for name in (FULLY_READ, READ, PRIVATE):
            if name in body:
                await self._mark_read.receipt(request.user_id, room_id, name, body[name], None)
        return {}
