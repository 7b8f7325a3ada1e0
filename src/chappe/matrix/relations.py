"""Relations between events (client-server API, "Forming relationships between events")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REPLACE, THREAD, REFERENCE, ANNOTATION = "m.replace", "m.thread", "m.reference", "m.annotation"
BUNDLED = (REPLACE, REFERENCE, THREAD)  # told with the event to which they relate; reactions are not
MAX_TYPE = 255


@dataclass(frozen=True, slots=True)
class Relation:
    """What an event says of another. `key`: of an annotation, the reaction itself."""

    rel_type: str
    target: str
    key: str | None


def relation_of(content: Mapping[str, Any]) -> Relation | None:
    """None where there is none, or a malformed one. A plain reply is no relation in this sense."""
    relates_to = content.get("m.relates_to")
    if type(relates_to) is not dict:
        return None
    rel_type, target, key = relates_to.get("rel_type"), relates_to.get("event_id"), relates_to.get("key")
    if type(rel_type) is not str or type(target) is not str or not target.startswith("$") or not rel_type:
        return None
    if len(rel_type) > MAX_TYPE or len(target) > MAX_TYPE or "\0" in rel_type + target:
        return None
    return Relation(rel_type, target, key if type(key) is str and "\0" not in key else None)


def is_valid_edit(original: Mapping[str, Any], edit: Mapping[str, Any]) -> bool:
    """Whether an m.replace counts: same sender and type, neither a state event, not an edit of an edit, new content."""
    if original["type"] != edit["type"] or original["sender"] != edit["sender"]:
        return False
    if "state_key" in original or "state_key" in edit:
        return False
    before = relation_of(original["content"])
    if before is not None and before.rel_type == REPLACE:
        return False
    return edit["type"] == "m.room.encrypted" or type(edit["content"].get("m.new_content")) is dict
