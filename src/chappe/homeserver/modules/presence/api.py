"""Presence (presence.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.presence.presence import MAX_STATUS, Presence
from chappe.homeserver.modules.presence.status import AVAILABLE, Status, checked
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.identifiers import parse_user_id

_STATUS = "/_matrix/client/v3/presence/{userId}/status"
_CHOSEN = "/_chappe/client/v1/status"


class SetPresence(msgspec.Struct):
    presence: str
    status_msg: str | None = None


class ChosenStatus(msgspec.Struct):
    """`status_msg`: the same as a sentence, for clients that know presence alone."""

    state: str
    text: str | None = None
    until: int | None = None
    silent: bool = False
    status_msg: str | None = None


class PresenceApi:
    def __init__(self, presence: Presence, rooms: Rooms, now_ms: NowMs) -> None:
        self._presence, self._rooms, self._now_ms = presence, rooms, now_ms

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

    @endpoint("GET", _CHOSEN)
    async def chosen(self, request: Request) -> Answer:
        """The status that one has chosen oneself; whether there are statuses at all."""
        if not self._presence.enabled_for(request.user_id):
            return {"enabled": False}
        status = await self._presence.status(request.user_id) or Status(AVAILABLE)
        return {"enabled": True, **status.content(), "silent": status.is_silent}

    @endpoint("PUT", _CHOSEN, acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def choose(self, request: Request) -> Answer:
        """Until it ends by itself. To be available without a word is to have no status."""
        body = await request.body_as(ChosenStatus)
        if len(body.status_msg or "") > MAX_STATUS:
            raise BadRequest("The status message is too long", "M_INVALID_PARAM")
        asked = Status(body.state, (body.text or "").strip() or None, body.until, body.silent)
        status = checked(asked, body.status_msg, self._now_ms())
        if status.state == AVAILABLE and status.text is None and not status.is_silent:
            await self._presence.choose(request.user_id, None, None)
        else:
            await self._presence.choose(request.user_id, status, body.status_msg or status.text)
        return {}
