"""Authorises events by their auth events: check 4 of those on receipt, and the acceptance of whole auth chains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.rooms.remote.checks import SignedPdu
from chappe.matrix.errors import Forbidden
from chappe.matrix.event_auth import CREATE, StateKey, check_auth, check_auth_events
from chappe.matrix.events import is_named_too_long


@dataclass(frozen=True, slots=True)
class AuthEvent:
    """An auth event (or an event of a state), as the authorisation rules read it."""

    event_id: str
    key: StateKey
    sender: str
    content: dict[str, Any]
    is_rejected: bool = False


def auth_event_of(checked: SignedPdu, is_rejected: bool = False) -> AuthEvent:
    assert checked.key is not None
    return AuthEvent(checked.event_id, checked.key, checked.pdu["sender"], checked.pdu["content"], is_rejected)


def check_by_auth_events(checked: SignedPdu, auth_events: Mapping[str, AuthEvent]) -> None:
    """Check 4: raises Forbidden where an event has auth events that it may not have, or they do not allow it.

    `auth_events`: by event id, all of them, with (version 12) the create event.
    """
    if is_named_too_long(checked.pdu):
        raise Forbidden("The event's type or state key is longer than 255 bytes")
    events = [auth_events[event_id] for event_id in checked.auth_events()]
    if any(event.is_rejected for event in events):
        raise Forbidden("The event cites one that was rejected")
    explicit = [e for e in events if not (checked.version.room_id_is_create_hash and e.key == CREATE)]
    check_auth_events(checked.pdu, checked.version, [(e.key, e) for e in explicit])
    by_key = {e.key: e for e in events}
    check_auth({**checked.pdu, "event_id": checked.event_id}, checked.version, by_key.get)


def judge(ordered: Iterable[SignedPdu], auth_events: dict[str, AuthEvent]) -> Iterator[SignedPdu]:
    """Accepts or rejects state events by their auth events, and adds each to `auth_events`. `ordered`: auth events come before those
    that cite them. Yields what was judged; an event is left out where one of its auth events is not there."""
    for checked in ordered:
        if not all(a in auth_events for a in checked.auth_events()):
            continue
        is_rejected = False
        try:
            check_by_auth_events(checked, auth_events)
        except Forbidden:
            is_rejected = True
        auth_events[checked.event_id] = auth_event_of(checked, is_rejected)
        yield checked


def in_auth_order(events: Mapping[str, SignedPdu]) -> list[SignedPdu]:
    """Auth events before the events that cite them. Events of a cycle, which no honest hash can make, are left out."""
    return in_order(events, SignedPdu.auth_events)


def in_order(events: Mapping[str, SignedPdu], edges: Callable[[SignedPdu], Iterable[str]]) -> list[SignedPdu]:
    """The events in topological order, the earliest first. `edges`: the ids of earlier events. Those on a cycle, and behind one, are
    left out."""
    waits = dict.fromkeys(events, 0)
    after: dict[str, list[str]] = {}
    for event_id, event in events.items():
        for earlier in set(edges(event)):
            if earlier in events:
                waits[event_id] += 1
                after.setdefault(earlier, []).append(event_id)
    ready = sorted((e for e, count in waits.items() if not count), key=lambda e: events[e].pdu["depth"], reverse=True)
    result = []
    while ready:
        event_id = ready.pop()
        result.append(events[event_id])
        fresh = []
        for later in after.get(event_id, ()):
            waits[later] -= 1
            if not waits[later]:
                fresh.append(later)
        ready += sorted(fresh, key=lambda e: events[e].pdu["depth"], reverse=True)
    return result
