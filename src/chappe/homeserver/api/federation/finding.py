"""Spaces, as other servers may see them (space_hierarchy.yaml)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, Answer, endpoint
from chappe.homeserver.modules.spaces.spaces import Spaces
from chappe.matrix.identifiers import parse_room_id


class Finding:
    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces

    @endpoint("GET", "/_matrix/federation/v1/hierarchy/{roomId}", auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def hierarchy(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        return await self._spaces.for_server(request.reader, room_id, request.query_bool("suggested_only"))
