"""State resolution by the letter: whole maps, walks and repeated minima. Slow, and plain enough to be read beside the text."""

from __future__ import annotations

import math
from collections.abc import Iterable

from chappe.matrix.errors import Forbidden
from chappe.matrix.event_auth import CREATE, POWER_LEVELS, StateKey, check_auth, creators_of
from chappe.matrix.power_levels import PowerLevels
from chappe.matrix.room_versions import RoomVersion
from chappe.matrix.state_resolution import ResolvableEvent

State = dict[StateKey, ResolvableEvent]
Events = set[ResolvableEvent]


def auth_chain(event: ResolvableEvent) -> Events:
    found: Events = set()
    todo = list(event.auth_events)
    while todo:
        if (each := todo.pop()) not in found:
            found.add(each)
            todo.extend(each.auth_events)
    return found


def separate(states: list[State]) -> tuple[State, Events]:
    """The unconflicted state map and the conflicted state set."""
    unconflicted: State = {}
    conflicted: Events = set()
    for key in set().union(*states):
        values = {state.get(key) for state in states}
        if len(values) == 1:
            unconflicted[key] = states[0][key]
        else:
            conflicted |= {value for value in values if value is not None}
    return unconflicted, conflicted


def auth_difference(states: list[State]) -> Events:
    """As deployed servers read it: a state's own events belong to its chain (docs/decisions/0011)."""
    chains = [set(state.values()).union(*[auth_chain(e) for e in state.values()]) for state in states]
    return set.union(*chains) - set.intersection(*chains)


def conflicted_subgraph(conflicted: Events) -> Events:
    """Events on a path of auth events from one conflicted event to another."""
    below = set().union(*[auth_chain(e) for e in conflicted])
    return {e for e in below if auth_chain(e) & conflicted}


def resolve(states: list[State], version: RoomVersion, create: ResolvableEvent) -> State:
    unconflicted, conflicted = separate(states)
    full = conflicted | auth_difference(states)
    if version.state_resolution == "2.1":
        full |= conflicted_subgraph(conflicted)
    power = {e for e in full if e.is_power_event}
    while more := {a for e in power for a in e.auth_events if a in full} - power:
        power |= more
    state: State = {} if version.state_resolution == "2.1" else dict(unconflicted)
    iterate(reverse_topological_power_ordering(power, version, create), state, version, create)
    iterate(mainline_ordering(full - power, state.get(POWER_LEVELS)), state, version, create)
    return {**state, **unconflicted}


def iterate(events: Iterable[ResolvableEvent], state: State, version: RoomVersion, create: ResolvableEvent) -> None:
    for event in events:
        known = {
            **({CREATE: create} if version.room_id_is_create_hash else {}),
            **{a.key: a for a in event.auth_events},
            **state,
        }
        try:
            check_auth(event.pdu, version, known.get)
        except Forbidden:
            continue
        state[event.key] = event


def reverse_topological_power_ordering(events: Events, version: RoomVersion, create: ResolvableEvent) -> list[ResolvableEvent]:
    left, order = set(events), []
    while left:
        free = [e for e in left if not any(a in left for a in e.auth_events)]
        order.append(min(free, key=lambda e: (-power_of_sender(e, version, create), e.pdu["origin_server_ts"], e.event_id)))
        left.remove(order[-1])
    return order


def power_of_sender(event: ResolvableEvent, version: RoomVersion, create: ResolvableEvent) -> float:
    cited = {a.key: a for a in event.auth_events}
    made = create if version.room_id_is_create_hash or event.key == CREATE else cited.get(CREATE)
    if made is None:
        return 0
    levels = cited.get(POWER_LEVELS)
    return PowerLevels(version, levels.content if levels else None, creators_of(made, version)).of(event.sender)


def mainline_ordering(events: Events, top: ResolvableEvent | None) -> list[ResolvableEvent]:
    mainline = line_of_levels(top)

    def position(event: ResolvableEvent) -> float:
        line = line_of_levels(next((a for a in event.auth_events if a.key == POWER_LEVELS), None))
        return next((mainline.index(levels) for levels in line if levels in mainline), math.inf)

    return sorted(events, key=lambda e: (-position(e), e.pdu["origin_server_ts"], e.event_id))


def line_of_levels(levels: ResolvableEvent | None) -> list[ResolvableEvent]:
    line = []
    while levels is not None:
        line.append(levels)
        levels = next((a for a in levels.auth_events if a.key == POWER_LEVELS), None)
    return line
