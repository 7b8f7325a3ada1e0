"""Reading a room (rooms.yaml, event_context.yaml, message_pagination.yaml, room_event_by_timestamp.yaml)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, Answer, endpoint
from chappe.homeserver.modules.relations.relations import Relations
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.pagination import Pagination
from chappe.homeserver.rooms.remote.completing import Completing
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.visibility import VisibleEvent
from chappe.homeserver.sync.token import optional_position, position_token
from chappe.matrix.canonical_json import parse_json
from chappe.matrix.errors import BadRequest
from chappe.matrix.filters import RoomEventFilter, is_open, parse_room_event_filter, passes_event
from chappe.matrix.identifiers import UserId, parse_event_id, parse_room_id

_ROOM = "/_matrix/client/v3/rooms/{roomId}"
MAX_PAGE = 1000
FIRST_MEMBER = RoomEventFilter(types=("m.room.member",))
MEMBERSHIPS = ("join", "invite", "leave", "ban", "knock")


class RoomReads:
    def __init__(self, rooms: Rooms, relations: Relations, pagination: Pagination, completing: Completing) -> None:
        self._rooms, self._relations = rooms, relations
        self._pagination, self._completing = pagination, completing

    async def _room(self, request: Request) -> LiveRoom:
        return await self._rooms.require_readable(request.user_id, parse_room_id(request.params["roomId"]))

    async def _events(self, request: Request, room: LiveRoom, events: Sequence[VisibleEvent]) -> bytes:
        chunk = await self._relations.present(request.user_id, request.requester.device_id, room, events)
        return b",".join(chunk)

    # ----------------------------------------------------------------------------------------------------- timeline

    @endpoint("GET", _ROOM + "/messages", auth=GUEST_AUTH)
    async def messages(self, request: Request) -> Answer:
        room = await self._room(request)  # who has forgotten it hears so, whatever else they said
        backwards = request.query_choice("dir", ("b", "f"), None) == "b"
        limit = request.query_int("limit", 10, 1, MAX_PAGE)
        start, stop = optional_position(request.query("from")), optional_position(request.query("to"))
        event_filter = _filter(request)
        page = await self._pagination.page(request.user_id, room, start, stop, backwards, limit, event_filter)
        parts = [
            b'{"chunk":[',
            await self._events(request, room, page.events),
            b'],"start":"',
            position_token(page.start).encode(),
            b'"',
        ]
        if page.end is not None:
            parts += [b',"end":"', position_token(page.end).encode(), b'"']
        if event_filter.lazy_load_members:
            members = await self._members_of(request, room, page.events)
            parts += [b',"state":[', b",".join(e.for_joined() for e in members), b"]"]
        return b"".join([*parts, b"}"])

    async def _members_of(self, request: Request, room: LiveRoom, events: list[VisibleEvent]) -> list[RoomEvent]:
        state = await self._rooms.timeline.state_at(request.user_id, room)
        known = await self._rooms.timeline.speakers(room, (e for e, _ in events), state)
        senders = dict.fromkeys(e.sender for e, _ in events)
        return [member for sender in senders if (member := known.get(("m.room.member", sender))) is not None]

    @endpoint("GET", _ROOM + "/context/{eventId}", auth=GUEST_AUTH)
    async def context(self, request: Request) -> Answer:
        limit = request.query_int("limit", 10, 0, MAX_PAGE)
        event_filter = _filter(request)
        event_id = parse_event_id(request.params["eventId"])
        room = await self._room(request)
        event, membership = await self._rooms.timeline.event(request.user_id, room, event_id)
        timeline, user = self._rooms.timeline, request.user_id
        before = after = None
        if half := limit // 2:
            before = await self._pagination.page(user, room, room.order.before(event.position), None, True, half, event_filter)
        if rest := (limit + 1) // 2:
            after = await self._pagination.page(user, room, event.position, None, False, rest, event_filter, 1)
        around = [*(before.events if before else ()), (event, membership), *(after.events if after else ())]
        state = await timeline.state_at(user, room, around[-1][0].position)
        if event_filter.lazy_load_members:
            senders = {e.sender for e, _ in around}
            known = await timeline.speakers(room, (e for e, _ in around), state)
            state = {k: e for k, e in known.items() if k[0] != "m.room.member" or k[1] in senders}
        shown = [e for e in state.values() if _passes(event_filter, room, e)]
        last = after.events[-1][0] if after and after.events else event
        first = room.order.before((before.events[-1][0] if before and before.events else event).position)
        return b"".join(
            (
                b'{"event":',
                await self._events(request, room, [(event, membership)]),
                b',"events_before":[',
                await self._events(request, room, before.events if before else []),
                b'],"events_after":[',
                await self._events(request, room, after.events if after else []),
                b'],"state":[',
                b",".join(e.for_joined() for e in shown),
                b'],"start":"',
                position_token(first).encode(),
                b'","end":"',
                position_token(last.position).encode(),
                b'"}',
            )
        )

    @endpoint("GET", _ROOM + "/event/{eventId}", auth=GUEST_AUTH)
    async def event(self, request: Request) -> Answer:
        event_id, room_id = parse_event_id(request.params["eventId"]), parse_room_id(request.params["roomId"])
        room = await self._rooms.require(room_id)
        return await self._events(request, room, [await self._rooms.timeline.event(request.user_id, room, event_id)])

    @endpoint(
        "GET",
        "/_matrix/client/v1/rooms/{roomId}/timestamp_to_event",
        "/_matrix/client/unstable/org.matrix.msc3030/rooms/{roomId}/timestamp_to_event",
        auth=GUEST_AUTH,
    )
    async def timestamp_to_event(self, request: Request) -> Answer:
        backwards = request.query_choice("dir", ("b", "f"), None) == "b"
        if request.query("ts") is None:
            raise BadRequest("`ts` is missing", "M_MISSING_PARAM")
        ts = request.query_int("ts", 0)
        room = await self._room(request)
        event = await self._pagination.nearest(request.user_id, room, ts, backwards)
        return {"event_id": event.event_id, "origin_server_ts": event.ts}

    # -------------------------------------------------------------------------------------------------------- state

    @endpoint("GET", _ROOM + "/state", auth=GUEST_AUTH)
    async def state(self, request: Request) -> Answer:
        room = await self._room(request)
        await self._completing.await_all_members(room)
        state = await self._rooms.timeline.state_at(request.user_id, room)
        return b"[" + b",".join(e.for_joined() for e in state.values()) + b"]"

    @endpoint(
        "GET",
        _ROOM + "/state/{eventType}/{stateKey}",
        _ROOM + "/state/{eventType}",
        _ROOM + "/state/{eventType}/",
        auth=GUEST_AUTH,
    )
    async def state_event(self, request: Request) -> Answer:
        shape = request.query_choice("format", ("content", "event"), "content")
        room_id = parse_room_id(request.params["roomId"])
        event = await self._rooms.state_event(
            request.user_id, room_id, request.params["eventType"], request.params.get("stateKey", "")
        )
        return event.for_joined() if shape == "event" else orjson.dumps(event.content)

    @endpoint("GET", _ROOM + "/members")
    async def members(self, request: Request) -> Answer:
        wanted = _memberships(request, "membership") or set(MEMBERSHIPS)
        wanted -= _memberships(request, "not_membership")
        position = optional_position(request.query("at"))
        room = await self._room(request)
        await self._completing.await_all_members(room)
        members = await self._members_at(request.user_id, room, position)
        everybody = len(wanted) == len(MEMBERSHIPS)
        return b'{"chunk":[' + b",".join([e.for_joined() for e in members if everybody or e.membership in wanted]) + b"]}"

    async def _members_at(self, user_id: UserId, room: LiveRoom, position: int | None) -> list[RoomEvent]:
        """COMPAT: the `prev_batch` of a whole timeline names the time before the room: whoever made it is in it then, as elsewhere."""
        state = await self._rooms.timeline.state_at(user_id, room, position)
        members = [event for key, event in state.items() if key[0] == "m.room.member"]
        if members or position is None:
            return members
        page = await self._pagination.page(user_id, room, position, None, False, 1, FIRST_MEMBER, 0)
        return [event for event, _ in page.events]

    @endpoint("GET", _ROOM + "/joined_members")
    async def joined_members(self, request: Request) -> Answer:
        room = await self._rooms.require_present(request.user_id, parse_room_id(request.params["roomId"]))
        await self._completing.await_all_members(room)
        return {"joined": {user: _profile(event.content) for user, event in room.joined.items()}}


def _profile(content: dict[str, Any]) -> dict[str, Any]:
    """COMPAT: null where there is none; clients and conformance suites look for both."""
    names = {"display_name": content.get("displayname"), "avatar_url": content.get("avatar_url")}
    return {key: value if type(value) is str else None for key, value in names.items()}


def _filter(request: Request) -> RoomEventFilter:
    text = request.query("filter")
    if not text:
        return RoomEventFilter()
    return parse_room_event_filter(parse_json(text.encode()))


def _passes(event_filter: RoomEventFilter, room: LiveRoom, event: RoomEvent) -> bool:
    return is_open(event_filter) or passes_event(event_filter, room.room_id, event.type, event.sender, lambda: event.content)


def _memberships(request: Request, name: str) -> set[str]:
    values = set(request.query_all(name))
    if values - set(MEMBERSHIPS):
        raise BadRequest(f"`{name}` must be one of {', '.join(MEMBERSHIPS)}", "M_INVALID_PARAM")
    return values
