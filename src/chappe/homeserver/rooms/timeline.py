"""Reading what is here of a room: parts of its timeline, single events, its state at a time. Page by page: `pagination.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import orjson

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.room_event import RoomEvent, event_of_row
from chappe.homeserver.rooms.snapshot import attach_context
from chappe.homeserver.rooms.state_tree import KeyHash, int_to_name
from chappe.homeserver.rooms.state_tree_reader import TreeReader
from chappe.homeserver.rooms.store import NOT_HELD_BACK, OUTLIER, RoomStore, Scanned
from chappe.homeserver.rooms.stored_event import StoredEvent
from chappe.homeserver.rooms.stretches import cut_of
from chappe.homeserver.rooms.visibility import Visibility, VisibleEvent
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.event_auth import StateKey
from chappe.matrix.events import references
from chappe.matrix.filters import RoomEventFilter, passes, passes_room

MEMBER = "m.room.member"
See = Callable[[str, LiveRoom, Sequence[RoomEvent]], Awaitable[list[VisibleEvent]]]
MAX_SCANS = 100  # reads for one /sync in search of what passes its filter, in all rooms together


@dataclass(slots=True)
class Scans:
    """How many reads a request may still make in search of what passes its filter."""

    left: int = MAX_SCANS


@dataclass(slots=True)
class Search:
    """For the newest events of a room in (after, upto] that pass a filter, `limit` of them.

    `found`: the newest first. `at`: up to where nothing was looked at yet, unless it `is_over`.
    """

    room: LiveRoom
    after: int
    upto: int
    limit: int
    found: list[RoomEvent] = field(default_factory=list)
    at: int = 0
    is_over: bool = False


class Timeline:
    def __init__(self, store: RoomStore, visibility: Visibility, trees: TreeReader, key_hash: KeyHash) -> None:
        self._store, self._visibility = store, visibility
        self._trees, self._key_hash = trees, key_hash

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
        rows = await self._store.events_between(room.nid, after, upto, limit, backwards)
        return await self.of_rows(room, rows)

    async def search(self, searches: Collection[Search], f: RoomEventFilter, scans: Scans) -> None:
        """Looks in the tails, then reads on, in all rooms at once, until all is found, nothing is left or `scans` ends it."""
        for one in searches:
            at = max(one.room.complete_from, one.after)
            tail = (e for e in reversed(one.room.tail) if at < e.position <= one.upto)
            await self._take(one, passing(f, one.room, tail), f, min(at, one.upto))
        while left := [one for one in searches if not one.is_over][: scans.left]:
            scans.left -= len(left)
            places = [Scanned(one.room.nid, one.after, one.at, one.limit - len(one.found)) for one in left]
            for one, scan in zip(left, await self._store.events_matching(places, f), strict=True):
                await self._take(one, passing(f, one.room, await self.of_rows(one.room, scan.rows)), f, scan.reached)

    async def _take(self, search: Search, found: Iterator[RoomEvent], f: RoomEventFilter, reached: int) -> None:
        """Takes what passes, and looks at no more events of the tail than that takes. Everything beyond `reached` was looked at."""
        if f.related_by_rel_types or f.related_by_senders:
            search.found += (await self.related_by(search.room, list(found), f))[: search.limit - len(search.found)]
        else:
            search.found += islice(found, search.limit - len(search.found))
        search.at, search.is_over = reached, len(search.found) >= search.limit or reached <= search.after

    async def of_rows(self, room: LiveRoom, rows: Sequence[StoredEvent]) -> list[RoomEvent]:
        events = [event_of_row(row, room.room_id, room.version) for row in rows]
        await attach_context(self._store.database, room, rows, events)
        return events

    async def state_changes(self, room: LiveRoom, after: int, upto: int) -> list[RoomEvent]:
        """What the state got with positions in (after, upto], in order. Entries that were taken away are not told."""
        tail = room.tail_after(after)
        if tail is None:
            return await self.of_rows(room, await self._store.state_changes_between(room.nid, after, upto))
        found: list[RoomEvent] = []
        for event in tail:
            if event.position <= upto and event.state_delta is not None:
                found += [now for _, now in event.state_delta.values() if now is not None]
            elif event.position <= upto and event.state_key is not None:
                found.append(event)
        return found

    async def related_by(self, room: LiveRoom, events: Sequence[RoomEvent], f: RoomEventFilter) -> Sequence[RoomEvent]:
        """What `related_by_rel_types` and `related_by_senders` leave: events to which somebody related in such a way."""
        if not events or not (f.related_by_rel_types or f.related_by_senders):
            return events
        ids = [e.event_id for e in events if e.is_target]
        targets = await self._store.related_targets(
            room.nid, ids, list(f.related_by_rel_types or ()) or None, list(f.related_by_senders or ()) or None
        )
        return [e for e in events if e.event_id in targets]

    async def event(self, user_id: str, room: LiveRoom, event_id: str) -> VisibleEvent:
        """An event for somebody, who is shown it. Raises M_NOT_FOUND where it is not there or not for them: one answer for both."""
        seen = await self._look_up(user_id, room, event_id, self._visibility.filter)
        if seen is None:
            raise NotFound("There is no such event, or you may not see it")
        return seen

    async def shown(self, user_id: str, room: LiveRoom, event_id: str) -> RoomEvent | None:
        """The same for what somebody only names (a receipt, a redaction): they are not shown it now."""
        seen = await self._look_up(user_id, room, event_id, self._visibility.visible_events)
        return None if seen is None else seen[0]

    async def named(self, user_id: str, room: LiveRoom, event_id: str) -> RoomEvent:
        """As `shown`. Raises M_NOT_FOUND, like `event`."""
        event = await self.shown(user_id, room, event_id)
        if event is None:
            raise NotFound("There is no such event, or you may not see it")
        return event

    async def _look_up(self, user_id: str, room: LiveRoom, event_id: str, see: See) -> VisibleEvent | None:
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
        rows = await self._store.events_by_id(room.nid, [event_id], NOT_HELD_BACK)
        events = await self.of_rows(room, rows)
        if not events or events[0].position != OUTLIER:
            return events[0] if events else None
        now = room.state.get(events[0].key) if events[0].state_key is not None else None
        return events[0] if now is not None and now.nid == events[0].nid else None

    async def raw(self, room: LiveRoom, event_id: str) -> bytes | None:
        """The event as it travels between servers."""
        rows = await self._store.events_by_id(room.nid, [event_id], NOT_HELD_BACK)
        return rows[0].json if rows else None

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
            events = await self.of_rows(room, await self._store.events_by_nid([nid]))
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
        rows = await self._store.events_by_nid(strange)
        auth_events = [i for row in rows for i in references(orjson.loads(row.json), "auth_events", room.version)]
        found = await self.of_rows(room, await self._store.events_by_id(room.nid, auth_events, NOT_HELD_BACK))
        senders = {row.sender for row in rows}
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
            return await self._store.root_after(room.nid, spans[0].low)
        for span in spans:  # as it was before what comes next
            if (root := await self._store.state_before_next(room.nid, span.low, span.high)) is not None:
                return root
        return await self._store.root_after(room.nid, room.last_position)

    async def state_of_root(self, room: LiveRoom, root: int) -> dict[StateKey, RoomEvent]:
        numbers, _ = await self._trees.read_whole_tree(int_to_name(root))
        current = {e.nid: e for e in room.state.values()}
        missing = [n for n in numbers if n not in current]
        events = [current[n] for n in numbers if n in current]
        if missing:
            events += await self.of_rows(room, await self._store.events_by_nid(missing))
        return {e.key: e for e in events}


def rewind(state: dict[StateKey, RoomEvent], events: Sequence[RoomEvent]) -> dict[StateKey, RoomEvent]:
    """The state before the given latest events of a room (in order), from the state after them."""
    result = dict(state)
    for event in reversed(events):
        if event.state_delta is not None:
            for key, (before, _) in event.state_delta.items():
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


def passing(f: RoomEventFilter, room: LiveRoom, events: Iterable[RoomEvent]) -> Iterator[RoomEvent]:
    """Those that a filter lets through, one after the other. What it says of a type is found out once."""
    if not passes_room(f, room.room_id):
        return
    types: dict[str, bool] = {}
    senders, not_senders, with_url = f.senders, f.not_senders, f.contains_url
    for event in events:
        kind, sender = event.type, event.sender
        if kind not in types:
            types[kind] = passes(f, kind, None)
        if not types[kind] or sender in not_senders or (senders is not None and sender not in senders):
            continue
        if with_url is None or event.has_url == with_url:
            yield event
