"""Typing (typing.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.modules.typing.typing import Typing
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.identifiers import parse_room_id


class SetTyping(msgspec.Struct):
    typing: bool
    timeout: int = 30_000


class TypingApi:
    def __init__(self, rooms: Rooms, typing: Typing) -> None:
        self._rooms, self._typing = rooms, typing

    @endpoint("PUT", "/_matrix/client/v3/rooms/{roomId}/typing/{userId}", auth=GUEST_AUTH, acts=True, body_limit=SMALL_LIMIT)
    async def typing(self, request: Request) -> Answer:
        if request.params["userId"] != request.user_id:
            raise Forbidden("Nobody can type for somebody else")
        body = convert(await request.json_object(), SetTyping)
        room = await self._rooms.require_joined(request.user_id, parse_room_id(request.params["roomId"]))
        if body.typing and body.timeout <= 0:
            raise BadRequest("`timeout` must be positive", "M_INVALID_PARAM")
        self._typing.set(room.nid, request.user_id, body.timeout if body.typing else 0)
        return {}
