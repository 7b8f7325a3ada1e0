"""Keeping a message, and letting it go."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import NotFound
from chappe.matrix.identifiers import parse_event_id, parse_room_id
from tests.features.bookmarks.bookmarks import Bookmarks

_BOOKMARK = "/_matrix/client/unstable/example.bookmarks/rooms/{roomId}/{eventId}"


class BookmarksApi:
    def __init__(self, rooms: Rooms, bookmarks: Bookmarks) -> None:
        self._rooms, self._bookmarks = rooms, bookmarks

    @endpoint("PUT", _BOOKMARK, features=("example.bookmarks",))
    async def keep(self, request: Request) -> Answer:
        """Only what the person may see."""
        await request.json_object(optional=True)
        return await self._set(request, True)

    @endpoint("DELETE", _BOOKMARK)
    async def let_go(self, request: Request) -> Answer:
        return await self._set(request, False)

    async def _set(self, request: Request, is_kept: bool) -> Answer:
        room = await self._rooms.require_joined(request.user_id, parse_room_id(request.params["roomId"]))
        event_id = parse_event_id(request.params["eventId"])
        if await self._rooms.timeline.shown(request.user_id, room, event_id) is None:
            raise NotFound("There is no such message in this room")
        await self._bookmarks.set(request.user_id, room.nid, event_id, is_kept)
        return {}
