"""What other servers may find here: published rooms, spaces (public_rooms.yaml, space_hierarchy.yaml)."""

from __future__ import annotations

from chappe.homeserver.api.client.list_public_rooms import Filter, Query
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.room_directory.room_directory import MAX_PAGE, DirectoryQuery, RoomDirectory
from chappe.homeserver.modules.spaces.spaces import Spaces
from chappe.matrix.identifiers import parse_room_id

_ROOMS = "/_matrix/federation/v1/publicRooms"


class Finding:
    def __init__(self, directory: RoomDirectory, spaces: Spaces) -> None:
        self._directory, self._spaces = directory, spaces

    @endpoint("GET", _ROOMS, auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def rooms(self, request: Request) -> Answer:
        limit = request.query_int("limit", 0, 0, MAX_PAGE) or 100  # 0: as many as we like
        return await self._directory.list(DirectoryQuery(request.reader, request.destination, limit, request.query("since")))

    @endpoint("POST", _ROOMS, auth=SERVER_AUTH, api="federation", is_heavy=True, body_limit=SMALL_LIMIT)
    async def search(self, request: Request) -> Answer:
        body = await request.body_as(Query, optional=True)
        wanted = body.filter or Filter()
        limit = max(1, min(body.limit or 100, MAX_PAGE))
        return await self._directory.list(
            DirectoryQuery(
                request.reader, request.destination, limit, body.since, wanted.generic_search_term, wanted.room_types, None
            )
        )

    @endpoint("GET", "/_matrix/federation/v1/hierarchy/{roomId}", auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def hierarchy(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        return await self._spaces.for_server(request.reader, room_id, request.query_bool("suggested_only"))
