"""Relations and threads (relations.yaml, threads_list.yaml; thread subscriptions of MSC4306 and MSC4308)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.relations.relations import MAX_DEPTH, RelationPage, Relations
from chappe.homeserver.modules.threads.threads import ThreadSubscriptions, subscriptions_answer
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.token import optional_position, position_token
from chappe.matrix.identifiers import parse_event_id, parse_room_id

_ROOM = "/_matrix/client/v1/rooms/{roomId}"
_RELATIONS = _ROOM + "/relations/{eventId}"
_SUBSCRIPTION = "/rooms/{roomId}/thread/{eventId}/subscription"
MSC4306, MSC4308 = "/_matrix/client/unstable/io.element.msc4306", "/_matrix/client/unstable/io.element.msc4308"
MAX_PAGE = 500


class Subscribe(msgspec.Struct):
    automatic: str | None = None


class RelationsApi:
    def __init__(self, rooms: Rooms, relations: Relations, subscriptions: ThreadSubscriptions) -> None:
        self._rooms, self._relations, self._subscriptions = rooms, relations, subscriptions

    @endpoint(
        "GET",
        _RELATIONS,
        _RELATIONS + "/{relType}",
        _RELATIONS + "/{relType}/{eventType}",
        "/_matrix/client/unstable/rooms/{roomId}/relations/{eventId}",
        "/_matrix/client/unstable/rooms/{roomId}/relations/{eventId}/{relType}",
        "/_matrix/client/unstable/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}",
        auth=GUEST_AUTH,
        features=("org.matrix.msc3440.stable", "org.matrix.msc3715.stable", "org.matrix.msc3981"),
    )
    async def related(self, request: Request) -> Answer:
        backwards = request.query_choice("dir", ("b", "f"), "b") == "b"
        limit = request.query_int("limit", 10, 1, MAX_PAGE)
        start, stop = optional_position(request.query("from")), optional_position(request.query("to"))
        recurse = request.query_bool("recurse") or request.query_bool("org.matrix.msc3981.recurse")
        event_id = parse_event_id(request.params["eventId"])
        room = await self._rooms.require_readable(request.user_id, parse_room_id(request.params["roomId"]))
        page = await self._relations.page(
            request.user_id,
            room,
            event_id,
            request.params.get("relType"),
            request.params.get("eventType"),
            start,
            stop,
            backwards,
            limit,
            recurse,
        )
        prev = None if start is None else position_token(start)
        extra = b',"recursion_depth":%d' % MAX_DEPTH if recurse else b""
        return await self._answer(request, room, page, prev, extra)

    async def _answer(
        self, request: Request, room: LiveRoom, page: RelationPage, prev: str | None, extra: bytes = b""
    ) -> bytes:
        chunk = await self._relations.present(request.user_id, request.requester.device_id, room, page.events)
        parts = [b'{"chunk":[', b",".join(chunk), b"]", extra]
        if page.next is not None:
            parts += [b',"next_batch":"', position_token(page.next).encode(), b'"']
        if prev is not None:
            parts += [b',"prev_batch":"', prev.encode(), b'"']
        return b"".join([*parts, b"}"])

    @endpoint(
        "GET",
        _ROOM + "/threads",
        "/_matrix/client/unstable/org.matrix.msc3856/rooms/{roomId}/threads",
        auth=GUEST_AUTH,
        features=("org.matrix.msc3856.stable",),
    )
    async def threads(self, request: Request) -> Answer:
        participated = request.query_choice("include", ("all", "participated"), "all") == "participated"
        limit, start = request.query_int("limit", 10, 1, MAX_PAGE), optional_position(request.query("from"))
        room = await self._rooms.require_readable(request.user_id, parse_room_id(request.params["roomId"]))
        page = await self._relations.thread_roots(request.user_id, room, participated, start, limit)
        return await self._answer(request, room, page, None)

    # -------------------------------------------------------------------------------------------------- subscriptions

    async def _thread(self, request: Request) -> tuple[LiveRoom, str]:
        root = parse_event_id(request.params["eventId"])
        room_id = parse_room_id(request.params["roomId"])
        return await self._relations.require_thread(request.user_id, room_id, root), root

    @endpoint("GET", "/_matrix/client/v1" + _SUBSCRIPTION, MSC4306 + _SUBSCRIPTION)
    async def subscription(self, request: Request) -> Answer:
        room, root = await self._thread(request)
        return {"automatic": await self._subscriptions.get(request.user_id, room, root)}

    @endpoint(
        "PUT",
        "/_matrix/client/v1" + _SUBSCRIPTION,
        MSC4306 + _SUBSCRIPTION,
        body_limit=SMALL_LIMIT,
        features=("org.matrix.msc4306",),
    )
    async def subscribe(self, request: Request) -> Answer:
        cause = (await request.body_as(Subscribe)).automatic
        room, root = await self._thread(request)
        await self._subscriptions.subscribe(request.user_id, room, root, None if cause is None else parse_event_id(cause))
        return {}

    @endpoint("DELETE", "/_matrix/client/v1" + _SUBSCRIPTION, MSC4306 + _SUBSCRIPTION)
    async def unsubscribe(self, request: Request) -> Answer:
        room, root = await self._thread(request)
        await self._subscriptions.unsubscribe(request.user_id, room, root)
        return {}

    @endpoint(
        "GET", "/_matrix/client/v1/thread_subscriptions", MSC4308 + "/thread_subscriptions", features=("org.matrix.msc4308",)
    )
    async def subscriptions(self, request: Request) -> Answer:
        request.query_choice("dir", ("b",), None)
        limit = request.query_int("limit", 100, 1, 1000)
        start, stop = optional_position(request.query("from")), optional_position(request.query("to"))
        upto = start if start is not None else self._rooms.clock.watermark
        found, more = await self._subscriptions.changed(request.user_id, stop or 0, upto, limit)
        answer = subscriptions_answer(found)
        if more:
            answer["end"] = position_token(found[-1].position - 1)
        return answer
