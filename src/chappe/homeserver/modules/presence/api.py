"""Presence (presence.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import Forbidden
from chappe.matrix.identifiers import parse_user_id

_STATUS = "/_matrix/client/v3/presence/{userId}/status"


class SetPresence(msgspec.Struct):
    presence: str
    status_msg: str | None = None


class PresenceApi:
    def __init__(self, presence: Presence, rooms: Rooms) -> None:
        self._presence, self._rooms = presence, rooms

    @endpoint("GET", _STATUS)
    async def get(self, request: Request) -> Answer:
        user_id = parse_user_id(request.params["userId"])
        if user_id != request.user_id and not await self._rooms.memberships.share_a_room(request.user_id, user_id):
            raise Forbidden("You share no room with this person")
        if not self._presence.enabled_for(user_id):
            return {"presence": "offline"}
        return self._presence.content((await self._presence.of([user_id]))[user_id])

    @endpoint("PUT", _STATUS, acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def set(self, request: Request) -> Answer:
        if parse_user_id(request.params["userId"]) != request.user_id:
            raise Forbidden("You may set your own presence only")
        body = await request.body_as(SetPresence)
        await self._presence.set(request.user_id, body.presence, body.status_msg)
        return {}
