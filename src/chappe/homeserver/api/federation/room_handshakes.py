"""Entering and leaving rooms through this server, and being invited (joins-v1/v2, knocks, leaving, invites)."""

from __future__ import annotations

from typing import Any

import orjson

from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import EVENT_BODY, SERVER_AUTH, Answer, endpoint
from chappe.homeserver.rooms.remote.membership import RemoteMembership
from chappe.homeserver.rooms.remote.residence import Accepted, Residence
from chappe.homeserver.rooms.remote.serving import Serving
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import domain_of, parse_event_id, parse_room_id, parse_user_id
from chappe.matrix.room_versions import ROOM_VERSIONS, require_room_version

_INVITE: dict[str, Any] = {"body_limit": 1 << 20, "body_reason": "an event, and events of the room that say what it is"}
_V1, _V2 = "/_matrix/federation/v1", "/_matrix/federation/v2"


class RoomHandshakes:
    def __init__(self, residence: Residence, serving: Serving, elsewhere: RemoteMembership, limits: RateLimits) -> None:
        self._residence, self._serving, self._elsewhere, self._limits = residence, serving, elsewhere, limits

    @endpoint("GET", _V1 + "/make_join/{roomId}/{userId}", auth=SERVER_AUTH, api="federation")
    async def make_join(self, request: Request) -> Answer:
        return await self._template(request, "join")

    @endpoint("GET", _V1 + "/make_knock/{roomId}/{userId}", auth=SERVER_AUTH, api="federation")
    async def make_knock(self, request: Request) -> Answer:
        return await self._template(request, "knock")

    @endpoint("GET", _V1 + "/make_leave/{roomId}/{userId}", auth=SERVER_AUTH, api="federation")
    async def make_leave(self, request: Request) -> Answer:
        return await self._template(request, "leave")

    async def _template(self, request: Request, kind: str) -> dict[str, Any]:
        versions = request.query_all("ver") or ["1"]
        user_id = parse_user_id(request.params["userId"])
        room_id = parse_room_id(request.params["roomId"])
        return await self._residence.template(kind, request.origin, room_id, user_id, versions)

    @endpoint("PUT", _V2 + "/send_join/{roomId}/{eventId}", auth=SERVER_AUTH, api="federation", is_heavy=True, **EVENT_BODY)
    async def send_join(self, request: Request) -> Answer:
        return await self._entered(request, may_omit=request.query("omit_members") == "true")

    @endpoint("PUT", _V1 + "/send_join/{roomId}/{eventId}", auth=SERVER_AUTH, api="federation", is_heavy=True, **EVENT_BODY)
    async def send_join_of_old(self, request: Request) -> Answer:
        """The first form, which the specification has removed (1.18): the answer stands behind its status, in a list."""
        return b"[200,%b]" % await self._entered(request, may_omit=False)

    async def _entered(self, request: Request, may_omit: bool) -> bytes:
        accepted = await self._accept(request, "join")
        room, known = accepted.room, accepted.known
        without = self._serving.dispensable(room, accepted.checked.pdu["sender"]) if may_omit else set()
        state, chain = await self._serving.state_and_chain(room, known, without, accepted.auth_event_nids, is_brief=may_omit)
        servers = sorted({domain_of(user) for user in room.joined})
        return b"".join(
            (
                b'{"origin":',
                orjson.dumps(request.destination),
                b',"members_omitted":',
                b"true" if without else b"false",
                b',"servers_in_room":',
                orjson.dumps(servers),
                b',"event":',
                accepted.checked.raw,
                b',"state":[',
                b",".join(state),
                b'],"auth_chain":[',
                b",".join(chain),
                b"]}",
            )
        )

    @endpoint("PUT", _V2 + "/send_leave/{roomId}/{eventId}", auth=SERVER_AUTH, api="federation", **EVENT_BODY)
    async def send_leave(self, request: Request) -> Answer:
        await self._accept(request, "leave")
        return {}

    @endpoint("PUT", _V1 + "/send_leave/{roomId}/{eventId}", auth=SERVER_AUTH, api="federation", **EVENT_BODY)
    async def send_leave_of_old(self, request: Request) -> Answer:
        """As `send_join_of_old`."""
        await self._accept(request, "leave")
        return b"[200,{}]"

    @endpoint("PUT", _V1 + "/send_knock/{roomId}/{eventId}", auth=SERVER_AUTH, api="federation", **EVENT_BODY)
    async def send_knock(self, request: Request) -> Answer:
        accepted = await self._accept(request, "knock")
        shown = await self._elsewhere.shown.events(accepted.room, accepted.checked.pdu["sender"])
        return b'{"knock_room_state":[%b]}' % b",".join(shown)

    async def _accept(self, request: Request, kind: str) -> Accepted:
        room_id, event_id = parse_room_id(request.params["roomId"]), parse_event_id(request.params["eventId"])
        return await self._residence.accept(kind, request.origin, room_id, event_id, await request.json_object())

    # -------------------------------------------------------------------------------------------------- invitations

    @endpoint("PUT", _V2 + "/invite/{roomId}/{eventId}", auth=SERVER_AUTH, api="federation", **_INVITE)
    async def invite(self, request: Request) -> Answer:
        body = await request.json_object()
        version = ROOM_VERSIONS.get(str(body.get("room_version")))
        if version is None:
            raise BadRequest(
                "This server does not know the room's version",
                "M_INCOMPATIBLE_ROOM_VERSION",
                room_version=str(body.get("room_version"))[:40],
            )
        event = body.get("event")
        if type(event) is not dict:
            raise BadRequest("`event` must be an object")
        room_id, event_id = parse_room_id(request.params["roomId"]), parse_event_id(request.params["eventId"])
        shown = body.get("invite_room_state")
        self._count(request.origin, event)
        return {"event": await self._elsewhere.invited(request.origin, version, room_id, event_id, event, shown)}

    @endpoint("PUT", _V1 + "/invite/{roomId}/{eventId}", auth=SERVER_AUTH, api="federation", **_INVITE)
    async def invite_of_old(self, request: Request) -> Answer:
        """The form of room versions 1 and 2."""
        event = await request.json_object()
        room_id, event_id = parse_room_id(request.params["roomId"]), parse_event_id(request.params["eventId"])
        unsigned = event.get("unsigned")
        shown = unsigned.get("invite_room_state") if type(unsigned) is dict else None
        version = require_room_version("1")
        self._count(request.origin, event)
        signed = await self._elsewhere.invited(request.origin, version, room_id, event_id, event, shown)
        return orjson.dumps([200, {"event": signed}])

    def _count(self, origin: str, event: dict[str, Any]) -> None:
        """Each invitation is a room that is remembered, and news on every device of somebody. Raises M_LIMIT_EXCEEDED."""
        self._limits.check_server("invited_from", origin)
        self._limits.check_server("invited", origin, str(event.get("state_key"))[:255])
