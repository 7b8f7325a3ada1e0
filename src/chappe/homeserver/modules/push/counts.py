"""Unread counts: the room's counters now, less what they were when the reader last read.

Nobody's row is written when a message comes. For readers with default rules the counters of the room say how many
events notify; only mentions are stored per reader. Readers who changed their rules are counted by evaluating what came
since they last read (docs/decisions/0004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.push_rules import PushContext, RuleSet, Verdict, evaluate, verdict_of
from chappe.homeserver.modules.push.rules import PushRules
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms

EVALUATED_AT_MOST = 200  # events, for readers with rules of their own
Counts = tuple[int, int]  # notifications, highlights

_READ_STATES = """
    SELECT r.room, r.read, coalesce(e.notify_total, 0) AS notify_total, coalesce(e.highlight_total, 0) AS highlight_total,
           (SELECT count(*) FILTER (WHERE h.notify) FROM push_hits h
             WHERE h.user_id = $1 AND h.room_nid = r.room AND h.position > r.read) AS notify_hits,
           (SELECT count(*) FILTER (WHERE h.highlight) FROM push_hits h
             WHERE h.user_id = $1 AND h.room_nid = r.room AND h.position > r.read) AS highlight_hits
      FROM (SELECT n.room, greatest(
                (SELECT max(x.event_position) FROM receipts x WHERE x.room_nid = n.room AND x.user_id = $1
                    AND x.type IN ('m.read', 'm.read.private') AND x.thread IN ('', 'main')),
                (SELECT o.position FROM events o WHERE o.room_nid = n.room AND o.sender = $1
                  ORDER BY o.position DESC LIMIT 1),
                (SELECT m.joined_since FROM memberships m WHERE m.room_nid = n.room AND m.user_id = $1), 0) AS read
              FROM unnest($2::bigint[]) n(room)) r
      LEFT JOIN LATERAL (SELECT y.notify_total, y.highlight_total FROM events y
                          WHERE y.room_nid = r.room AND y.position <= r.read ORDER BY y.position DESC LIMIT 1) e ON true"""


@dataclass(slots=True)
class _ReadState:
    """Where a reader is in a room, and what the room's counters were there."""

    position: int
    notify_total: int
    highlight_total: int
    notify_hits: int = 0
    highlight_hits: int = 0


class UnreadCounts:
    def __init__(self, database: Database, rooms: Rooms, rules: PushRules, clock: Clock) -> None:
        self._database, self._rooms, self._rules = database, rooms, rules
        self._states: dict[int, dict[str, _ReadState]] = {}  # by room and reader
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        for number, kinds in commit.rooms.items():
            states = self._states.get(number)
            if not states:
                continue
            if commit.foreign:
                del self._states[number]
                continue
            for user, changed in commit.users.items():
                if "receipts" in changed or "mention" in changed or "membership" in changed:
                    states.pop(user, None)
            if "events" in kinds:
                self._own_messages_are_read(number, commit.since, states)

    def _own_messages_are_read(self, number: int, since: int, states: dict[str, _ReadState]) -> None:
        room = self._rooms.live.live(number)
        for event in (room.tail_after(since) or []) if room else ():
            if event.sender in states:
                states[event.sender] = _ReadState(event.position, event.notify_total, event.highlight_total)

    async def of(self, user_id: str, rooms: Sequence[LiveRoom]) -> dict[int, Counts]:
        """By room number. One statement for all rooms that are not cached, none when all are."""
        missing = [r.number for r in rooms if user_id not in self._states.get(r.number, ())]
        if missing:
            await self._load(user_id, missing)
        if not await self._rules.are_default(user_id):
            rules = await self._rules.rules(user_id)
            return {room.number: await self._evaluate(user_id, rules, room) for room in rooms}
        result = {}
        for room in rooms:
            state = self._states.get(room.number, {}).get(user_id)
            if state is not None:
                notify = room.notify_total - state.notify_total + state.notify_hits
                highlight = room.highlight_total - state.highlight_total + state.highlight_hits
                result[room.number] = (max(notify, 0), max(highlight, 0))
        return result

    async def _load(self, user_id: str, rooms: list[int]) -> None:
        for number in rooms:
            self._states.setdefault(number, {})
        for row in await self._database.fetch(_READ_STATES, user_id, rooms):
            state = _ReadState(
                row["read"], row["notify_total"], row["highlight_total"], row["notify_hits"], row["highlight_hits"]
            )
            self._states.setdefault(row["room"], {})[user_id] = state

    async def _evaluate(self, user_id: str, rules: RuleSet, room: LiveRoom) -> Counts:
        state = self._states.get(room.number, {}).get(user_id)
        if state is None:
            return 0, 0
        events = await self._rooms.timeline.events_between(
            room, state.position, room.last_position, EVALUATED_AT_MOST, backwards=True
        )
        verdicts = [self._verdict(rules, room, e) for e in events if e.sender != user_id]
        return sum(v.notify for v in verdicts), sum(v.highlight for v in verdicts)

    @staticmethod
    def _verdict(rules: RuleSet, room: LiveRoom, event: RoomEvent) -> Verdict:
        levels = room.power_levels()
        context = PushContext(
            room.room_id, len(room.joined), lambda name: levels.of(event.sender) >= levels.notification(name)
        )
        return verdict_of(evaluate(rules, orjson.loads(event.head + b"}"), context))
