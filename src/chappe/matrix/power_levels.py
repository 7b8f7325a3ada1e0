"""Power levels: who may do what (client-server API, `m.room.power_levels`; room versions 10 and 12 for their changes)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from chappe.matrix.room_versions import RoomVersion

CREATOR_POWER = math.inf
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")  # what Python's int() takes beyond (1_000, other scripts' digits) is none
DEFAULT_LEVELS = {
    "users_default": 0,
    "events_default": 0,
    "state_default": 50,
    "ban": 50,
    "redact": 50,
    "kick": 50,
    "invite": 0,
}


def parse_level(value: object, version: RoomVersion) -> int | None:
    """A power level as its room version reads it, or None for what is not one.

    Up to version 9 strings such as " +07 " count, up to version 5 floats too.
    """
    if type(value) is int:
        return value
    if version.integer_power_levels:
        return None
    if type(value) is str:
        return int(value) if _INTEGER.fullmatch(value) and len(value) <= 4000 else None
    if type(value) is float and not version.strict_canonical_json and math.isfinite(value):
        return int(value)
    return None


class PowerLevels:
    """The levels in force: of an m.room.power_levels content, or (None) of a room that has none.

    `creators`: the sender of the create event, with `additional_creators` where the version has privileged creators.
    """

    __slots__ = ("_content", "_creators", "_version")

    def __init__(self, version: RoomVersion, content: Mapping[str, Any] | None, creators: frozenset[str]) -> None:
        self._version, self._content, self._creators = version, content, creators

    def _map(self, name: str) -> Mapping[str, Any]:
        value = self._content.get(name) if self._content is not None else None
        return value if type(value) is dict else {}

    def level(self, name: str) -> int:
        """The level of `ban`, `kick`, `invite`, `redact`, `state_default`, `events_default` or `users_default`."""
        if self._content is None:
            return DEFAULT_LEVELS[name]
        found = parse_level(self._content.get(name), self._version)
        return DEFAULT_LEVELS[name] if found is None else found

    def of(self, user_id: str) -> float:
        """A user's power: infinite for a creator in version 12."""
        if user_id in self._creators:
            if self._version.privileged_creators:
                return CREATOR_POWER
            if self._content is None:
                return 100
        found = parse_level(self._map("users").get(user_id), self._version)
        return self.level("users_default") if found is None else found

    def required(self, event_type: str, is_state: bool) -> int:
        """The power needed to send an event of this type."""
        found = parse_level(self._map("events").get(event_type), self._version)
        if found is not None:
            return found
        return self.level("state_default" if is_state else "events_default")

    def notification(self, name: str) -> int:
        """The power needed for a notification such as `room` (@room): 50 where nothing is said."""
        found = parse_level(self._map("notifications").get(name), self._version)
        return 50 if found is None else found
