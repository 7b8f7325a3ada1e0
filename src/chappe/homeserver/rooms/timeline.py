"""Reading a room: pages of its timeline, single events and their surroundings, its state at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.rooms.filling import SECONDS, Extend, Filling
from chappe.homeserver.rooms.live_room import LiveRoom, attach_context
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.room_event import RoomEvent, event_of_row
from chappe.homeserver.rooms.state_tree import KeyHash, TreeReader, int_to_name
from chappe.homeserver.rooms.store import NOT_HELD_BACK, OUTLIER, RoomStore
from chappe.homeserver.rooms.stretches import Walk, cut_of
from chappe.homeserver.rooms.visibility import Seen, Visibility
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.event_auth import StateKey
from chappe.matrix.events import references
from chappe.matrix.filters import RoomEventFilter, is_open, passes_event

MEMBER = "m.room.member"
READ_AT_ONCE = 200
See = Callable[[str, LiveRoom, Sequence[RoomEvent]], Awaitable[list[Seen]]]
MAX_READS = 10  # pages read for one request: beyond, the client asks again with `end`
MOST_CLOSINGS = 20  # of a gap, for one request that reads forwards
MAX_SCANS = 100  # reads for one /sync in search of what passes its filter, in all rooms together


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order asked for; `start` and `end` are positions, `end` None where the timeline ends."""

    events: list[Seen]
    start: int
    end: int | None


@dataclass(slots=True)
class Scans:
    """How many reads a request may still make in search of what passes its filter."""

    left: int = MAX_SCANS


class Timeline:
    def __init__(self, store: RoomStore, clock: Clock, visibility: Visibility, trees: TreeReader, key_hash: KeyHash) -> None:
        self._store, self._clock, self._visibility = store, clock, visibility
        self._trees, self._key_hash = trees, key_hash
        self.extend: Extend | None = None  # reads what is missing from other servers
        self.gap: Callable[[LiveRoom, int, int, bool], Awaitable[int | None]] | None = None
        self.look_back: Callable[[LiveRoom, int, bool, float], Awaitable[None]] | None = None

    async def events_between(self, room: LiveRoom, after: int, upto: int, limit: int, backwards: bool) -> list[RoomEvent]:
        """Events with positions in (after, upto]: from the tail where it reaches, else one read."""
        tail = room.tail_after(after)
        if tail is not None:
            found = [e for e in tail if e.position <= upto]
            return found[::-1][:limit] if backwards else found[:limit]
        if backwards:
            recent = [e for e in room.tail if e.position <= upto and e.position > after]
            if len(recent) >= limit:
                return recent[::-1][:limit]
        rows = await self._store.events_between(room.number, after, upto, limit, backwards)
        return await self.of_rows(room, rows)

    async def matching(
        self, room: LiveRoom, after: int, upto: int, limit: int, event_filter: RoomEventFilter, scans: Scans
    ) -> tuple[list[RoomEvent], int | None]:
        """The newest `limit` events in (after, upto] that pass a filter, newest first.

        Reads on until there are so many or nothing is left. Where `scans` ends it, the second value is the position up
        to which nothing was read.
        """
        found: list[RoomEvent] = []
        at = max(room.complete_from, after)
        batch: list[RoomEvent] = [e for e in reversed(room.tail) if at < e.position <= upto]
        at = min(at, upto)
        while True:
            passing = [e for e in batch if _passes(event_filter, room, e)]
            found += await self.related_by(room, passing, event_filter)
            if len(found) >= limit or at <= after:
                return found[:limit], None
            if scans.left <= 0:
                return found, at
            scans.left -= 1
            scan = await self._store.events_matching(room.number, after, at, limit - len(found), event_filter)
            batch, at = await self.of_rows(room, scan.rows), scan.reached

    async def of_rows(self, room: LiveRoom, rows: Sequence[object]) -> list[RoomEvent]:
        events = [event_of_row(row, room.room_id, room.version) for row in rows]
        await attach_context(self._store.database.fetch, room, rows, events)
        return events

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
        await self._visibility.require_reader(user_id, room)
        while room.stale:  # a gap may have come that lies before the present end of the log
            await room.reload()
        if start is None:
            start = self._clock.watermark if backwards else room.order.beginning
        walk = Walk(room.order, start, stop, backwards, self._clock.watermark, closings)
        filling = Filling(self.extend, room)
        found: list[Seen] = []
        everything = is_open(event_filter)
        for _ in range(MAX_READS + closings):
            if walk.turns == MAX_READS:
                break
            await self._look_for_gap(room, walk)
            low, high = walk.ahead()
            size = 1 if walk.is_at_beginning else min(READ_AT_ONCE, limit + 1)
            batch = await self.events_between(room, low, high, size, backwards) if low < high else []
            wanted = await self.related_by(room, batch, event_filter)
            seen = {e.nid: (e, m) for e, m in await self._visibility.filter(user_id, room, wanted)}
            for event in batch:
                shown = seen.get(event.nid)
                if shown is not None and (everything or _passes(event_filter, room, shown[0])):
                    if len(found) == limit:
                        return Page(found, start, walk.token)
                    found.append(shown)
                walk.pass_by(event.position)
            walk.turns += backwards or walk.gap is None
            low, high = walk.ahead()
            if len(batch) == size and low < high:
                continue
            if walk.has_more_beyond and len(found) == limit:
                break
            if not backwards and walk.gap is not None and walk.closings <= 0:
                if found or closings < MOST_CLOSINGS:
                    break  # it is closed with the next request
                walk.crosses = True
            elif not await self._go_on(walk, filling):
                return Page(found, start, walk.token if walk.is_cut_short else None)
        return Page(found, start, walk.token)

    async def _look_for_gap(self, room: LiveRoom, walk: Walk) -> None:
        """Finds the next event before which something is missing: it is read before what lies on the other side."""
        walk.gap = None
        span = walk.span
        if not span.has_history or self.gap is None or walk.is_at_beginning or walk.crosses:
            return
        low, high = walk.ahead()
        if walk.backwards and low <= high < span.high:
            high += 1  # the last event that was read
        walk.gap = await self.gap(room, low, high, walk.backwards)
        if walk.gap is None and not walk.backwards and span.stretch is not None and span.stretch.ordinal == 0:
            cut = span.stretch.cut  # what is missing before the cut itself
            walk.gap = await self.gap(room, cut - 1, cut, True)

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

    async def state_changes(self, room: LiveRoom, after: int, upto: int) -> list[RoomEvent]:
        """What the state got with positions in (after, upto], in order. Entries that were taken away are not told."""
        tail = room.tail_after(after)
        if tail is None:
            return await self.of_rows(room, await self._store.state_changes_between(room.number, after, upto))
        found: list[RoomEvent] = []
        for event in tail:
            if event.position <= upto and event.moved is not None:
                found += [now for _, now in event.moved.values() if now is not None]
            elif event.position <= upto and event.state_key is not None:
                found.append(event)
        return found

    async def related_by(self, room: LiveRoom, events: Sequence[RoomEvent], f: RoomEventFilter) -> Sequence[RoomEvent]:
        """What `related_by_rel_types` and `related_by_senders` leave: events to which somebody related in such a way."""
        if not events or not (f.related_by_rel_types or f.related_by_senders):
            return events
        ids = [e.event_id for e in events if e.is_target]
        targets = await self._store.related_targets(
            room.number, ids, list(f.related_by_rel_types or ()) or None, list(f.related_by_senders or ()) or None
        )
        return [e for e in events if e.event_id in targets]

    async def event(self, user_id: str, room: LiveRoom, event_id: str) -> Seen:
        """An event for somebody, who is shown it. Raises M_NOT_FOUND where it is not there or not for them: one answer for both."""
        seen = await self._look_up(user_id, room, event_id, self._visibility.filter)
        if seen is None:
            raise NotFound("There is no such event, or you may not see it")
        return seen

    async def shown(self, user_id: str, room: LiveRoom, event_id: str) -> RoomEvent | None:
        """The same for what somebody only names (a receipt, a redaction): they are not shown it now."""
        seen = await self._look_up(user_id, room, event_id, self._visibility.seen)
        return None if seen is None else seen[0]

    async def _look_up(self, user_id: str, room: LiveRoom, event_id: str, see: See) -> Seen | None:
        try:
            await self._visibility.require_reader(user_id, room)
        except Forbidden:
            return None
        event = await self.find(room, event_id)
        if event is None:
            return None
        if event.position == OUTLIER:  # of the state with which this server came in: whoever reads the state reads it
            now = (await self.state_at(user_id, room)).get(event.key)
            return None if now is None or now.nid != event.nid else (event, room.membership(user_id) or "leave")
        seen = await see(user_id, room, [event])
        return seen[0] if seen else None

    async def find(self, room: LiveRoom, event_id: str) -> RoomEvent | None:
        """An event of the room's timeline or present state, whoever asks.

        What the rules refused, what came too late to be shown and what is only cited is no event to anybody here.
        """
        if (recent := room.recent(event_id)) is not None:
            return recent
        rows = await self._store.events_by_id(room.number, [event_id], NOT_HELD_BACK)
        events = await self.of_rows(room, rows)
        if not events or events[0].position != OUTLIER:
            return events[0] if events else None
        now = room.state.get(events[0].key) if events[0].state_key is not None else None
        return events[0] if now is not None and now.nid == events[0].nid else None

    async def nearest(self, user_id: str, room: LiveRoom, ts: int, backwards: bool) -> RoomEvent:
        """The event closest to a time that the reader may see. Raises M_NOT_FOUND.

        What was before this server came in, those are asked who were there.
        """
        await self._visibility.require_reader(user_id, room)
        if room.is_federated and self.look_back is not None and await self._is_in_gap(room, ts, backwards):
            await self.look_back(room, ts, backwards, SECONDS)
        return await self._nearest_here(user_id, room, ts, backwards)

    async def _is_in_gap(self, room: LiveRoom, ts: int, backwards: bool) -> bool:
        """Whether something may be nearer to a time than what is here: where that lies beside a gap, on the side of the time."""
        assert self.gap is not None
        nearest = await self._store.events_by_time(room.number, ts, backwards, 0, 1)
        if not nearest:
            return True
        position = nearest[0]["position"]
        if backwards:
            later = await self._next(room, position)
            return later is not None and await self.gap(room, later - 1, later, True) is not None
        first = await self._store.events_by_time(room.number, 0, False, 0, 1)
        if ts < first[0]["ts"]:
            return True
        return await self.gap(room, position - 1, position, True) is not None

    async def _next(self, room: LiveRoom, position: int) -> int | None:
        """The position of the event that is read after one."""
        for span in room.order.spans_after(position):
            if (found := await self._store.first_position(room.number, span.low, span.high)) is not None:
                return found
        return None

    async def _nearest_here(self, user_id: str, room: LiveRoom, ts: int, backwards: bool) -> RoomEvent:
        offset = 0
        for _ in range(MAX_READS):
            rows = await self._store.events_by_time(room.number, ts, backwards, offset, READ_AT_ONCE)
            events = await self.of_rows(room, rows)
            seen = {e.nid for e, _ in await self._visibility.filter(user_id, room, events)}
            for event in events:
                if event.nid in seen:
                    return event
            offset += len(rows)
            if len(rows) < READ_AT_ONCE:
                break
        raise NotFound(f"There is no event {'before' if backwards else 'after'} this time")

    async def raw(self, room: LiveRoom, event_id: str) -> bytes | None:
        """The event as it travels between servers."""
        rows = await self._store.events_by_id(room.number, [event_id], NOT_HELD_BACK)
        return rows[0]["json"] if rows else None

    async def state_at(self, user_id: str, room: LiveRoom, position: int | None = None) -> dict[StateKey, RoomEvent]:
        """The state for a reader: now, or for one who has left, as of the leave; or at an earlier position.

        Who was not there yet, and may not read of that time, gets the state with which they came in: older tokens of a client
        that has just entered go on working, and say nothing of who was there before.
        """
        membership = await self._visibility.require_reader(user_id, room)
        left = await self._left_at(room, membership)
        if left is not None and (position is None or room.order.when(position) > left):
            position = left
        if position is None or position >= room.last_position:
            return room.state
        if membership is None or (membership.sees(position) is None and position != left):
            root = await self._root_after(room, position)
            if not await self._visibility.sees_state(user_id, room, position, root):
                if membership is None or membership.joined_since is None:
                    raise Forbidden("You may not see how this room was then")
                position = max(position, membership.joined_since)
        return await self.state_after(room, position)

    async def _left_at(self, room: LiveRoom, membership: Membership | None) -> int | None:
        """Where somebody came out of a room: who has left and is banned later saw nothing of what lay in between."""
        if membership is None or membership.membership == "join":
            return None
        position, nid = membership.position, membership.event_nid
        while membership.was_joined and nid:
            events = await self.of_rows(room, await self._store.events_by_number([nid]))
            before = events[0].replaces if events else None
            if before is None or before.membership not in ("leave", "ban"):
                break
            position, nid = before.position, before.nid
        return position

    async def speakers(
        self, room: LiveRoom, events: Iterable[RoomEvent], state: Mapping[StateKey, RoomEvent]
    ) -> Mapping[StateKey, RoomEvent]:
        """A state with the member events of everybody who speaks. No statement once all members are here, and a few
        until then, however many events there are.

        Until then those who are not in it yet are whom their events cite.
        """
        strange = [e.nid for e in events if (MEMBER, e.sender) not in state] if room.is_partial else []
        if not strange:
            return state
        rows = await self._store.events_by_number(strange)
        cited = [i for row in rows for i in references(orjson.loads(row["json"]), "auth_events", room.version)]
        found = await self.of_rows(room, await self._store.events_by_id(room.number, cited, NOT_HELD_BACK))
        senders = {row["sender"] for row in rows}
        members = sorted((e for e in found if e.type == MEMBER and e.state_key in senders), key=lambda e: e.depth)
        return {**state, **{e.key: e for e in members}}

    async def state_after(self, room: LiveRoom, position: int) -> dict[StateKey, RoomEvent]:
        """The state once everything up to a position had happened, whoever asks."""
        if position >= room.last_position:
            return room.state
        tail = room.tail_after(position)
        if tail is not None:
            return rewind(room.state, tail)
        return await self.state_of_root(room, await self._root_after(room, position))

    async def _root_after(self, room: LiveRoom, position: int) -> int:
        """The root of the state at a place of the room's order."""
        spans = room.order.spans_after(position)
        if cut_of(position) is None and spans[0].stretch is None:
            return await self._store.root_after(room.number, spans[0].low)
        for span in spans:  # as it was before what comes next
            if (root := await self._store.state_before_next(room.number, span.low, span.high)) is not None:
                return root
        return await self._store.root_after(room.number, room.last_position)

    async def state_of_root(self, room: LiveRoom, root: int) -> dict[StateKey, RoomEvent]:
        numbers, _ = await self._trees.whole(int_to_name(root))
        current = {e.nid: e for e in room.state.values()}
        missing = [n for n in numbers if n not in current]
        events = [current[n] for n in numbers if n in current]
        if missing:
            events += await self.of_rows(room, await self._store.events_by_number(missing))
        return {e.key: e for e in events}


def rewind(state: dict[StateKey, RoomEvent], events: Sequence[RoomEvent]) -> dict[StateKey, RoomEvent]:
    """The state before the given latest events of a room (in order), from the state after them."""
    result = dict(state)
    for event in reversed(events):
        if event.moved is not None:
            for key, (before, _) in event.moved.items():
                if before is None:
                    result.pop(key, None)
                else:
                    result[key] = before
        elif event.state_key is not None:
            if event.replaces is None:
                result.pop(event.key, None)
            else:
                result[event.key] = event.replaces
    return result


def _passes(event_filter: RoomEventFilter, room: LiveRoom, event: RoomEvent) -> bool:
    return passes_event(event_filter, room.room_id, event.type, event.sender, event.get_content)
