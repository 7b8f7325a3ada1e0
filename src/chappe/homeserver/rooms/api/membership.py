"""Membership (joining.yaml, inviting.yaml, leaving.yaml, kicking.yaml, banning.yaml, knocking.yaml, list_joined_rooms.yaml)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chappe.homeserver.actions.join_room import JoinRoom
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.create_room import ThirdPartyInvite
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.canonical_json import check_canonical
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import parse_room_id, parse_user_id

_ROOM = "/_matrix/client/v3/rooms/{roomId}"
# of a join's body, whose other members become the event's content, as with Synapse: what is no content
_NOT_WRITTEN = frozenset(("membership", "third_party_signed"))


class Reason(msgspec.Struct):
    reason: str | None = None


class Target(msgspec.Struct):
    user_id: str
    reason: str | None = None


class Membership:
    def __init__(
        self, rooms: Rooms, changes: MembershipChanges, aliases: Aliases, join_room: JoinRoom, invites: ThirdPartyInvites
    ) -> None:
        self._rooms, self._changes, self._aliases = rooms, changes, aliases
        self._join_room, self._invites = join_room, invites

    @endpoint("GET", "/_matrix/client/v3/joined_rooms", auth=GUEST_AUTH)
    async def joined_rooms(self, request: Request) -> Answer:
        return {"joined_rooms": [m.room_id for m in await self._rooms.memberships.joined(request.user_id)]}

    @endpoint(
        "POST", "/_matrix/client/v3/join/{roomIdOrAlias}", acts=True, auth=GUEST_AUTH, limit="join", body_limit=SMALL_LIMIT
    )
    async def join_by_alias(self, request: Request) -> Answer:
        room_id, servers = await self._room_or_alias(request)
        return await self._join(request, room_id, servers)

    @endpoint("POST", _ROOM + "/join", acts=True, auth=GUEST_AUTH, limit="join", body_limit=SMALL_LIMIT)
    async def join(self, request: Request) -> Answer:
        return await self._join(request, parse_room_id(request.params["roomId"]), _via(request))

    async def _join(self, request: Request, room_id: str, servers: Sequence[str]) -> Answer:
        body = await request.json_object(optional=True)
        convert(body, Reason)
        check_canonical(body)
        extra = {name: value for name, value in body.items() if name not in _NOT_WRITTEN and value is not None}
        return {"room_id": await self._join_room(request.user_id, room_id, extra, servers)}

    async def _room_or_alias(self, request: Request) -> tuple[str, Sequence[str]]:
        """And the servers that may be in the room."""
        name = request.params["roomIdOrAlias"]
        if name[:1] not in ("!", "#"):
            raise BadRequest("A room is named by an id (!…) or an alias (#…)", "M_INVALID_PARAM")
        room_id, servers = await self._aliases.room_of(request.reader, name)
        return parse_room_id(room_id), [*_via(request), *servers]

    @endpoint("POST", "/_matrix/client/v3/knock/{roomIdOrAlias}", acts=True, limit="join", body_limit=SMALL_LIMIT)
    async def knock(self, request: Request) -> Answer:
        room_id, servers = await self._room_or_alias(request)
        reason = (await request.body_as(Reason, optional=True)).reason
        return {"room_id": await self._changes.knock(request.user_id, room_id, reason, servers)}

    @endpoint("POST", _ROOM + "/invite", acts=True, limit="invite", body_limit=SMALL_LIMIT)
    async def invite(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        body = await request.json_object()
        if "user_id" not in body and {"id_server", "medium", "address"} & body.keys():
            wanted = convert(body, ThirdPartyInvite)
            await self._invites.invite(request.user_id, room_id, wanted.medium, wanted.address, wanted.id_server)
            return {}
        target = convert(body, Target)
        extra = {} if target.reason is None else {"reason": target.reason}
        await self._changes.invite(request.user_id, room_id, parse_user_id(target.user_id), extra)
        return {}

    @endpoint("POST", _ROOM + "/leave", auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def leave(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        await self._changes.leave(request.user_id, room_id, (await request.body_as(Reason, optional=True)).reason)
        return {}

    @endpoint("POST", _ROOM + "/forget", auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def forget(self, request: Request) -> Answer:
        await request.json_object(optional=True)
        await self._changes.forget(request.user_id, parse_room_id(request.params["roomId"]))
        return {}

    @endpoint("POST", _ROOM + "/kick", acts=True, body_limit=SMALL_LIMIT)
    async def kick(self, request: Request) -> Answer:
        room_id, body = parse_room_id(request.params["roomId"]), await request.body_as(Target)
        await self._changes.kick(request.user_id, room_id, parse_user_id(body.user_id), body.reason)
        return {}

    @endpoint("POST", _ROOM + "/ban", acts=True, body_limit=SMALL_LIMIT)
    async def ban(self, request: Request) -> Answer:
        room_id, body = parse_room_id(request.params["roomId"]), await request.body_as(Target)
        await self._changes.ban(request.user_id, room_id, parse_user_id(body.user_id), body.reason)
        return {}

    @endpoint("POST", _ROOM + "/unban", acts=True, body_limit=SMALL_LIMIT)
    async def unban(self, request: Request) -> Answer:
        room_id, body = parse_room_id(request.params["roomId"]), await request.body_as(Target)
        await self._changes.unban(request.user_id, room_id, parse_user_id(body.user_id), body.reason)
        return {}


def _via(request: Request) -> list[str]:
    return [*request.query_all("via"), *request.query_all("server_name")]
