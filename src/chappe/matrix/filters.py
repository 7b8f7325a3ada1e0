"""Filters of /sync and /messages (client-server API, "Filtering")."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from chappe.matrix.errors import BadRequest
from chappe.matrix.globs import glob

MAX_PATTERNS = 100  # of types, in one list
MAX_NAMES = 1000  # of people or rooms, in one list
Pattern = Annotated[str, msgspec.Meta(max_length=255)]  # no type is longer
Patterns = Annotated[tuple[Pattern, ...], msgspec.Meta(max_length=MAX_PATTERNS)]
Names = Annotated[frozenset[str], msgspec.Meta(max_length=MAX_NAMES)]


class EventFilter(msgspec.Struct, frozen=True):
    """Global `account_data` and `presence`."""

    limit: int | None = None
    senders: Names | None = None
    not_senders: Names = frozenset()
    types: Patterns | None = None
    not_types: Patterns = ()


class RoomEventFilter(EventFilter, frozen=True):
    """`timeline`, `state`, `ephemeral`, `account_data` of rooms, and the filter of /messages and /context."""

    rooms: Names | None = None
    not_rooms: Names = frozenset()
    contains_url: bool | None = None
    lazy_load_members: bool = False
    include_redundant_members: bool = False
    unread_thread_notifications: bool = False
    related_by_senders: Names | None = None
    related_by_rel_types: Names | None = None


class RoomFilter(msgspec.Struct, frozen=True):
    rooms: Names | None = None
    not_rooms: Names = frozenset()
    include_leave: bool = False
    timeline: RoomEventFilter = RoomEventFilter()
    state: RoomEventFilter = RoomEventFilter()
    ephemeral: RoomEventFilter = RoomEventFilter()
    account_data: RoomEventFilter = RoomEventFilter()


class Filter(msgspec.Struct, frozen=True):
    """A whole /sync filter."""

    event_fields: Patterns | None = None
    event_format: str = "client"
    presence: EventFilter = EventFilter()
    account_data: EventFilter = EventFilter()
    room: RoomFilter = RoomFilter()


NO_FILTER = Filter()
_ABSENT = object()


def parse_filter(value: Any) -> Filter:
    """Raises M_BAD_JSON where a field has the wrong type, or a list has more entries than anybody needs."""
    try:
        return msgspec.convert(value, Filter)
    except msgspec.ValidationError as error:
        raise BadRequest(f"Invalid filter: {error}") from None


def parse_new_filter(value: Any) -> Filter:
    """As `parse_filter`, of what a client has just made up; what it stored earlier is taken as it is.

    Raises M_BAD_JSON for another `event_format` than there is, and for what cannot be a user's or room's id.
    """
    found = parse_filter(value)
    if found.event_format not in ("client", "federation"):
        raise BadRequest("Invalid filter: `event_format` must be `client` or `federation`")
    of_rooms = (found.room.timeline, found.room.state, found.room.ephemeral, found.room.account_data)
    people = [names or () for f in (found.presence, found.account_data, *of_rooms) for names in (f.senders, f.not_senders)]
    if not all(name.startswith("@") and ":" in name for names in people for name in names):
        raise BadRequest("Invalid filter: people are named by their ids (@…:…)")
    rooms = [found.room.rooms or (), found.room.not_rooms, *(f.rooms or () for f in of_rooms), *(f.not_rooms for f in of_rooms)]
    if not all(name.startswith("!") for names in rooms for name in names):
        raise BadRequest("Invalid filter: rooms are named by their ids (!…)")
    return found


def parse_room_event_filter(value: Any) -> RoomEventFilter:
    try:
        return msgspec.convert(value, RoomEventFilter)
    except msgspec.ValidationError as error:
        raise BadRequest(f"Invalid filter: {error}") from None


@lru_cache(maxsize=512)
def matches_type(patterns: tuple[str, ...], event_type: str) -> bool:
    """Whether one of the patterns, in which `*` stands for anything, is the type."""
    return any(p == event_type or ("*" in p and glob(p, False).matches(event_type)) for p in patterns)


def passes(f: EventFilter, event_type: str, sender: str | None) -> bool:
    """What a filter says of an event without a room. `not_*` wins."""
    if f.not_types and matches_type(f.not_types, event_type):
        return False
    if f.types is not None and not matches_type(f.types, event_type):
        return False
    if sender is None:
        return True
    return sender not in f.not_senders and (f.senders is None or sender in f.senders)


def passes_room(f: RoomEventFilter | RoomFilter, room_id: str) -> bool:
    return room_id not in f.not_rooms and (f.rooms is None or room_id in f.rooms)


def is_open(f: RoomEventFilter) -> bool:
    """Whether the filter lets every event through (limits and lazy loading aside): the fast path."""
    return not (
        f.not_types
        or f.not_senders
        or f.not_rooms
        or f.types is not None
        or f.senders is not None
        or f.rooms is not None
        or f.contains_url is not None
        or f.related_by_senders
        or f.related_by_rel_types
    )


def passes_nothing(f: RoomEventFilter, room_id: str) -> bool:
    """Whether it is plain that no event of a room passes: nothing need be read then."""
    if (f.types is not None and not f.types) or (f.senders is not None and not f.senders):
        return True
    return "*" in f.not_types or not passes_room(f, room_id)


@lru_cache(maxsize=64)
def _paths(fields: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(part.replace("\0", ".") for part in field.replace("\\.", "\0").split(".")) for field in fields)


def only_fields(event: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """`event_fields`: what is left of an event. A field is a path with dots; `\\.` is a dot within a key."""
    result: dict[str, Any] = {}
    for keys in _paths(tuple(fields)):
        source: Any = event
        for key in keys:
            source = source.get(key, _ABSENT) if type(source) is dict else _ABSENT
        if source is _ABSENT:
            continue
        target = result
        for key in keys[:-1]:
            target = target.setdefault(key, {})
        target[keys[-1]] = source
    return result


def passes_event(f: RoomEventFilter, room_id: str, event_type: str, sender: str, content: Callable[[], dict[str, Any]]) -> bool:
    """What a filter says of an event of a room. `content` is asked only where the filter needs it."""
    if not passes(f, event_type, sender) or not passes_room(f, room_id):
        return False
    return f.contains_url is None or (type(content().get("url")) is str) == f.contains_url
