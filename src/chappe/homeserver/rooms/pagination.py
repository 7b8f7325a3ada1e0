"""Reading a room page by page (client-server API, "Syncing", /messages, /context, /timestamp_to_event): what is missing is read from
the servers that were there, for as long as one request waits for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chappe.homeserver.rooms.filling import SECONDS, Filling
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.history import History
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.timeline import passing
from chappe.homeserver.rooms.visibility import VisibleEvent
from chappe.homeserver.rooms.walk import Walk
from chappe.matrix.errors import NotFound
from chappe.matrix.filters import RoomEventFilter, is_open

READ_AT_ONCE = 200
MAX_READS = 10  # pages read for one request: beyond, the client asks again with `end`
MOST_CLOSINGS = 20  # of a gap, for one request that reads forwards


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order asked for; `start` and `end` are positions, `end` None where the timeline ends."""

    events: list[VisibleEvent]
    start: int
    end: int | None


class Pagination:
    def __init__(self, rooms: Rooms, history: History) -> None:
        self._rooms, self._history = rooms, history

    async def page(
        self,
        user_id: str,
        room: LiveRoom,
        start: int | None,
        stop: int | None,
        backwards: bool,
        limit: int,
        event_filter: RoomEventFilter,
        closings: int = MOST_CLOSINGS,
    ) -> Page:
        """`/messages`: up to `limit` events that the reader may see, from a position towards another, as they happened.

        `closings`: pages of other servers with which a gap is closed before it is read across forwards.
        """
        await self._rooms.visibility.require_reader(user_id, room)
        start = await self._start(room, start, backwards)
        walk = Walk(room.order, start, stop, backwards, self._rooms.clock.watermark, closings)
        filling = Filling(self._history.extend, room)
        found: list[VisibleEvent] = []
        ends = False
        for _ in range(MAX_READS + closings):
            if walk.turns == MAX_READS:
                break
            await self._look_for_gap(room, walk)
            size = 1 if walk.is_at_beginning else min(READ_AT_ONCE, limit + 1)
            batch = await self._batch(user_id, room, walk, size, event_filter)
            if not _take(walk, batch, found, limit):
                break
            walk.turns += backwards or walk.gap is None
            low, high = walk.ahead()
            if len(batch) == size and low < high:
                continue
            if walk.has_more_beyond and len(found) == limit:
                break
            if walk.cannot_close_gap:
                if found or closings < MOST_CLOSINGS:
                    break  # it is closed with the next request
                walk.crosses = True
            elif not await self._go_on(walk, filling):
                ends = not walk.is_cut_short
                break
        await self._rooms.visibility.show(user_id, room, found)
        return Page(found, start, None if ends else walk.token)

    async def _start(self, room: LiveRoom, start: int | None, backwards: bool) -> int:
        """Where a walk begins in the room as it is now: a gap may have come that lies before the present end of the log."""
        while room.stale:
            await room.reload()
        if start is not None:
            return start
        return self._rooms.clock.watermark if backwards else room.order.beginning

    async def _batch(
        self, user_id: str, room: LiveRoom, walk: Walk, size: int, event_filter: RoomEventFilter
    ) -> list[tuple[int, VisibleEvent | None]]:
        """The next events of a walk: their positions, and what the reader may see of each."""
        low, high = walk.ahead()
        events = await self._rooms.timeline.events_between(room, low, high, size, walk.backwards) if low < high else []
        wanted = await self._rooms.timeline.related_by(room, events, event_filter)
        seen = {e.nid: (e, m) for e, m in await self._rooms.visibility.visible_events(user_id, room, wanted)}
        if not is_open(event_filter):
            seen = {e.nid: seen[e.nid] for e in passing(event_filter, room, [e for e, _ in seen.values()])}
        return [(event.position, seen.get(event.nid)) for event in events]

    async def _look_for_gap(self, room: LiveRoom, walk: Walk) -> None:
        """Finds the next event before which something is missing: it is read before what lies on the other side."""
        walk.gap = None
        span = walk.span
        if not span.has_history or walk.is_at_beginning or walk.crosses:
            return
        low, high = walk.ahead()
        if walk.backwards and low <= high < span.high:
            high += 1  # the last event that was read
        walk.gap = await self._history.gap(room, low, high, walk.backwards)
        if walk.gap is None and not walk.backwards and span.stretch is not None and span.stretch.ordinal == 0:
            cut = span.stretch.cut  # what is missing before the cut itself
            walk.gap = await self._history.gap(room, cut - 1, cut, True)

    @staticmethod
    async def _go_on(walk: Walk, filling: Filling) -> bool:
        """Past the gap, or into the next span. False where there is nothing more, or it has not come in time."""
        if walk.gap is not None:
            if walk.backwards:
                await filling.pages(walk.gap)
                walk.at = walk.gap - 1
            else:
                await filling.page(walk.gap)
                walk.closings = 0 if filling.is_over else walk.closings - 1
            return True
        if walk.backwards and not walk.ends_here:
            if walk.cut is not None:
                await filling.pages(walk.cut)
            elif walk.span.stretch is None and walk.span.has_history:
                if await filling.page(None):
                    return True
                walk.is_cut_short = filling.is_over
        return walk.step()

    async def nearest(self, user_id: str, room: LiveRoom, ts: int, backwards: bool) -> RoomEvent:
        """The event closest to a time that the reader may see. Raises M_NOT_FOUND.

        What was before this server came in, those are asked who were there.
        """
        await self._rooms.visibility.require_reader(user_id, room)
        if room.is_federated and await self._is_in_gap(room, ts, backwards):
            await self._history.look_back(room, ts, backwards, SECONDS)
        return await self._nearest_here(user_id, room, ts, backwards)

    async def _is_in_gap(self, room: LiveRoom, ts: int, backwards: bool) -> bool:
        """Whether something may be nearer to a time than what is here: where that lies beside a gap, on the side of the time."""
        nearest = await self._rooms.store.events_by_time(room.nid, ts, backwards, 0, 1)
        if not nearest:
            return True
        position = nearest[0].position
        if backwards:
            later = await self._next(room, position)
            return later is not None and await self._history.gap(room, later - 1, later, True) is not None
        first = await self._rooms.store.events_by_time(room.nid, 0, False, 0, 1)
        if ts < first[0].ts:
            return True
        return await self._history.gap(room, position - 1, position, True) is not None

    async def _next(self, room: LiveRoom, position: int) -> int | None:
        """The position of the event that is read after one."""
        for span in room.order.spans_after(position):
            if (found := await self._rooms.store.first_position(room.nid, span.low, span.high)) is not None:
                return found
        return None

    async def _nearest_here(self, user_id: str, room: LiveRoom, ts: int, backwards: bool) -> RoomEvent:
        offset = 0
        for _ in range(MAX_READS):
            rows = await self._rooms.store.events_by_time(room.nid, ts, backwards, offset, READ_AT_ONCE)
            events = await self._rooms.timeline.of_rows(room, rows)
            seen = {e.nid for e, _ in await self._rooms.visibility.visible_events(user_id, room, events)}
            for event in events:
                if event.nid in seen:
                    return event
            offset += len(rows)
            if len(rows) < READ_AT_ONCE:
                break
        raise NotFound(f"There is no event {'before' if backwards else 'after'} this time")


def _take(walk: Walk, batch: Sequence[tuple[int, VisibleEvent | None]], found: list[VisibleEvent], limit: int) -> bool:
    """Walks past a batch, and adds to `found` what is shown of it. False where that is full before the end."""
    for position, shown in batch:
        if shown is not None:
            if len(found) == limit:
                return False
            found.append(shown)
        walk.pass_by(position)
    return True
