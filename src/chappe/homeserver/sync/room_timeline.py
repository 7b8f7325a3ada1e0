"""One room's timeline in a /sync answer, and the state that a client lacks beside it.

What decides is what the client is *shown*: visibility and a filter take events out of the timeline, and the state that
such an event brought is then told in `state` (client-server API, "Syncing"). A client that applies `state` and then the
timeline must come to the room's state at the end of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import orjson

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.state_tree import int_to_name
from chappe.homeserver.rooms.stretches import gap_before
from chappe.homeserver.rooms.timeline import Search
from chappe.homeserver.rooms.visibility import VisibleEvent
from chappe.homeserver.sync.context import SyncContext
from chappe.matrix.event_auth import StateKey
from chappe.matrix.filters import RoomEventFilter, is_open, passes_nothing

DEFAULT_LIMIT, MAX_LIMIT = 10, 1000
MEMBER = "m.room.member"


@dataclass(frozen=True, slots=True)
class RoomTimeline:
    """`events`: those that the reader is shown, of the positions (after, upto].

    `is_complete`: nothing that happened between `start` and `upto` was left out, and no event moved the state otherwise
    than by its own place in it: the state then follows from `events` alone.
    """

    events: list[VisibleEvent]
    limited: bool
    after: int
    start: int  # the position just before the first event
    upto: int
    is_complete: bool
    cut: int = 0  # the event of the log before which a gap ends the timeline

    @property
    def prev_batch(self) -> int:
        """The place from which what came before is read."""
        return gap_before(self.cut) if self.cut and self.start == self.cut - 1 else self.start

    @property
    def shows_state(self) -> bool:
        return any(e.state_key is not None for e, _ in self.events)

    @property
    def first_changes(self) -> dict[StateKey, RoomEvent]:
        """By key: the first state event shown."""
        return {e.key: e for e, _ in reversed(self.events) if e.state_key is not None}

    @property
    def last_changes(self) -> dict[StateKey, RoomEvent]:
        return {e.key: e for e, _ in self.events if e.state_key is not None}


class Asked(NamedTuple):
    """A room of which the timeline is told. `newly`: it begins at the beginning, as if the client knew nothing of the room."""

    room: LiveRoom
    newly: bool
    upto: int

    def span(self, context: SyncContext) -> tuple[int, int, int]:
        """(what the client has read up to, the cut that ends the timeline or 0, the position after which events are told)."""
        after = 0 if self.newly else context.after
        cut = self.room.order.latest_cut(
            after, self.upto
        )  # nothing is told as if it had come right after what lies beyond a gap
        return after, cut, max(after, cut - 1)


def limit_of(f: RoomEventFilter) -> int:
    """How many events of a room are told."""
    return min(DEFAULT_LIMIT if f.limit is None else f.limit, MAX_LIMIT)


async def read_timelines(rooms: Rooms, context: SyncContext, asked: Sequence[Asked]) -> list[RoomTimeline]:
    """One for each, in their order. What passes a filter is looked for in all of them at once."""
    f = context.filter.room.timeline
    searches: dict[int, Search] = {}
    if not is_open(f):
        for one in asked:
            if limit_of(f) > 0 and not passes_nothing(f, one.room.room_id):
                _, _, low = one.span(context)
                searches[one.room.nid] = Search(one.room, low, one.upto, limit_of(f) + 1)
        await rooms.timeline.search(searches.values(), f, context.scans)
    return [await _read_timeline(rooms, context, one, searches.get(one.room.nid)) for one in asked]


async def _read_timeline(rooms: Rooms, context: SyncContext, asked: Asked, search: Search | None) -> RoomTimeline:
    """`search`: what passes the filter, where there is one.

    Complex: where it begins, and whether it is limited, follow from the same few facts; apart they would be passed around.
    """
    (room, newly, upto), f = asked, context.filter.room.timeline
    limit = limit_of(f)
    after, cut, low = asked.span(context)
    last = min(room.last_position, upto)
    if limit <= 0:
        return RoomTimeline([], last > after, after, upto, upto, last <= after)
    if search is not None:
        found, unread = search.found, None if search.is_over else search.at
    elif is_open(f):
        found, unread = await rooms.timeline.events_between(room, low, upto, limit + 1, backwards=True), None
    else:
        return RoomTimeline([], False, after, upto, upto, last <= after)
    limited = len(found) > limit or unread is not None or (newly and context.since is not None) or cut > 0
    start = unread if len(found) <= limit and unread is not None else None
    events = found[:limit][::-1]
    if start is None:
        start = events[0].position - 1 if events else low
    seen = await rooms.visibility.visible_events(context.user_id, room, events) if events else []
    complete = is_open(f) and len(seen) == len(events) and all(e.state_delta is None for e in events)
    timeline = RoomTimeline(seen, limited, after, start, upto, complete, cut)
    if not complete and not context.state_after:
        timeline = await _without_stale_state(rooms, room, timeline)
    await rooms.visibility.show(context.user_id, room, timeline.events)
    return timeline


async def _without_stale_state(rooms: Rooms, room: LiveRoom, timeline: RoomTimeline) -> RoomTimeline:
    """Cut where the last that the timeline says of an entry of the state would not be true.

    Such an event was replaced by one that the reader is not shown, or lost to state resolution. A client applies the
    timeline last, so nothing in `state` could set that right; it reads what was cut by `prev_batch`.
    """
    last = timeline.last_changes
    if not last:
        return timeline
    now = await rooms.timeline.state_after(room, timeline.upto)
    stale = max((e.position for k, e in last.items() if k not in now or now[k].nid != e.nid), default=None)
    if stale is None:
        return timeline
    events = [(e, m) for e, m in timeline.events if e.position > stale]
    return replace(timeline, events=events, limited=True, start=max(stale, timeline.start))


async def whole_state(
    rooms: Rooms, context: SyncContext, room: LiveRoom, timeline: RoomTimeline
) -> Mapping[StateKey, RoomEvent]:
    """The state at the end of the answer, without what the timeline shows of it where the client applies that itself."""
    now = await rooms.timeline.state_after(room, timeline.upto)
    changes = timeline.first_changes
    if context.state_after or not changes:
        return now
    result = dict(now)
    for key, event in changes.items():
        before = _before(event)
        if before is None:
            result.pop(key, None)
        else:
            result[key] = before
    return result


async def changed_state(
    rooms: Rooms, context: SyncContext, room: LiveRoom, timeline: RoomTimeline
) -> dict[StateKey, RoomEvent]:
    """What the state got since the client's token and the timeline does not show."""
    if context.state_after is None and timeline.is_complete:
        if not timeline.limited or timeline.start <= timeline.after:
            return {}
        return _latest(await rooms.timeline.state_changes(room, timeline.after, timeline.start))
    if timeline.upto <= timeline.after or room.last_position <= timeline.after:
        return {}
    changes = _latest(await rooms.timeline.state_changes(room, timeline.after, timeline.upto))
    if not changes:
        return {}
    now = await rooms.timeline.state_after(room, timeline.upto)
    shown = {} if context.state_after else timeline.first_changes
    told: dict[StateKey, RoomEvent] = {}
    for key in changes:
        event = _before(shown[key]) if key in shown else now.get(key)
        if event is not None and (key not in shown or event.position > timeline.after):
            told[key] = event
    return told


async def members_since(rooms: Rooms, context: SyncContext, room: LiveRoom, upto: int) -> set[str]:
    """Whose membership has changed since the client last looked, where it was in the room then: also where the whole state is told
    anew, lazy loading tells of them (sync.yaml: in a limited answer "the server MUST return membership events for events in the gap").
    """
    if context.since is None:
        return set()
    root = await rooms.store.root_after(room.nid, context.after)
    key = rooms.key_hash(MEMBER, context.user_id)
    own = (await rooms.trees.get_many(int_to_name(root), [key])).get(key)
    rows = [] if own is None else await rooms.store.events_by_nid([own])
    if not any(orjson.loads(row.json)["content"].get("membership") == "join" for row in rows):
        return set()
    changes = await rooms.timeline.state_changes(room, context.after, upto)
    return {event.key[1] for event in changes if event.type == MEMBER}


def _latest(changes: Sequence[RoomEvent]) -> dict[StateKey, RoomEvent]:
    return {event.key: event for event in changes}


def _before(event: RoomEvent) -> RoomEvent | None:
    """The state event whose place in the state this one took; None where there was none."""
    return event.replaces if event.state_delta is None else event.state_delta.get(event.key, (None, None))[0]
