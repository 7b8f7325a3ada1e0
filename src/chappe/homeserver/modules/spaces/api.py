"""Spaces and summaries of rooms (space_hierarchy.yaml, room_summary.yaml)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, OPTIONAL_AUTH, SERVER_AUTH, Answer, endpoint
from chappe.homeserver.modules.spaces.spaces import MAX_DEPTH, MAX_PAGE, Spaces
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.sight import Sight
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import parse_room_id


class SpaceHierarchy:
    def __init__(self, spaces: Spaces, aliases: Aliases, sight: Sight) -> None:
        self._spaces, self._aliases, self._sight = spaces, aliases, sight

    @endpoint(
        "GET",
        "/_matrix/client/v1/rooms/{roomId}/hierarchy",
        "/_matrix/client/unstable/org.matrix.msc2946/rooms/{roomId}/hierarchy",
        auth=GUEST_AUTH,
        limit="search",
    )
    async def hierarchy(self, request: Request) -> Answer:
        limit = request.query_int("limit", 50, 1, MAX_PAGE)
        depth = request.query_int("max_depth", MAX_DEPTH, 0, MAX_DEPTH)
        rooms, token = await self._spaces.hierarchy(
            request.person,
            parse_room_id(request.params["roomId"]),
            request.query_bool("suggested_only"),
            limit,
            depth,
            request.query("from"),
            request.query_all("via"),
        )
        return {"rooms": rooms} | ({"next_batch": token} if token else {})

    @endpoint(
        "GET",
        "/_matrix/client/v1/room_summary/{roomIdOrAlias}",
        "/_matrix/client/unstable/im.nheko.summary/summary/{roomIdOrAlias}",
        "/_matrix/client/unstable/im.nheko.summary/rooms/{roomIdOrAlias}/summary",
        auth=OPTIONAL_AUTH,
        features=("org.matrix.msc3266",),
    )
    async def summary(self, request: Request) -> Answer:
        name = request.params["roomIdOrAlias"]
        if name[:1] not in ("!", "#"):
            raise BadRequest("A room is named by an id (!…) or an alias (#…)", "M_INVALID_PARAM")
        self._sight.require(request.reader)
        room_id = parse_room_id(await self._aliases.room_id_of(request.reader, name))
        return await self._spaces.summary(request.reader, room_id)


class SpacesForServers:
    """The same, for other servers."""

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces

    @endpoint("GET", "/_matrix/federation/v1/hierarchy/{roomId}", auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def hierarchy(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        return await self._spaces.for_server(request.reader, room_id, request.query_bool("suggested_only"))
