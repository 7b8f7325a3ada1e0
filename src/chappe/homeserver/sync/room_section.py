"""One room's part of a /sync answer, assembled as bytes.

What is the same for all members is assembled once per (room, from, to) and shared; what is a reader's own (counts,
transaction ids, account data) is spliced in.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from typing import Any

import orjson

from chappe.homeserver.modules.push.counts import RoomCounts
from chappe.homeserver.modules.relations.relations import Relations, present_event
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.remote.shown_state import shown_of
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.timeline import passing
from chappe.homeserver.sync.context import SyncContext
from chappe.homeserver.sync.room_timeline import Asked, RoomTimeline, changed_state, members_since, read_timelines, whole_state
from chappe.homeserver.sync.token import position_token
from chappe.matrix.event_auth import StateKey
from chappe.matrix.filters import RoomEventFilter, is_open, only_fields

MEMBER = "m.room.member"
SUMMARISED = (MEMBER, "m.room.name", "m.room.canonical_alias")  # a room without a name is known by its people
HEROES = 5


@dataclass(slots=True)
class Extras:
    """What other modules add to a joined room, as ready-made JSON. `counts` go with whatever else is said of the room: a client
    takes what is missing in them for zero; `counts_changed` is worth saying by itself."""

    account_data: list[bytes]
    ephemeral: list[bytes]
    counts: RoomCounts
    counts_changed: bool


@dataclass(frozen=True, slots=True)
class State:
    """What is told of a room's state: of the `whole`, where there is one, all but the members if `is_lazy`; and `events`."""

    whole: Mapping[StateKey, RoomEvent] | None
    events: Sequence[RoomEvent]
    is_lazy: bool

    def of_everybody(self) -> Iterable[RoomEvent]:
        """Of the whole state, what every member is told who asks in this way."""
        whole = () if self.whole is None else self.whole.values()
        return (e for e in whole if e.type != MEMBER) if self.is_lazy else whole

    def everything(self) -> Iterable[RoomEvent]:
        return chain(self.of_everybody(), self.events)


class RoomSections:
    def __init__(self, rooms: Rooms, relations: Relations) -> None:
        self._rooms, self._relations = rooms, relations

    # ------------------------------------------------------------------------------------------------ joined rooms

    async def timelines(self, context: SyncContext, joined: Sequence[tuple[Membership, LiveRoom]]) -> list[RoomTimeline]:
        """Those of some rooms."""
        asked = [Asked(room, _is_newly_told(context, membership), context.upto) for membership, room in joined]
        return await read_timelines(self._rooms, context, asked)

    async def joined(
        self,
        context: SyncContext,
        room: LiveRoom,
        membership: Membership,
        timeline: RoomTimeline,
        sent: dict[tuple[int, str], str],
        extras: Extras,
    ) -> bytes | None:
        """The section, or None where there is nothing to say."""
        whole = _is_newly_told(context, membership) or context.full_state
        named_by = cache(partial(_named_by, room, context.user_id))
        state, summary_changed = await self._state(context, room, timeline, whole, sent, named_by)
        if not (
            whole
            or timeline.events
            or timeline.limited
            or state.events
            or extras.account_data
            or extras.ephemeral
            or extras.counts_changed
        ):
            return None
        summary = b',"summary":' + orjson.dumps(_summary(room, named_by())) if summary_changed else b""
        unread, by_thread = _unread(extras.counts, context.filter.room.timeline.unread_thread_notifications)
        return b"".join(
            (
                b'{"timeline":',
                await self._timeline_bytes(context, room, timeline),
                b',"',
                (context.state_after or "state").encode(),
                b'":{"events":[',
                self._state_bytes(context, room, state, timeline),
                b']},"account_data":{"events":[',
                b",".join(extras.account_data),
                b']},"ephemeral":{"events":[',
                b",".join(extras.ephemeral),
                b']},"unread_notifications":',
                unread,
                by_thread,
                summary,
                b"}",
            )
        )

    async def _state(
        self,
        context: SyncContext,
        room: LiveRoom,
        timeline: RoomTimeline,
        whole: bool,
        sent: dict[tuple[int, str], str],
        named_by: Callable[[], list[str] | None],
    ) -> tuple[State, bool]:
        """(the state that the client lacks, whether anything in the summary is new).

        Complex: all of it or what changed, lazily or not: four ways that must tell the same of a member, so they stand in one place.
        """
        event_filter = context.filter.room.state
        lazy = event_filter.lazy_load_members
        full: Mapping[StateKey, RoomEvent] | None = None
        if whole:
            full = await whole_state(self._rooms, context, room, timeline)
            events: Sequence[RoomEvent] = ()
            if lazy:
                moved = await members_since(self._rooms, context, room, timeline.upto)
                wanted = {context.user_id, *(named_by() or ()), *moved}
                known = await self._rooms.timeline.speakers(room, (e for e, _ in timeline.events), full)
                events = self._needed(room, known, timeline, sent, event_filter, wanted)
        else:
            changed = await changed_state(self._rooms, context, room, timeline)
            events = list(changed.values())
            if lazy:
                told = any(e.type in SUMMARISED for e in (*changed.values(), *(e for e, _ in timeline.events)))
                heroes_told = (told and named_by()) or ()  # with the summary
                known = await self._rooms.timeline.speakers(room, (e for e, _ in timeline.events), room.state)
                extra = self._needed(room, known, timeline, sent, event_filter, heroes_told, beside=False)
                events = [*events, *(e for e in extra if e.key not in changed)]
                sent.update(((room.nid, e.key[1]), e.event_id) for e in changed.values() if e.type == MEMBER)
        if lazy:
            members = (e for e, _ in timeline.events if e.type == MEMBER and e.state_key is not None)
            sent.update(((room.nid, e.key[1]), e.event_id) for e in members)
        shown_too = (e for e, _ in timeline.events if e.state_key is not None)
        summary_changed = whole or any(e.type in SUMMARISED for e in (*events, *shown_too))
        if is_open(event_filter):
            return State(full, events, lazy), summary_changed
        kept = passing(event_filter, room, State(full, events, lazy).everything())
        return State(None, list(kept), lazy), summary_changed

    def _needed(
        self,
        room: LiveRoom,
        state: Mapping[StateKey, RoomEvent],
        timeline: RoomTimeline,
        sent: dict[tuple[int, str], str],
        event_filter: RoomEventFilter,
        also: Iterable[str],
        beside: bool = True,
    ) -> list[RoomEvent]:
        """Lazy loading: of the members, only who speaks in the timeline, and `also`; those `beside` the whole state each once."""
        wanted = dict.fromkeys([*(event.sender for event, _ in timeline.events), *also])
        result: list[RoomEvent] = []
        in_timeline = {e.key for e, _ in timeline.events if e.state_key is not None}
        for user in wanted:
            event = state.get((MEMBER, user))
            if event is None or (not beside and event.key in in_timeline):
                continue
            key = (room.nid, user)
            if beside or sent.get(key) != event.event_id or event_filter.include_redundant_members:
                sent[key] = event.event_id
                result.append(event)
        return result

    # ------------------------------------------------------------------------------------------------------- bytes

    async def _timeline_bytes(self, context: SyncContext, room: LiveRoom, timeline: RoomTimeline) -> bytes:
        chunk = await self._events_bytes(context, room, timeline)
        prev = position_token(timeline.prev_batch)
        return b'{"events":[%b],"limited":%b,"prev_batch":"%b"}' % (
            chunk,
            b"true" if timeline.limited else b"false",
            prev.encode(),
        )

    async def _events_bytes(self, context: SyncContext, room: LiveRoom, timeline: RoomTimeline) -> bytes:
        events = timeline.events
        if not events:
            return b""
        bundles: dict[str, bytes] = {}
        if timeline.limited or context.since is None:  # a client that saw every event knows what relates to what
            bundles = await self._relations.bundles(context.user_id, room, [e for e, _ in events])
        user = context.user_id
        mine = f"{user}\x1f{context.requester.device_id}\x1f"
        if bundles or any(m != "join" or (e.sender == user and e.marks_for(mine)) for e, m in events):
            return _join(context, [present_event(e, m, mine, bundles.get(e.event_id)) for e, m in events])
        key = None
        if timeline.is_complete:  # else a filter, or what others may see and the reader may not
            key = ("timeline", events[0][0].position, events[-1][0].position)
        return _for_members(context, room, key, (e for e, _ in events))

    @staticmethod
    def _state_bytes(context: SyncContext, room: LiveRoom, state: State, timeline: RoomTimeline) -> bytes:
        mine = _join(context, [e.for_joined() for e in state.events])
        if state.whole is None:
            return mine
        kind, key = "state without members" if state.is_lazy else "state", None
        if context.state_after or not timeline.shows_state:
            key = (kind, min(timeline.upto, room.last_position), 1)
        elif timeline.is_complete:
            key = (kind, timeline.start, 0)
        chunk = _for_members(context, room, key, state.of_everybody())
        return chunk + b"," + mine if chunk and mine else chunk or mine

    # ----------------------------------------------------------------------------------------- rooms that were left

    async def left(self, context: SyncContext, room: LiveRoom, membership: Membership) -> bytes:
        """The timeline up to and with the leave, as far as the reader may see it."""
        upto = min(membership.position, context.upto)
        newly = _is_newly_told(context, membership)
        beside = room.beside(context.user_id) if membership.is_beside else None
        if beside is not None:
            timeline = _only(context, room, beside, upto)
        else:
            (timeline,) = await read_timelines(self._rooms, context, [Asked(room, newly, upto)])
        state: Iterable[RoomEvent]
        if beside is not None:
            state = [beside] if context.state_after or not timeline.events else []
        elif not await self._was_inside(room, membership):
            state = await self._own_state(context, room, timeline, upto)
        elif newly or context.full_state:
            state = (await whole_state(self._rooms, context, room, timeline)).values()
        else:
            state = (await changed_state(self._rooms, context, room, timeline)).values()
        if not is_open(context.filter.room.state):
            state = passing(context.filter.room.state, room, state)
        mine = f"{context.user_id}\x1f{context.requester.device_id}\x1f"
        chunk = _join(context, [present_event(e, m, mine, None) for e, m in timeline.events])
        name = (context.state_after or "state").encode()
        return b"".join(
            (
                b'{"timeline":{"events":[',
                chunk,
                b'],"limited":',
                b"true" if timeline.limited else b"false",
                b',"prev_batch":"',
                position_token(timeline.prev_batch).encode(),
                b'"},"',
                name,
                b'":{"events":[',
                _join(context, [e.for_joined() for e in state]),
                b']},"account_data":{"events":[]}}',
            )
        )

    async def _own_state(self, context: SyncContext, room: LiveRoom, timeline: RoomTimeline, upto: int) -> list[RoomEvent]:
        """The reader's membership alone, where the timeline does not show it: of the room itself nothing is told."""
        own = (await self._rooms.timeline.state_after(room, upto)).get((MEMBER, context.user_id))
        shown = context.state_after is None and own is not None and own.key in timeline.last_changes
        return [] if own is None or shown else [own]

    async def _was_inside(self, room: LiveRoom, membership: Membership) -> bool:
        """Whether it is a stay that ended, and not an invitation, a knock or (by a ban) nothing at all."""
        if not membership.was_joined:
            return False
        rows = await self._rooms.store.events_by_nid([membership.event_nid])
        events = await self._rooms.timeline.of_rows(room, rows)
        return any(e.replaces is not None and e.replaces.membership == "join" for e in events)

    # ------------------------------------------------------------------------------------ invitations and knocks

    @staticmethod
    def stripped(room: LiveRoom, user_id: str) -> bytes:
        """The stripped state by which an invited person recognises a room, the invitation itself included."""
        member = _recognised_by(room, user_id).get((MEMBER, user_id))
        events = RoomSections.stripped_state(room, user_id)
        return b",".join(events if member is None else [*events, member.for_reader(member.membership)])

    @staticmethod
    def stripped_state(room: LiveRoom, user_id: str) -> list[bytes]:
        """The same without the invitation."""
        state = _recognised_by(room, user_id)
        member = state.get((MEMBER, user_id))
        sender = "" if member is None else member.sender
        return [e.stripped() for e in shown_of(state, sender) if e is not member]


def _recognised_by(room: LiveRoom, user_id: str) -> Mapping[StateKey, RoomEvent]:
    """The state by which a person recognises a room: what came with the invitation where they know no more, else the room's."""
    beside = room.beside(user_id)
    shown = beside is not None and beside.membership in ("invite", "knock") and user_id not in room.joined
    return room.shown[user_id] if shown else room.state


def _only(context: SyncContext, room: LiveRoom, event: RoomEvent, upto: int) -> RoomTimeline:
    """The timeline of a room that nobody of here is in: only the event that ended an invitation or a knock."""
    f = context.filter.room.timeline
    shown = [(e, e.membership) for e in passing(f, room, [event])] if f.limit != 0 else []
    return RoomTimeline(shown, False, upto - 1, upto - 1, upto, False)


def _is_newly_told(context: SyncContext, membership: Membership) -> bool:
    """Whether the client knows nothing of a room, or is told of it anew."""
    return context.since is None or membership.told_since > context.after


def _unread(counts: RoomCounts, by_thread: bool) -> tuple[bytes, bytes]:
    """`unread_notifications`, and `unread_thread_notifications` with its key where the client asked for it."""
    notify, highlight = counts.main if by_thread else counts.total
    unread = b'{"notification_count":%d,"highlight_count":%d}' % (notify, highlight)
    if not by_thread:
        return unread, b""
    threads = {root: {"notification_count": n, "highlight_count": h} for root, (n, h) in counts.threads.items()}
    return unread, b',"unread_thread_notifications":' + orjson.dumps(threads)


def _summary(room: LiveRoom, first: list[str] | None) -> dict[str, Any]:
    """Counts, and for rooms without a name the first five others, from whom clients make one. `first`: those."""
    summary: dict[str, Any] = {"m.joined_member_count": len(room.joined), "m.invited_member_count": room.invited}
    return summary if first is None else {**summary, "m.heroes": first}


def _named_by(room: LiveRoom, user_id: str) -> list[str] | None:
    """Of a room without a name."""
    name = room.state.get(("m.room.name", ""))
    alias = room.state.get(("m.room.canonical_alias", ""))
    is_named = (name and name.content.get("name")) or (alias and alias.content.get("alias"))
    return None if is_named else heroes(room, user_id)


def heroes(room: LiveRoom, user_id: str) -> list[str]:
    """The first five joined or invited, by arrival, without oneself; the left and banned only if nobody else remains."""
    members = [e for k, e in room.state.items() if k[0] == MEMBER and k[1] != user_id]
    present = [e for e in members if e.membership in ("join", "invite")]
    first = heapq.nsmallest(HEROES, present or members, key=lambda e: e.position)
    return [e.key[1] for e in first]


def _for_members(context: SyncContext, room: LiveRoom, key: tuple[str, int, int] | None, events: Iterable[RoomEvent]) -> bytes:
    """Events as every member sees them. `key`: under which they are kept for all; None where they are not what everybody gets.

    Of what `event_fields` leave the last is kept, behind these fields: programs of one kind, which ask for the same, share it.
    """
    if key is None:
        return _join(context, [e.for_joined() for e in events])
    wanted = b""
    if (fields := _fields(context)) is not None:
        key, wanted = (f"fields of {key[0]}", key[1], key[2]), orjson.dumps(fields)
    kept = room.shared.get(key)
    if kept is None or not kept.startswith(wanted):
        kept = wanted + _join(context, [e.for_joined() for e in events])
        room.share(key, kept)
    return kept[len(wanted) :] if wanted else kept


def _fields(context: SyncContext) -> tuple[str, ...] | None:
    """The filter's `event_fields`, where they are applied here: what has another format is shortened after it has that."""
    return context.filter.event_fields if context.filter.event_format == "client" else None


def _join(context: SyncContext, events: list[bytes]) -> bytes:
    if (fields := _fields(context)) is not None:
        events = [orjson.dumps(only_fields(orjson.loads(event), fields)) for event in events]
    return b",".join(events)
