"""Spaces: summaries of rooms, and walks through the tree (client-server API, "Spaces")."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from chappe.homeserver.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.homeserver.matrix.identifiers import is_server_name
from chappe.homeserver.rooms.join_rules import allowed_rooms, join_rule_of, may_know
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms

CHILD = "m.space.child"
MAX_DEPTH, MAX_ROOMS, MAX_PAGE = 10, 5000, 200
_TOKEN = re.compile(r"h([0-9]{1,6})_([0-9a-f]{16})")
_ORDER = re.compile(r"[\x20-\x7E]{1,50}")


def room_summary(room: LiveRoom) -> dict[str, Any]:
    """What may be told of a room to those who may know of it."""

    def text(event_type: str, field: str) -> str | None:
        event = room.state.get((event_type, ""))
        value = event.content.get(field) if event is not None else None
        return value if type(value) is str and value else None

    rule = join_rule_of(room)
    summary = {
        "room_id": room.room_id, "num_joined_members": len(room.joined), "join_rule": rule,
        "world_readable": room.history_visibility == "world_readable",
        "guest_can_join": text("m.room.guest_access", "guest_access") == "can_join", "name": text("m.room.name", "name"),
        "topic": text("m.room.topic", "topic"), "canonical_alias": text("m.room.canonical_alias", "alias"),
        "avatar_url": text("m.room.avatar", "url"), "room_type": text("m.room.create", "type"),
        "encryption": text("m.room.encryption", "algorithm"), "room_version": room.version.id,
        "allowed_room_ids": allowed_rooms(room) if rule in ("restricted", "knock_restricted") else None,
    }  # fmt: skip
    return {key: value for key, value in summary.items() if value is not None}


class Spaces:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def summary(self, user_id: str | None, room_id: str) -> dict[str, Any]:
        """Raises M_NOT_FOUND for rooms that are unknown, or that the asker may not know of: one answer for both."""
        room = await self._rooms.live.find(room_id)
        memberships: Mapping[int, Membership] = await self._rooms.memberships.of(user_id) if user_id else {}
        if room is None or not may_know(memberships, room):
            raise NotFound("There is no such room, or you may not see it")
        summary = room_summary(room)
        mine = memberships.get(room.number)
        if user_id is not None:
            summary["membership"] = mine.membership if mine is not None else "leave"
        return summary

    async def hierarchy(
        self, user_id: str, room_id: str, suggested_only: bool, limit: int, max_depth: int, start: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """(a page of rooms, depth first; the token of the next page). Raises M_FORBIDDEN, M_INVALID_PARAM for a foreign token."""
        memberships = await self._rooms.memberships.of(user_id)
        root = await self._rooms.live.find(room_id)
        if root is None or not may_know(memberships, root):
            raise Forbidden("There is no such space, or you may not see it")
        bound = hashlib.sha256(f"{user_id} {room_id} {suggested_only} {max_depth}".encode()).hexdigest()[:16]
        offset = 0
        if start:
            match = _TOKEN.fullmatch(start)
            if match is None or match[2] != bound:
                raise BadRequest("This token belongs to another question", "M_INVALID_PARAM")
            offset = int(match[1])
        found: list[dict[str, Any]] = []
        stack: list[tuple[str, int]] = [(room_id, 0)]
        seen: set[str] = set()
        while stack and len(seen) < MAX_ROOMS:
            name, depth = stack.pop()
            if name in seen:
                continue
            seen.add(name)
            room = await self._rooms.live.find(name)
            if room is None or not may_know(memberships, room):
                continue
            children = _children(room, suggested_only)
            if len(found) == offset + limit:
                return found[offset:], f"h{offset + limit}_{bound}"
            found.append({**room_summary(room), "children_state": [_stripped(c) for c in children]})
            if depth < max_depth:
                stack += [(c.key[1], depth + 1) for c in reversed(children)]
        return found[offset:], None


def _children(room: LiveRoom, suggested_only: bool) -> list[RoomEvent]:
    """The valid children of a space, in the order in which clients show them."""
    create = room.state.get(("m.room.create", ""))
    if create is None or create.content.get("type") != "m.space":
        return []
    children = [e for k, e in room.state.items() if k[0] == CHILD and k[1].startswith("!") and _is_valid(e)]
    if suggested_only:
        children = [e for e in children if e.content.get("suggested") is True]

    def place(event: RoomEvent) -> tuple[bool, str, int, str]:
        order = event.content.get("order")
        valid = type(order) is str and _ORDER.fullmatch(order) is not None
        return not valid, str(order) if valid else "", event.ts, event.key[1]

    return sorted(children, key=place)


def _is_valid(event: RoomEvent) -> bool:
    via = event.content.get("via")
    return type(via) is list and any(type(s) is str and is_server_name(s) for s in via)


def _stripped(event: RoomEvent) -> dict[str, Any]:
    return {
        "type": event.type, "state_key": event.state_key, "sender": event.sender, "content": event.content,
        "origin_server_ts": event.ts,
    }  # fmt: skip
