"""Unread counts: a thread's counters now, less what they were when the reader last read it.

Nobody's row is written when a message comes. For readers with default rules the counters of the main timeline and of each
thread say how many events notify; only mentions are stored per reader. Readers who changed their rules or ignore people
are counted by evaluating what came since they last read (docs/decisions/0004).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.load.bounded import Recent
from chappe.homeserver.load.breath import Breath
from chappe.homeserver.modules.push.rules import PushRules
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import DELAYED, RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.push_rules import PushContext, RuleSet, Verdict, evaluate, verdict_of

REMEMBERED = 1_000_000  # readers in rooms: some 300 MB
EVALUATED_AT_MOST = 200  # events, for readers with rules of their own
PRUNED_AT_ONCE = 100  # threads of which something was redacted
Counts = tuple[int, int]  # notifications, highlights
IgnoredBy = Callable[[str], Awaitable[frozenset[str]]]
HidesInvitation = Callable[[str, str], Awaitable[bool]]  # of whom, by whom

_OF_READER = """FROM push_hits h WHERE h.user_id = $1 AND h.room_nid = {room} AND h.thread = {thread} AND h.position > {read}
              AND NOT EXISTS (SELECT 1 FROM retractions t WHERE t.room_nid = h.room_nid AND t.thread = h.thread
                                 AND t.position = h.position)"""
_REDACTED = "FROM retractions t WHERE t.room_nid = {room} AND t.thread = {thread} AND t.position > {read}"
# what is the reader's alone, less what was redacted since for everybody
_HITS = f"""(SELECT count(*) FILTER (WHERE h.notify) {_OF_READER})
           - (SELECT coalesce(sum(t.notify), 0)::bigint {_REDACTED}) AS notify_hits,
           (SELECT count(*) FILTER (WHERE h.highlight) {_OF_READER})
           - (SELECT coalesce(sum(t.highlight), 0)::bigint {_REDACTED}) AS highlight_hits"""
_RECEIPT = """(SELECT max(x.event_position) FROM receipts x WHERE x.room_nid = {room} AND x.user_id = {who}
                AND x.type IN ('m.read', 'm.read.private') AND x.thread = {thread})"""
# What somebody writes says that they have read so far; what their client sets (a name, their part in a call) or sends when they
# are gone (delayed events) does not. What itself notifies stays reading whenever it comes, or it would be unread to its author.
_WRITTEN = """(o.state_key IS NULL AND (o.type IN ('m.room.message', 'm.room.encrypted') OR o.txn IS NULL
                                        OR position(chr(31) || 'delayed' || chr(31) IN o.txn) = 0)
               OR o.type = 'm.room.tombstone')"""
_OWN = f"""(SELECT o.position FROM events o WHERE o.room_nid = {{room}} AND o.sender = {{who}} AND o.thread = {{thread}}
             AND {_WRITTEN} ORDER BY o.position DESC LIMIT 1)"""
_TOTALS = """LEFT JOIN LATERAL (SELECT y.notify_total, y.highlight_total FROM events y WHERE y.room_nid = {room}
              AND y.position <= {read} AND y.thread = {thread} ORDER BY y.position DESC LIMIT 1) e ON true"""

# `floor`: up to where everything is read, in every thread; `read`: up to where the main timeline is
_MAIN = f"""
    SELECT r.room, r.floor, r.read, coalesce(e.notify_total, 0) AS notify_total,
           coalesce(e.highlight_total, 0) AS highlight_total, {_HITS.format(room="r.room", thread="''", read="r.read")}
      FROM (SELECT f.room, f.floor, greatest(f.floor, {_RECEIPT.format(who="$1", room="f.room", thread="'main'")},
                                             {_OWN.format(who="$1", room="f.room", thread="''")}) AS read
              FROM (SELECT n.room, greatest({_RECEIPT.format(who="$1", room="n.room", thread="''")},
                           (SELECT m.joined_since FROM memberships m WHERE m.room_nid = n.room AND m.user_id = $1), 0) AS floor
                      FROM unnest($2::bigint[]) n(room)) f) r
      {_TOTALS.format(room="r.room", read="r.read", thread="''")}"""
_THREADS = f"""
    SELECT r.room, r.root, r.read, coalesce(e.notify_total, 0) AS notify_total,
           coalesce(e.highlight_total, 0) AS highlight_total, {_HITS.format(room="r.room", thread="r.root", read="r.read")}
      FROM (SELECT t.room_nid AS room, t.root, greatest(n.floor, {_RECEIPT.format(who="$1", room="t.room_nid", thread="t.root")},
                                                        {_OWN.format(who="$1", room="t.room_nid", thread="t.root")}) AS read
              FROM unnest($2::bigint[], $3::bigint[]) n(room, floor)
              JOIN threads t ON t.room_nid = n.room AND t.latest > n.floor) r
      {_TOTALS.format(room="r.room", read="r.read", thread="r.root")}"""

_WHO = {"who": "m.user_id", "room": "t.room_nid"}
# (room, thread, up to where everybody of here has read it; NULL: nobody is in it), of threads of which something was redacted
_READ_BY_ALL = f"""
    SELECT t.room_nid, t.thread, (
           SELECT min(greatest(m.joined_since, {_RECEIPT.format(thread="''", **_WHO)},
                               {_RECEIPT.format(thread="CASE t.thread WHEN '' THEN 'main' ELSE t.thread END", **_WHO)},
                               {_OWN.format(thread="t.thread", **_WHO)}, 0))
             FROM memberships m JOIN users u USING (user_id) WHERE m.room_nid = t.room_nid AND m.membership = 'join') AS read
      FROM (SELECT DISTINCT room_nid, thread FROM retractions WHERE (room_nid, thread) > ($1, $2)
             ORDER BY room_nid, thread LIMIT $3) t ORDER BY 1, 2"""


@dataclass(slots=True)
class RoomCounts:
    """Unread events of a room: of its main timeline, and of each thread that has any."""

    main: Counts = (0, 0)
    threads: dict[str, Counts] = field(default_factory=dict)

    @property
    def total(self) -> Counts:
        """For clients that know no threads."""
        every = [self.main, *self.threads.values()]
        return sum(c[0] for c in every), sum(c[1] for c in every)


@dataclass(slots=True)
class _Read:
    """Where a reader is in a thread, and what its counters were there. `*_hits`: what is the reader's alone is added, what was
    redacted since is taken away."""

    position: int
    notify_total: int
    highlight_total: int
    notify_hits: int = 0
    highlight_hits: int = 0

    def unread(self, totals: Counts) -> Counts:
        notify = totals[0] - self.notify_total + self.notify_hits
        return max(notify, 0), max(totals[1] - self.highlight_total + self.highlight_hits, 0)


@dataclass(slots=True)
class _State:
    """A reader in a room. `threads`: those that had something unread, or moved, when this was read."""

    incarnation: int
    floor: int
    main: _Read
    threads: dict[str, _Read] = field(default_factory=dict)


class ReadUpto(Row):
    room_nid: int
    thread: str
    read: int


class MainCount(Row):
    room: int
    floor: int
    read: int
    notify_total: int
    highlight_total: int
    notify_hits: int
    highlight_hits: int


class ThreadCount(Row):
    room: int
    root: str
    read: int
    notify_total: int
    highlight_total: int
    notify_hits: int
    highlight_hits: int


class UnreadCounts:
    def __init__(self, database: Database, rooms: Rooms, rules: PushRules, clock: Clock, ignored_by: IgnoredBy) -> None:
        self._database, self._rooms, self._rules, self._ignored_by = database, rooms, rules, ignored_by
        self._states: Recent[int, dict[str, _State]] = Recent(REMEMBERED)  # by room and reader
        self._loading: dict[str, set[object]] = {}  # the loads that a reader's own change must spoil
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        for user, changed in commit.users.items():
            if commit.foreign or not {"receipts", "mention", "membership"}.isdisjoint(changed):
                self._loading.pop(user, None)
        for room_nid, kinds in commit.rooms.items():
            states = self._states.get(room_nid) or {}
            if commit.foreign:
                self._loading.clear()
                self._states.drop(room_nid)
            elif states or self._loading:
                for user, changed in commit.users.items():
                    if not {"receipts", "mention", "membership"}.isdisjoint(changed):
                        states.pop(user, None)
                if "events" in kinds:
                    self._heard_events(room_nid, commit.since, states)

    def _heard_events(self, room_nid: int, since: int, states: dict[str, _State]) -> None:
        room = self._rooms.live.live(room_nid)
        events = room.tail_after(since) if room is not None else None
        if room is None or events is None:
            self._loading.clear()
            self._states.drop(room_nid)
            return
        self._own_messages_are_read(events, states)
        for event in events:
            if room.lowers_counts(event):
                self._redacted(room, room.recent(event.redacts), states)

    def _own_messages_are_read(self, events: Sequence[RoomEvent], states: dict[str, _State]) -> None:
        for event in events:
            if not _is_written(event):
                continue
            self._loading.pop(event.sender, None)
            if (state := states.get(event.sender)) is not None:
                read = _Read(event.position, event.notify_total, event.highlight_total)
                if event.thread == "":
                    state.main = read
                else:
                    state.threads[event.thread] = read

    def _redacted(self, room: LiveRoom, target: RoomEvent | None, states: dict[str, _State]) -> None:
        """Whoever had not read the event has one less to read: their counts are read again. None: one before the tail."""
        self._loading.clear()
        for user, state in list(states.items()):
            if target is None:
                is_unread = state.floor <= room.complete_from
            elif target.thread == "":
                is_unread = state.main.position < target.position
            else:
                read = state.threads.get(target.thread)
                is_unread = (state.floor if read is None else read.position) < target.position
            if is_unread:
                del states[user]

    async def of(self, user_id: str, rooms: Sequence[LiveRoom]) -> dict[int, RoomCounts]:
        """By room nid. Two statements for all rooms that are not cached, none when all are."""
        ignored = await self._ignored_by(user_id)
        missing = [r for r in rooms if self._state(user_id, r) is None]
        found: dict[int, _State] = {}
        while missing:
            found.update(await self._load(user_id, missing))
            missing = [r for r in missing if r.nid not in found]
        rules = None if await self._rules.are_default(user_id) and not ignored else await self._rules.rules(user_id)
        result = {}
        for room in rooms:
            state = self._state(user_id, room) or found.get(room.nid)
            if state is None:
                continue
            if rules is None:
                result[room.nid] = _subtract(state, room)
            else:
                result[room.nid] = await self._evaluate(user_id, rules, ignored, room, state)
        return result

    async def prune(self) -> None:
        """Forgets of redactions what counts for nobody any more: everybody of here has read further."""
        at: tuple[int, str] = (0, "")
        while rows := await read(self._database, ReadUpto, _READ_BY_ALL, *at, PRUNED_AT_ONCE):
            await self._rooms.store.forget_retractions([(row.room_nid, row.thread, row.read) for row in rows])
            at = rows[-1].room_nid, rows[-1].thread

    async def is_read(self, user_id: str, room: LiveRoom, event: RoomEvent) -> bool:
        """Whether the reader has read as far as this event, in its thread."""
        state = self._state(user_id, room) or (await self._load(user_id, [room])).get(room.nid)
        if state is None:
            return False
        read = state.main if event.thread == "" else state.threads.get(event.thread)
        if read is None:  # a thread without anything unread when this was read, unless it moved since
            return event.thread not in room.threads_before or event.position <= state.floor
        return event.position <= read.position

    def _state(self, user_id: str, room: LiveRoom) -> _State | None:
        state = (self._states.get(room.nid) or {}).get(user_id)
        return state if state is not None and state.incarnation == room.incarnation else None

    async def _load(self, user_id: str, rooms: Sequence[LiveRoom]) -> dict[int, _State]:
        """Those that did not change while they were read."""
        mark = object()
        self._loading.setdefault(user_id, set()).add(mark)
        moved = {r.nid: (r.incarnation, {t: r.threads[t] for t in r.threads_before}) for r in rooms}
        states: dict[int, _State] = {}
        for row in await read(self._database, MainCount, _MAIN, user_id, list(moved)):
            states[row.room] = _State(moved[row.room][0], row.floor, _read(row))
        with_threads = [r.nid for r in rooms if r.threads]
        if with_threads:
            floors = [states[room_nid].floor for room_nid in with_threads]
            for thread in await read(self._database, ThreadCount, _THREADS, user_id, with_threads, floors):
                states[thread.room].threads[thread.root] = _read(thread)
        for room_nid, state in states.items():
            for root, totals in moved[room_nid][1].items():
                state.threads.setdefault(root, _Read(state.floor, *totals))
        if mark not in self._loading.get(user_id, ()):
            return {}
        self._loading[user_id].discard(mark)
        if not self._loading[user_id]:
            del self._loading[user_id]
        for room_nid, state in states.items():
            readers = self._states.get(room_nid) or {}
            readers[user_id] = state
            self._states.put(room_nid, readers, len(readers))
        return states

    async def _evaluate(
        self, user_id: str, rules: RuleSet, ignored: frozenset[str], room: LiveRoom, state: _State
    ) -> RoomCounts:
        events = await self._rooms.timeline.events_between(
            room, state.floor, room.last_position, EVALUATED_AT_MOST, backwards=True
        )
        counts, breath = RoomCounts(), Breath()
        for event in events:
            await breath.take()
            if event.sender == user_id or event.sender in ignored or event.is_redacted:
                continue
            read = state.main if event.thread == "" else state.threads.get(event.thread)
            if read is not None and event.position <= read.position:
                continue
            verdict = verdict_for(rules, room, event)
            if event.thread == "":
                counts.main = _plus(counts.main, verdict)
            elif verdict.notify:
                counts.threads[event.thread] = _plus(counts.threads.get(event.thread, (0, 0)), verdict)
        return counts


def _is_written(event: RoomEvent) -> bool:
    """As `_WRITTEN`."""
    if event.state_key is not None:
        return event.type == "m.room.tombstone"
    if event.type in ("m.room.message", "m.room.encrypted"):
        return True
    return event.txn is None or DELAYED not in event.txn


def _read(row: MainCount | ThreadCount) -> _Read:
    return _Read(row.read, row.notify_total, row.highlight_total, row.notify_hits, row.highlight_hits)


def _subtract(state: _State, room: LiveRoom) -> RoomCounts:
    counts = RoomCounts(state.main.unread((room.notify_total, room.highlight_total)))
    for root, upto in state.threads.items():
        unread = upto.unread(room.threads.get(root, (0, 0)))
        if unread != (0, 0):
            counts.threads[root] = unread
    for root, before in room.threads_before.items():
        if root not in state.threads:
            unread = _Read(0, *before).unread(room.threads[root])
            if unread != (0, 0):
                counts.threads[root] = unread
    return counts


def _plus(counts: Counts, verdict: Verdict) -> Counts:
    return counts[0] + verdict.notify, counts[1] + verdict.highlight


def verdict_for(rules: RuleSet, room: LiveRoom, event: RoomEvent) -> Verdict:
    """What a reader's rules say of an event."""
    return verdict_of(actions_for(rules, room, event))


def actions_for(rules: RuleSet, room: LiveRoom, event: RoomEvent) -> list[Any] | None:
    def may_notify(name: str) -> bool:
        levels = room.power_levels()
        return levels.of(event.sender) >= levels.notification(name)

    context = PushContext(room.room_id, len(room.joined), may_notify)
    return evaluate(rules, orjson.loads(event.head + b"}"), context)
