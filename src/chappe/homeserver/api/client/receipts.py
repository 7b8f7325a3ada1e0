"""Receipts, read markers and typing (receipts.yaml, read_markers.yaml, typing.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.actions.mark_read import FULLY_READ, MarkRead
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.matrix.errors import BadRequest, Forbidden
from chappe.homeserver.matrix.identifiers import parse_room_id
from chappe.homeserver.modules.receipts import PRIVATE, READ
from chappe.homeserver.modules.typing import Typing
from chappe.homeserver.rooms.rooms import Rooms

_ROOM = "/_matrix/client/v3/rooms/{roomId}"


class SetTyping(msgspec.Struct):
    typing: bool
    timeout: int = 30_000


class ReceiptsApi:
    def __init__(self, rooms: Rooms, mark_read: MarkRead, typing: Typing) -> None:
        self._rooms, self._mark_read, self._typing = rooms, mark_read, typing

    @endpoint("POST", _ROOM + "/receipt/{receiptType}/{eventId}", auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def receipt(self, request: Request) -> Answer:
        body = await request.json_object(optional=True)
        await self._mark_read.receipt(
            request.user_id, parse_room_id(request.params["roomId"]), request.params["receiptType"],
            request.params["eventId"], body.get("thread_id"),
        )  # fmt: skip
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

    @endpoint("PUT", _ROOM + "/typing/{userId}", auth=GUEST_AUTH, acts=True, body_limit=SMALL_LIMIT)
    async def typing(self, request: Request) -> Answer:
        if request.params["userId"] != request.user_id:
            raise Forbidden("Nobody can type for somebody else")
        body = convert(await request.json_object(), SetTyping)
        room = await self._rooms.require_joined(request.user_id, parse_room_id(request.params["roomId"]))
        if body.typing and body.timeout <= 0:
            raise BadRequest("`timeout` must be positive", "M_INVALID_PARAM")
        self._typing.set(room.number, request.user_id, body.timeout if body.typing else 0)
        return {}
