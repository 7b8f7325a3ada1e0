"""The request body of sliding sync, typed, and the room configurations that its rules add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.matrix.errors import BadRequest
from chappe.matrix.event_auth import StateKey

MAX_LISTS, MAX_KEY, MAX_TIMELINE, MAX_SUBSCRIPTIONS, MAX_RULES = 100, 64, 100, 2000, 200
LAZY, ME, ANY = "$LAZY", "$ME", "*"
MEMBER = "m.room.member"
StateRules = frozenset[tuple[str, str]]


class SlidingRoomFilter(msgspec.Struct, frozen=True):
    is_dm: bool | None = None
    spaces: list[str] | None = None
    is_encrypted: bool | None = None
    is_invite: bool | None = None
    room_types: list[str | None] | None = None
    not_room_types: list[str | None] | None = None
    room_name_like: str | None = None
    tags: list[str] | None = None
    not_tags: list[str] | None = None


class RoomRule(msgspec.Struct, frozen=True):
    timeline_limit: int = 0
    required_state: list[tuple[str, str]] = []


class ListRule(msgspec.Struct, frozen=True):
    timeline_limit: int = 0
    required_state: list[tuple[str, str]] = []
    ranges: list[tuple[int, int]] | None = None
    range: tuple[int, int] | None = None
    filters: SlidingRoomFilter | None = None


class SlidingRequest(msgspec.Struct, frozen=True):
    """The body of `POST …/org.matrix.simplified_msc3575/sync`. `extensions`: by name, as each section declares it."""

    conn_id: str = ""
    txn_id: str | None = None
    lists: dict[str, ListRule] = {}
    room_subscriptions: dict[str, RoomRule] = {}
    extensions: dict[str, Any] = {}


def parse_sliding_request(value: Any) -> SlidingRequest:
    """Raises M_BAD_JSON, or M_INVALID_PARAM for what is beyond the limits."""
    try:
        request = msgspec.convert(value, SlidingRequest)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from None
    too_much = (
        len(request.lists) > MAX_LISTS
        or any(len(key) > MAX_KEY for key in request.lists)
        or len(request.room_subscriptions) > MAX_SUBSCRIPTIONS
        or len(request.conn_id) > 255
    )
    if too_much:
        raise BadRequest("Too many lists or subscriptions, or a name that is too long", "M_INVALID_PARAM")
    rules: list[ListRule | RoomRule] = [*request.lists.values(), *request.room_subscriptions.values()]
    for rule in rules:
        if len(rule.required_state) > MAX_RULES or rule.timeline_limit < 0:
            raise BadRequest("A rule asks for too much state, or for fewer than no events", "M_INVALID_PARAM")
    for window in request.lists.values():
        for low, high in _ranges(window) or ():
            if low < 0 or high < low:
                raise BadRequest("A range is two numbers, the lower first", "M_INVALID_PARAM")
    return request


def _ranges(rule: ListRule) -> list[tuple[int, int]] | None:
    return [rule.range] if rule.range is not None else rule.ranges


def in_window(rule: ListRule, index: int) -> bool:
    ranges = _ranges(rule)
    return ranges is None or any(low <= index <= high for low, high in ranges)


def window_end(rule: ListRule) -> int | None:
    """The last index of any range; None without a window."""
    ranges = _ranges(rule)
    return None if ranges is None else max((high for _, high in ranges), default=-1)


@dataclass(frozen=True, slots=True)
class RoomConfig:
    """What is sent of a room: the superset of all rules that it matches. State rules stay apart, wildcards cannot merge."""

    limit: int
    rules: frozenset[StateRules]

    @property
    def lazy_members(self) -> bool:
        return any((MEMBER, LAZY) in rules for rules in self.rules)

    def wants(self, event_type: str, state_key: str, user_id: str) -> bool:
        return any(_wants(rules, event_type, state_key, user_id) for rules in self.rules)

    def select(self, state: Mapping[StateKey, RoomEvent], user_id: str) -> dict[StateKey, RoomEvent]:
        """Those of some state events that are wanted. Without wildcards each is looked up, whatever the size of the state."""
        found: dict[StateKey, RoomEvent] = {}
        for rules in self.rules:
            if any(ANY in rule for rule in rules):
                found.update((k, e) for k, e in state.items() if _wants(rules, *k, user_id))
                continue
            for kind, key in rules:
                event = state.get((kind, user_id if key == ME else key))
                if event is not None and key != LAZY:
                    found[event.key] = event
        return found

    def __or__(self, other: RoomConfig) -> RoomConfig:
        return RoomConfig(max(self.limit, other.limit), self.rules | other.rules)


def config_of(rule: ListRule | RoomRule) -> RoomConfig:
    return RoomConfig(min(rule.timeline_limit, MAX_TIMELINE), frozenset([frozenset(rule.required_state)]))


def _wants(rules: StateRules, event_type: str, state_key: str, user_id: str) -> bool:
    if (ANY, ANY) in rules:
        named = [key for kind, key in rules if kind == event_type and key != ANY]
        return not named or _named(named, state_key, user_id)
    return any(kind in (ANY, event_type) and (key == ANY or _named([key], state_key, user_id)) for kind, key in rules)


def _named(keys: list[str], state_key: str, user_id: str) -> bool:
    return any(key != LAZY and (key == state_key or (key == ME and state_key == user_id)) for key in keys)
