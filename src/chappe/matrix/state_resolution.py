"""State resolution, pure: algorithm 1 (`rooms/v1`), 2 (`rooms/v2`) and 2.1 (`rooms/v12`).

The caller says what the states conflict in (`Conflict`); `rooms/state_conflict.py` finds that without reading whole states.
Rejected events are left out before ("Rejected events" in the specification).
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chappe.matrix.errors import Forbidden
from chappe.matrix.event_auth import CREATE, JOIN_RULES, POWER_LEVELS, StateKey, check_auth, creators_of
from chappe.matrix.power_levels import PowerLevels
from chappe.matrix.room_versions import RoomVersion

Resolved = dict[StateKey, "ResolvableEvent"]
NO_LEVELS_BEHIND = math.inf


@dataclass(frozen=True, slots=True, eq=False)
class ResolvableEvent:
    """A state event as resolution reads it. `auth_events`: without the rejected ones."""

    event_id: str
    pdu: dict[str, Any]
    auth_events: Sequence[ResolvableEvent]

    @property
    def key(self) -> StateKey:
        return self.pdu["type"], self.pdu["state_key"]

    @property
    def sender(self) -> str:
        return str(self.pdu["sender"])

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = self.pdu["content"]
        return content

    @property
    def is_power_event(self) -> bool:
        """Whether it might take away somebody's ability to do something in the room."""
        if self.key in (POWER_LEVELS, JOIN_RULES):
            return True
        event_type, state_key = self.key
        removes = event_type == "m.room.member" and self.content.get("membership") in ("leave", "ban")
        return removes and self.sender != state_key


@dataclass(frozen=True, slots=True)
class Conflict:
    """What some states of a room do not agree on. For algorithm 1 a key that some of them lack is no conflict.

    `conflicted`: the conflicted state set. `others`: the auth difference and, for algorithm 2.1, the conflicted state
    subgraph. `unconflicted`: the entry that every state has under a key. `create`: the room's create event, which
    version 12 does not cite.
    """

    version: RoomVersion
    create: ResolvableEvent
    conflicted: Collection[ResolvableEvent]
    others: Collection[ResolvableEvent]
    unconflicted: Callable[[StateKey], ResolvableEvent | None]


def resolve(conflict: Conflict) -> Resolved:
    """The entries that the resolved state has under keys without an unconflicted entry.

    A conflicted key may be missing from it, and a key that no state has may be in it (through the auth difference).
    """
    if conflict.version.state_resolution == "1":
        return _resolve_by_depth(conflict)
    return _Resolution(conflict).run()


# ----------------------------------------------------------------------------------------------- algorithms 2 and 2.1


class _Resolution:
    def __init__(self, conflict: Conflict) -> None:
        self._conflict, self._version, self._create = conflict, conflict.version, conflict.create
        self._full: dict[str, ResolvableEvent] = {e.event_id: e for e in (*conflict.conflicted, *conflict.others)}
        self._starts_empty = conflict.version.state_resolution == "2.1"
        self._state: Resolved = {}

    def run(self) -> Resolved:
        power = self._power_events()
        self._apply(self._reverse_topological_power_ordering(power))
        rest = [event for event_id, event in self._full.items() if event_id not in power]
        self._apply(self._mainline_ordering(rest))
        return {key: event for key, event in self._state.items() if self._conflict.unconflicted(key) is None}

    def _power_events(self) -> dict[str, ResolvableEvent]:
        """Those of the full conflicted set, with those of their auth chains that are also in it.

        The chain is followed inside the set only, as deployed servers do (docs/decisions/0011).
        """
        picked = {event_id: event for event_id, event in self._full.items() if event.is_power_event}
        todo = list(picked.values())
        while todo:
            for cited in todo.pop().auth_events:
                if cited.event_id in self._full and cited.event_id not in picked:
                    picked[cited.event_id] = cited
                    todo.append(cited)
        return picked

    # ------------------------------------------------------------------------------------------------------- order

    def _reverse_topological_power_ordering(self, events: Mapping[str, ResolvableEvent]) -> Iterator[ResolvableEvent]:
        """Kahn's algorithm: of the events whose auth events are all out, the smallest goes next."""
        waits = {key: len({a.event_id for a in event.auth_events if a.event_id in events}) for key, event in events.items()}
        citers: dict[str, list[str]] = {}
        for key, event in events.items():
            for cited in {a.event_id for a in event.auth_events if a.event_id in events}:
                citers.setdefault(cited, []).append(key)
        heap = [self._rank(events[key]) for key, count in waits.items() if not count]
        heapq.heapify(heap)
        while heap:
            key = heapq.heappop(heap)[2]
            yield events[key]
            for citer in citers.get(key, ()):
                waits[citer] -= 1
                if not waits[citer]:
                    heapq.heappush(heap, self._rank(events[citer]))

    def _rank(self, event: ResolvableEvent) -> tuple[float, int, str]:
        """More power of the sender by the event's own auth events, then earlier, then the smaller id."""
        auth_events = {a.key: a for a in event.auth_events}
        create = self._create if self._version.room_id_is_create_hash else auth_events.get(CREATE)
        if event.key == CREATE:
            create = event
        power: float = 0
        if create is not None:
            levels = auth_events.get(POWER_LEVELS)
            creators = creators_of(create, self._version)
            power = PowerLevels(self._version, levels.content if levels else None, creators).of(event.sender)
        return -power, event.pdu["origin_server_ts"], event.event_id

    def _mainline_ordering(self, events: Sequence[ResolvableEvent]) -> list[ResolvableEvent]:
        """Based on the power levels resolved so far: what builds on older ones first."""
        positions: dict[str, float] = {}
        levels = self._state.get(POWER_LEVELS)
        if levels is None and not self._starts_empty:
            levels = self._conflict.unconflicted(POWER_LEVELS)
        while levels is not None and levels.event_id not in positions:
            positions[levels.event_id] = len(positions)
            levels = _levels_behind(levels)

        def position(event: ResolvableEvent) -> float:
            path = []
            behind = _levels_behind(event)
            while behind is not None and behind.event_id not in positions:
                path.append(behind.event_id)
                behind = _levels_behind(behind)
            found = NO_LEVELS_BEHIND if behind is None else positions[behind.event_id]
            positions.update(dict.fromkeys(path, found))
            return found

        return sorted(events, key=lambda e: (-position(e), e.pdu["origin_server_ts"], e.event_id))

    # ----------------------------------------------------------------------------------------------- iterative auth

    def _apply(self, events: Iterable[ResolvableEvent]) -> None:
        """The iterative auth checks: what is not allowed on top of the state so far is left out."""
        for event in events:
            auth_events = {a.key: a for a in event.auth_events}

            def get(key: StateKey, auth_events: Mapping[StateKey, ResolvableEvent] = auth_events) -> ResolvableEvent | None:
                found = self._state.get(key)
                if found is None and not self._starts_empty:
                    found = self._conflict.unconflicted(key)
                if found is None:
                    found = auth_events.get(key)
                if found is None and key == CREATE and self._version.room_id_is_create_hash:
                    found = self._create
                return found

            if _is_allowed(event, self._version, get):
                self._state[event.key] = event


def _levels_behind(event: ResolvableEvent) -> ResolvableEvent | None:
    return next((a for a in event.auth_events if a.key == POWER_LEVELS), None)


def _is_allowed(event: ResolvableEvent, version: RoomVersion, get: Callable[[StateKey], ResolvableEvent | None]) -> bool:
    try:
        check_auth(event.pdu, version, get)
    except Forbidden:
        return False
    return True


# ------------------------------------------------------------------------------------------------------- algorithm 1


def _resolve_by_depth(conflict: Conflict) -> Resolved:
    """Power levels, then join rules, then members; of everything else the newest that is allowed."""
    by_key: dict[StateKey, list[ResolvableEvent]] = {}
    for event in conflict.conflicted:
        by_key.setdefault(event.key, []).append(event)
    state: Resolved = {}

    def get(key: StateKey) -> ResolvableEvent | None:
        return state.get(key) or conflict.unconflicted(key)

    def settle(key: StateKey) -> None:
        first, *others = sorted(by_key[key], key=_by_depth)
        state[key] = first
        for event in others:
            if not _is_allowed(event, conflict.version, get):
                break
            state[key] = event

    decided = ("m.room.power_levels", "m.room.join_rules", "m.room.member")
    for event_type in decided:
        for key in sorted(key for key in by_key if key[0] == event_type):
            settle(key)
    for key in sorted(key for key in by_key if key[0] not in decided):
        newest_first = sorted(by_key[key], key=_by_depth, reverse=True)
        allowed = next((e for e in newest_first if _is_allowed(e, conflict.version, get)), None)
        # where none is allowed servers keep the oldest: the key must not vanish
        state[key] = allowed or newest_first[-1]
    return state


def _by_depth(event: ResolvableEvent) -> tuple[int, int]:
    """Ascending depth, then descending SHA-1 of the id."""
    return event.pdu["depth"], -int(hashlib.sha1(event.event_id.encode(), usedforsecurity=False).hexdigest(), 16)
