"""The classification of a room (`chappe.classification`): a marking that binds, not a label. Pure.

    {"level": "restricted"}

The levels are the installation's (`[[agency.classifications]]`), the lowest first; a room without the event is unmarked, below all
of them. A room's level is raised by whoever may set its state, and never lowered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chappe.agency.access_rules import UNRESTRICTED, RoomKind, StateItem
from chappe.config import Classification
from chappe.matrix.errors import BadRequest, Forbidden

EVENT = "chappe.classification"
DAY_MS = 86_400_000
CALLS = ("m.call.", "m.rtc.", "org.matrix.msc3401.call", "org.matrix.msc4075.")
NO_CALLS = "There are no calls in rooms of this level"
FILES = ("m.file", "m.image", "m.video", "m.audio")  # compared, not hashed: a client's value may be anything


class Levels:
    def __init__(self, levels: Sequence[Classification]) -> None:
        self.all = list(levels)
        self._ranks = {level.name: rank for rank, level in enumerate(levels, 1)}

    def of(self, content: Mapping[str, Any] | None) -> Classification | None:
        """By the content of a room's event: None for unmarked rooms, which have no such event. A level that nobody knows, or
        that is not here, is the strictest one."""
        if content is None or not self.all:
            return None
        name = content.get("level")
        rank = self._ranks.get(name) if type(name) is str else None
        return self.all[rank - 1] if rank is not None else self.all[-1]

    def check_change(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Classification:
        """The level that is set. Raises BadRequest for one that there is not, Forbidden for a lower one."""
        name = after.get("level")
        rank = self._ranks.get(name) if type(name) is str else None
        if rank is None:
            known = ", ".join(level.name for level in self.all) or "none"
            raise BadRequest(f"There is no such classification level: there is {known}", "M_INVALID_PARAM")
        old = self.of(before)
        if old is not None and self._ranks[old.name] > rank:
            raise Forbidden("A room's classification is not lowered: make another room")
        return self.all[rank - 1]


def check_room(level: Classification, kind: RoomKind, join_rule: str | None, history_visibility: str | None) -> None:
    """Whether a room may bear a level as it is. Raises Forbidden."""
    if kind.is_public:
        raise Forbidden("A forum bears no classification: whoever may enter may read it")
    if kind.is_forced_plain:
        raise Forbidden("A classified room is encrypted")
    if kind.rule == UNRESTRICTED and not level.guests:
        raise Forbidden("A room of this level is not open to guests")
    if join_rule == "public" and not level.link_sharing:
        raise Forbidden("A room of this level is not entered by a link")
    if history_visibility == "world_readable":
        raise Forbidden("A classified room is not read from outside")


def check_state(level: Classification, event_type: str, content: Mapping[str, Any]) -> None:
    """State of a room that bears a level. Raises Forbidden."""
    if event_type == "m.room.join_rules" and content.get("join_rule") == "public" and not level.link_sharing:
        raise Forbidden("A room of this level is not entered by a link")
    if event_type == "m.room.history_visibility" and content.get("history_visibility") == "world_readable":
        raise Forbidden("A classified room is not read from outside")
    if event_type == "im.vector.room.access_rules" and content.get("rule") == UNRESTRICTED and not level.guests:
        raise Forbidden("A room of this level is not open to guests")
    if event_type == "m.room.retention" and level.retention_days:
        lifetime = content.get("max_lifetime")
        if type(lifetime) is not int or not 0 < lifetime <= level.retention_days * DAY_MS:
            raise Forbidden(f"Messages of this level are kept for {level.retention_days} days at most")


def check_message(level: Classification, event_type: str, content: Mapping[str, Any]) -> None:
    """What is said, as far as it can be read: of encrypted messages it is the sender's client that knows. Raises Forbidden."""
    if not level.calls and event_type.startswith(CALLS):
        raise Forbidden(NO_CALLS)
    if event_type == "m.room.message" and content.get("msgtype") in FILES:
        info = content.get("info")
        kind = info.get("mimetype") if type(info) is dict else None
        if not level.files or (level.file_types and not _is_among(kind, level.file_types)):
            raise Forbidden("Files of this type are not sent in rooms of this level")


def shape(levels: Levels, kind: RoomKind, state: Sequence[StateItem]) -> list[StateItem]:
    """The state of a new room, with what its level asks for. Raises BadRequest, Forbidden."""
    given = {(event_type, key): content for event_type, key, content in state}
    wanted = given.get((EVENT, ""))
    if wanted is None:
        return list(state)
    level = levels.check_change(None, wanted)
    join_rule = given.get(("m.room.join_rules", ""), {}).get("join_rule")
    check_room(level, kind, join_rule, given.get(("m.room.history_visibility", ""), {}).get("history_visibility"))
    if level.retention_days:
        given.setdefault(("m.room.retention", ""), {"max_lifetime": level.retention_days * DAY_MS})
    for (event_type, key), content in given.items():
        if key == "":
            check_state(level, event_type, content)
    return [(event_type, key, content) for (event_type, key), content in given.items()]


def _is_among(kind: Any, patterns: Sequence[str]) -> bool:
    if type(kind) is not str:
        return False
    kind = kind.partition(";")[0].strip().lower()
    return any(kind == p or (p.endswith("/*") and kind.startswith(p[:-1])) for p in patterns)
