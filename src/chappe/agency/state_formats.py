"""What form the state has that the layer's rules read. Pure.

A client's content of another form is refused before any rule reads it, and is never stored. What other servers have written
cannot be refused: the rules read it as the strictest that it could mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chappe.agency import access_rules, classification
from chappe.agency.access_rules import StateItem
from chappe.matrix.errors import BadRequest
from chappe.matrix.power_levels import DEFAULT_LEVELS

Check = Callable[[Any], bool]
POWER_LEVELS = "m.room.power_levels"


def _is(kind: type) -> Check:
    return lambda value: type(value) is kind


def _one_of(*values: str) -> Check:
    return lambda value: type(value) is str and value in values


def _is_length(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_levels(value: Any) -> bool:
    return type(value) is dict and all(type(level) is int for level in value.values())


def _is_allowed(value: Any) -> bool:
    """Of join rules: the conditions of a restricted room."""
    return type(value) is list and all(
        type(item) is dict and type(item.get("type")) is str and type(item.get("room_id", "")) is str for item in value
    )


FORMS: Mapping[str, Mapping[str, Check]] = {
    access_rules.EVENT: {"rule": _is(str), "visibility": _is(str), access_rules.FORCED: _is(bool)},
    classification.EVENT: {"level": _is(str)},
    "m.room.retention": {"max_lifetime": _is_length, "min_lifetime": _is_length},
    POWER_LEVELS: {
        **dict.fromkeys(DEFAULT_LEVELS, _is(int)),
        **dict.fromkeys(("users", "events", "notifications"), _is_levels),
    },
    "m.room.join_rules": {"join_rule": _is(str), "allow": _is_allowed},
    "m.room.history_visibility": {"history_visibility": _one_of("world_readable", "shared", "invited", "joined")},
    "m.room.guest_access": {"guest_access": _one_of("can_join", "forbidden")},
}
_REQUIRED = {
    "m.room.join_rules": "join_rule",
    "m.room.history_visibility": "history_visibility",
    "m.room.guest_access": "guest_access",
}
_CALLED = {access_rules.EVENT: "access rule", POWER_LEVELS: "power levels"}


def check(event_type: str, state_key: str, content: Mapping[str, Any], called: str | None = None) -> None:
    """`called`: what is wrong, in the refusal. Raises M_BAD_JSON. Fields that no rule reads may be anything."""
    if state_key:
        return  # no rule reads it
    called = called or _CALLED.get(event_type, event_type)
    for field, is_well_formed in FORMS.get(event_type, {}).items():
        if field in content and not is_well_formed(content[field]):
            raise BadRequest(f"Invalid {called}: `{field}` is not what it must be")
    if (field := _REQUIRED.get(event_type, "")) and field not in content:
        raise BadRequest(f"Invalid {called}: `{field}` is missing")


def check_all(state: Sequence[StateItem]) -> None:
    """Of a room that is made. Raises M_BAD_JSON."""
    for event_type, state_key, content in state:
        check(event_type, state_key, content)
