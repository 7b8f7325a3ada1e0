"""Finding people, and the rooms shared with them (users.yaml, mutual_rooms.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.user_directory.user_directory import MAX_LIMIT, UserDirectory
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import parse_user_id

MUTUAL_PAGE = 1000


class SearchUsers(msgspec.Struct):
    search_term: str
    limit: int = 10


class Users:
    def __init__(self, directory: UserDirectory, rooms: Rooms) -> None:
        self._directory, self._rooms = directory, rooms

    @endpoint("POST", "/_matrix/client/v3/user_directory/search", limit="search", body_limit=SMALL_LIMIT)
    async def search(self, request: Request) -> Answer:
        body = await request.body_as(SearchUsers)
        limit = min(max(1, body.limit), MAX_LIMIT)
        found, limited = await self._directory.search(request.person, body.search_term[:200].replace("\0", ""), limit)
        return {"results": found, "limited": limited}

    @endpoint(
        "GET",
        "/_matrix/client/v1/mutual_rooms",
        "/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms",
        features=("uk.half-shot.msc2666.query_mutual_rooms", "uk.half-shot.msc2666.query_mutual_rooms.stable"),
    )
    async def mutual_rooms(self, request: Request) -> Answer:
        text = request.query("user_id")
        if not text:
            raise BadRequest("`user_id` is missing", "M_MISSING_PARAM")
        other = parse_user_id(text)
        if other == request.user_id:
            raise BadRequest("You share all rooms with yourself", "M_INVALID_PARAM")
        start = request.query("from") or request.query("batch_token") or "0"
        if not start.isascii() or not start.isdigit() or len(start) > 9:
            raise BadRequest("This is not a token of this list", "M_INVALID_PARAM")
        theirs = {m.room_nid for m in await self._rooms.memberships.joined(other)}
        shared = [m.room_id for m in await self._rooms.memberships.joined(request.user_id) if m.room_nid in theirs]
        page = shared[int(start) : int(start) + MUTUAL_PAGE]
        answer = {"joined": page, "count": len(shared)}
        if int(start) + MUTUAL_PAGE < len(shared):
            answer |= {"next_batch": str(int(start) + MUTUAL_PAGE)}
        return answer
