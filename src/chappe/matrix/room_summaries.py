"""What another server tells of rooms (published rooms, spaces), in the form in which it is read here and handed on.

Whatever has not the type that the specification gives it is left out: an answer may hold anything (server-server API,
"Public Room Directory", "Spaces").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chappe.matrix.identifiers import is_room_id

MOST_CHILDREN = 500  # of one space, as another server tells of it
_TEXTS = ("name", "topic", "canonical_alias", "avatar_url", "join_rule", "room_type", "encryption", "room_version")


def told_room(value: object) -> dict[str, Any] | None:
    """A room; None where nothing can be made of it. An unknown join rule lets nobody in."""
    if type(value) is not dict or not is_room_id(value.get("room_id")):
        return None
    members, allowed, children = (value.get(n) for n in ("num_joined_members", "allowed_room_ids", "children_state"))
    told: dict[str, Any] = {
        "room_id": value["room_id"],
        "num_joined_members": members if type(members) is int and members >= 0 else 0,
        "world_readable": value.get("world_readable") is True,
        "guest_can_join": value.get("guest_can_join") is True,
    }
    told |= {name: value[name] for name in _TEXTS if type(value.get(name)) is str}
    if type(value.get("join_rule")) not in (str, type(None)):
        told["join_rule"] = "private"
    if type(allowed) is list:
        told["allowed_room_ids"] = [room for room in allowed if is_room_id(room)]
    if type(children) is list:
        told["children_state"] = [c for c in map(_told_child, children[:MOST_CHILDREN]) if c is not None]
    return told


def told_space(answer: object, room_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """An answer to `/hierarchy`: (the space that was asked for, its children); None where it is another, or none."""
    if not isinstance(answer, Mapping):
        return None
    room = told_room(answer.get("room"))
    if room is None or room["room_id"] != room_id:
        return None
    return room, told_rooms(answer, "children", MOST_CHILDREN)


def told_rooms(answer: Mapping[str, Any], field: str, most: int | None = None) -> list[dict[str, Any]]:
    """The rooms of a list in an answer; none where there is no list. `most`: how many of the list are looked at."""
    listed = answer.get(field)
    return [room for room in map(told_room, listed[:most] if type(listed) is list else ()) if room is not None]


def _told_child(value: object) -> dict[str, Any] | None:
    """A stripped m.space.child."""
    if type(value) is not dict or not is_room_id(value.get("state_key")) or type(value.get("content")) is not dict:
        return None
    via, ts = value["content"].get("via"), value.get("origin_server_ts")
    if type(via) is not list or not all(type(server) is str for server in via):
        return None
    sender = value.get("sender")
    return {
        "type": "m.space.child",
        "state_key": value["state_key"],
        "content": value["content"],
        "sender": sender if type(sender) is str else "",
        "origin_server_ts": ts if type(ts) is int else 0,
    }
