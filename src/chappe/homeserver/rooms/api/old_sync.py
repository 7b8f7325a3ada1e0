"""The streams from before /sync, for old clients and for guests who look into a room (old_sync.yaml, peeking_events.yaml,
room_initial_sync.yaml)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import orjson

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, Answer, endpoint
from chappe.homeserver.modules.account_data.account_data import GLOBAL, AccountData, AccountDatum
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.modules.receipts.receipts import Receipts, receipt_content
from chappe.homeserver.modules.relations.relations import Relations
from chappe.homeserver.rooms.listings import PublishedRooms
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.pagination import Pagination
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.visibility import VisibleEvent
from chappe.homeserver.sync.long_poll import long_poll
from chappe.homeserver.sync.notifier import Notifier
from chappe.homeserver.sync.room_section import RoomSections
from chappe.homeserver.sync.token import optional_position, position_token
from chappe.matrix.errors import NotFound
from chappe.matrix.filters import RoomEventFilter
from chappe.matrix.identifiers import parse_event_id, parse_room_id

MAX_EVENTS, MAX_TIMEOUT_MS = 100, 60_000
LOOK_EVERY = 1.0  # seconds, at least; whoever looks into a room from outside is not woken, and looks as often


class OldSync:
    def __init__(
        self,
        rooms: Rooms,
        published: PublishedRooms,
        pagination: Pagination,
        relations: Relations,
        account_data: AccountData,
        receipts: Receipts,
        presence: Presence,
        notifier: Notifier,
    ) -> None:
        self._rooms, self._relations, self._account_data, self._notifier = rooms, relations, account_data, notifier
        self._receipts, self._presence, self._pagination, self._published = receipts, presence, pagination, published

    @endpoint("GET", "/_matrix/client/v3/events", auth=GUEST_AUTH)
    async def events(self, request: Request) -> Answer:
        start = optional_position(request.query("from"))
        timeout = request.query_int("timeout", 0, 0, MAX_TIMEOUT_MS)
        position = self._rooms.clock.watermark if start is None else start
        named = request.query("room_id")
        if named is not None:
            await self._rooms.require_readable(request.user_id, parse_room_id(named))
        end = position

        async def look() -> tuple[Answer, bool]:
            nonlocal end  # what held nothing is not looked at again
            chunk, end = await self._news(request, end, named)
            return {"start": position_token(position), "end": position_token(end), "chunk": chunk}, bool(chunk)

        unwoken = math.inf if named is None else LOOK_EVERY
        return await long_poll(request, self._notifier, timeout, False, look, LOOK_EVERY, unwoken)

    async def _news(self, request: Request, after: int, named: str | None) -> tuple[list[Any], int]:
        """(events after a position, the position to go on from)."""
        upto = self._rooms.clock.watermark
        if upto <= after:
            return [], after
        if named is not None:
            numbers = [(await self._rooms.require(named)).nid]
        else:
            joined = [m.room_nid for m in await self._rooms.memberships.joined(request.user_id)]
            numbers = [n for n, last in (await self._rooms.store.last_positions(joined)).items() if last > after]
        found: list[tuple[LiveRoom, VisibleEvent]] = []
        for number in numbers:
            room = await self._rooms.live.by_nid(number)
            events = await self._rooms.timeline.events_between(room, after, upto, MAX_EVENTS, backwards=False)
            seen = await self._rooms.visibility.visible_events(request.user_id, room, events)
            found += [(room, item) for item in seen]
        found.sort(key=lambda item: item[1][0].position)
        if len(found) > MAX_EVENTS:
            found = found[:MAX_EVENTS]
            upto = found[-1][1][0].position
        for room, item in found:
            await self._rooms.visibility.show(request.user_id, room, [item])
        chunk: list[Any] = [(await self._present(request, room, [item]))[0] for room, item in found]
        return chunk if named is not None else chunk + await self._beside(request.user_id, after, upto), upto

    async def _beside(self, user_id: str, after: int, upto: int) -> list[Any]:
        """What else came in (after, upto]: receipts, account data and tags, presence."""
        numbers = [m.room_nid for m in await self._rooms.memberships.joined(user_id)]
        found = await self._read(user_id, numbers, after, upto)
        for row in await self._account_data.changed(user_id, after, upto):
            if row.type != "m.push_rules":
                found.append(_data(row) | ({"room_id": row.room_id} if row.room_id != GLOBAL else {}))
        if moved := set(await self._presence.changed_users(after, upto)):
            found += await self._present_people(user_id, moved & await self._rooms.members_sharing(user_id))
        return found

    async def _read(self, user_id: str, numbers: list[int], after: int, upto: int) -> list[Any]:
        """m.receipt events of some rooms."""
        changed = await self._receipts.changed(user_id, numbers, after, upto)
        live = await self._rooms.live.many(changed)
        return [
            {"type": "m.receipt", "room_id": live[number].room_id, "content": receipt_content(rows)}
            for number, rows in changed.items()
        ]

    async def _present_people(self, reader: str, users: Iterable[str]) -> list[Any]:
        """m.presence events, whose content says of whom."""
        states = await self._presence.of(users) if self._presence.enabled_for(reader) else {}
        return [
            {"type": "m.presence", "sender": user, "content": {**self._presence.content(state), "user_id": user}}
            for user, state in states.items()
        ]

    async def _present(self, request: Request, room: LiveRoom, events: list[VisibleEvent]) -> list[orjson.Fragment]:
        chunk = await self._relations.present(request.user_id, request.requester.device_id, room, events)
        return [orjson.Fragment(event) for event in chunk]

    @endpoint("GET", "/_matrix/client/v3/events/{eventId}", auth=GUEST_AUTH)
    async def event(self, request: Request) -> Answer:
        event_id = parse_event_id(request.params["eventId"])
        number = await self._rooms.store.room_of_event(event_id)
        if number is None:
            raise NotFound("There is no such event, or you may not see it")
        room = await self._rooms.live.by_nid(number)
        seen = await self._rooms.timeline.event(request.user_id, room, event_id)
        chunk = await self._relations.present(request.user_id, request.requester.device_id, room, [seen])
        return chunk[0]

    # ------------------------------------------------------------------------------------------------ initial syncs

    @endpoint("GET", "/_matrix/client/v3/initialSync", auth=GUEST_AUTH)
    async def initial_sync(self, request: Request) -> Answer:
        limit = request.query_int("limit", 10, 0, MAX_EVENTS)
        archived = request.query_bool("archived")
        position = self._rooms.clock.watermark
        rooms = []
        for membership in list((await self._rooms.memberships.of(request.user_id)).values()):
            if membership.membership in ("join", "invite", "knock") or (archived and membership.was_joined):
                if not membership.forgotten:
                    rooms.append(await self._room(request, membership, limit))
        data = await self._account_data.of_rooms(request.user_id, [GLOBAL])
        numbers = [m.room_nid for m in await self._rooms.memberships.joined(request.user_id)]
        others = await self._rooms.members_sharing(request.user_id) - {request.user_id}
        people = [request.user_id, *await self._presence.present_among(others)]
        return {
            "end": position_token(position),
            "rooms": rooms,
            "presence": await self._present_people(request.user_id, people),
            "receipts": await self._read(request.user_id, numbers, 0, position),
            "account_data": [_data(row) for row in data if row.type != "m.push_rules"],
        }

    async def _room(self, request: Request, membership: Membership, limit: int) -> dict[str, Any]:
        room = await self._rooms.live.by_nid(membership.room_nid)
        if membership.membership in ("invite", "knock"):
            stripped = orjson.Fragment(b"[%b]" % RoomSections.stripped(room, request.user_id))
            return {"room_id": room.room_id, "membership": membership.membership, "invite_state": stripped}
        return await self._whole(request, room, membership.membership, limit)

    async def _whole(self, request: Request, room: LiveRoom, membership: str, limit: int) -> dict[str, Any]:
        upto = self._rooms.clock.watermark
        page = await self._pagination.page(request.user_id, room, upto, None, True, max(1, limit), RoomEventFilter())
        state = await self._rooms.timeline.state_at(request.user_id, room)
        data = await self._account_data.of_rooms(request.user_id, [room.room_id])
        start = room.order.before(page.events[-1][0].position) if page.events else upto
        events = await self._present(request, room, page.events[::-1]) if limit else []
        listed = await self._published.domains_of(room.nid)
        return {
            "room_id": room.room_id,
            "membership": membership,
            "visibility": "public" if listed else "private",
            "messages": {"start": position_token(start), "end": position_token(upto), "chunk": events},
            "state": [orjson.Fragment(e.for_joined()) for e in state.values()],
            "account_data": [_data(row) for row in data],
        }

    @endpoint("GET", "/_matrix/client/v3/rooms/{roomId}/initialSync", auth=GUEST_AUTH)
    async def room_initial_sync(self, request: Request) -> Answer:
        limit = request.query_int("limit", 10, 0, MAX_EVENTS)
        room = await self._rooms.require_readable(request.user_id, parse_room_id(request.params["roomId"]))
        return await self._whole(request, room, room.membership(request.user_id), limit)


def _data(row: AccountDatum) -> dict[str, Any]:
    return {"type": row.type, "content": orjson.Fragment(row.content)}
