"""Room aliases (directory.yaml, and the aliases of rooms.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, OPTIONAL_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.identifiers import domain_of, parse_room_alias, parse_room_id

_ALIAS = "/_matrix/client/v3/directory/room/{roomAlias}"


class SetAlias(msgspec.Struct):
    room_id: str


class Directory:
    def __init__(self, aliases: Aliases, rooms: Rooms) -> None:
        self._aliases, self._rooms = aliases, rooms

    @endpoint("GET", _ALIAS, auth=OPTIONAL_AUTH)
    async def resolve(self, request: Request) -> Answer:
        alias = parse_room_alias(request.params["roomAlias"])
        found = await self._aliases.resolve_for(request.reader, alias)
        return {"room_id": found.room_id, "servers": list(found.servers) or [domain_of(alias)]}

    @endpoint("PUT", _ALIAS, acts=True, body_limit=SMALL_LIMIT)
    async def create(self, request: Request) -> Answer:
        alias = parse_room_alias(request.params["roomAlias"])
        room_id = parse_room_id((await request.body_as(SetAlias)).room_id)
        await self._aliases.create(request.user_id, alias, room_id, request.requester.appservice)
        return {}

    @endpoint("DELETE", _ALIAS)
    async def delete(self, request: Request) -> Answer:
        alias = parse_room_alias(request.params["roomAlias"])
        await self._aliases.delete(request.user_id, alias, request.requester.is_admin)
        return {}

    @endpoint("GET", "/_matrix/client/v3/rooms/{roomId}/aliases", auth=GUEST_AUTH)
    async def of_room(self, request: Request) -> Answer:
        """Administrators of the server see them of every room, as directory.yaml allows."""
        room_id = parse_room_id(request.params["roomId"])
        if request.requester.is_admin:
            room = await self._rooms.require(room_id)
        else:
            room = await self._rooms.require_readable(request.user_id, room_id)
        return {"aliases": await self._aliases.store.of_room(room.room_id)}
