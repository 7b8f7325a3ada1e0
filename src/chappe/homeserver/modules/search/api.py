"""`POST /search` (search.yaml)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.relations.relations import Relations
from chappe.homeserver.modules.search.search import Around, Hit, MessageSearch, RoomEventsCriteria, SearchResults
from chappe.homeserver.rooms.pagination import Pagination
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.visibility import VisibleEvent
from chappe.homeserver.sync.token import position_token
from chappe.matrix.filters import RoomEventFilter

MAX_AROUND = 50


class Categories(msgspec.Struct):
    room_events: RoomEventsCriteria | None = None


class SearchRequest(msgspec.Struct):
    search_categories: Categories


class Search:
    def __init__(self, rooms: Rooms, pagination: Pagination, search: MessageSearch, relations: Relations) -> None:
        self._rooms, self._search, self._relations, self._pagination = rooms, search, relations, pagination

    @endpoint("POST", "/_matrix/client/v3/search", limit="search", body_limit=SMALL_LIMIT)
    async def search(self, request: Request) -> Answer:
        wanted = (await request.body_as(SearchRequest)).search_categories.room_events
        if wanted is None:
            return {"search_categories": {}}
        found = await self._search.search(request.user_id, wanted, request.query("next_batch"))
        results = [await self._result(request, hit, wanted.event_context) for hit in found.hits]
        answer: dict[str, Any] = {"highlights": found.highlights, "results": results}
        if found.count is not None:
            answer["count"] = found.count
        if found.next is not None:
            answer["next_batch"] = found.next
        if wanted.groupings.group_by:
            answer["groups"] = {group.key: _groups(found, group.key) for group in wanted.groupings.group_by}
        if wanted.include_state:
            answer["state"] = {hit.room.room_id: await self._state(request, hit) for hit in found.hits}
        return {"search_categories": {"room_events": answer}}

    async def _events(self, request: Request, hit: Hit, events: Sequence[VisibleEvent]) -> list[orjson.Fragment]:
        chunk = await self._relations.present(request.user_id, request.requester.device_id, hit.room, events)
        return [orjson.Fragment(event) for event in chunk]

    async def _result(self, request: Request, hit: Hit, around: Around | None) -> dict[str, Any]:
        (event,) = await self._events(request, hit, [hit.seen])
        result: dict[str, Any] = {"rank": hit.rank, "result": event}
        if around is not None:
            result["context"] = await self._context(request, hit, around)
        return result

    async def _context(self, request: Request, hit: Hit, around: Around) -> dict[str, Any]:
        pages, user, position, order = self._pagination, request.user_id, hit.seen[0].position, hit.room.order
        before: list[VisibleEvent] = []
        after: list[VisibleEvent] = []
        if limit := min(max(0, around.before_limit), MAX_AROUND):
            before = (await pages.page(user, hit.room, order.before(position), None, True, limit, RoomEventFilter())).events
        if limit := min(max(0, around.after_limit), MAX_AROUND):
            after = (await pages.page(user, hit.room, position, None, False, limit, RoomEventFilter(), 1)).events
        first = order.before(before[-1][0].position if before else position)
        last = after[-1][0].position if after else position
        context: dict[str, Any] = {
            "start": position_token(first),
            "end": position_token(last),
            "events_before": await self._events(request, hit, before),
            "events_after": await self._events(request, hit, after),
        }
        if around.include_profile:
            state = await self._rooms.timeline.state_after(hit.room, position)
            senders = {e.sender for e, _ in (*before, hit.seen, *after)}
            members = {user: state.get(("m.room.member", user)) for user in senders}
            context["profile_info"] = {user: _profile(e.content) for user, e in members.items() if e is not None}
        return context

    async def _state(self, request: Request, hit: Hit) -> list[orjson.Fragment]:
        state = await self._rooms.timeline.state_at(request.user_id, hit.room)
        return [orjson.Fragment(event.for_joined()) for event in state.values()]


def _profile(content: dict[str, Any]) -> dict[str, Any]:
    return {key: content[key] for key in ("displayname", "avatar_url") if type(content.get(key)) is str}


def _groups(found: SearchResults, key: str) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for hit in found.hits:
        name = hit.room.room_id if key == "room_id" else hit.seen[0].sender
        group = groups.setdefault(name, {"order": len(groups) + 1, "results": []})
        group["results"].append(hit.seen[0].event_id)
    return groups
