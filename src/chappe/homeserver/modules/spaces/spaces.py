"""Spaces: summaries of rooms, and walks through the tree (client-server API, "Spaces")."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.encryption import algorithm_of
from chappe.homeserver.rooms.join_rules import allowed_rooms, join_rule_of
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import is_server_name
from chappe.matrix.reader import Finds, Guest, Person, Reader

CHILD = "m.space.child"
MAX_DEPTH, MAX_ROOMS, MAX_PAGE = 10, 5000, 200
MOST_CHILDREN = 50
MOST_QUESTIONS = 100  # to other servers, in one walk: one answer tells of a space and all of its children
MOST_TOLD = 500  # rooms that one walk comes to by what other servers say
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
        "room_id": room.room_id,
        "num_joined_members": len(room.joined),
        "join_rule": rule,
        "world_readable": room.history_visibility == "world_readable",
        "guest_can_join": text("m.room.guest_access", "guest_access") == "can_join",
        "name": text("m.room.name", "name"),
        "topic": text("m.room.topic", "topic"),
        "canonical_alias": text("m.room.canonical_alias", "alias"),
        "avatar_url": text("m.room.avatar", "url"),
        "room_type": text("m.room.create", "type"),
        "encryption": algorithm_of(room.state.get),
        "room_version": room.version.id,
        "allowed_room_ids": allowed_rooms(room) if rule in ("restricted", "knock_restricted") else None,
    }
    return {key: value for key, value in summary.items() if value is not None}


Told = tuple[dict[str, Any], list[dict[str, Any]]]  # a room, its children (`matrix/room_summaries.py`)
AskServers = Callable[[str, str, list[str], bool], Awaitable[Told | None]]


@dataclass(slots=True)
class _Told:
    """What other servers have told on one walk, by room, how many more questions it may ask them, and to how many more rooms
    their word leads. `unknown`: of these nothing is known here."""

    rooms: dict[str, dict[str, Any]] = field(default_factory=dict)
    questions: int = MOST_QUESTIONS
    more: int = MOST_TOLD
    unknown: set[str] = field(default_factory=set)


class Spaces:
    def __init__(self, rooms: Rooms, aliases: Aliases, ask_servers: AskServers | None = None) -> None:
        """`ask_servers`: (who asks, room, servers that may know it, only suggested children) → their answer."""
        self._rooms, self._aliases, self._ask_servers = rooms, aliases, ask_servers

    async def for_server(self, reader: Reader, room_id: str, suggested_only: bool) -> dict[str, Any]:
        """A room and its children, as far as any user of another server may know of them: one level. Raises M_NOT_FOUND."""
        room = await self._rooms.live.find(room_id)
        if room is None or not await self._rooms.sight.knows(reader, room):
            raise NotFound("There is no such room, or your server may not see it")
        children, hidden = [], []
        listed = _children(room, suggested_only)[:MOST_CHILDREN]
        for event in listed:
            child = await self._rooms.live.find(event.key[1])
            if child is None or not self._rooms.servers.has_own_member(child):
                continue  # unknown is not hidden
            if await self._rooms.sight.knows(reader, child):
                children.append(room_summary(child))
            else:
                hidden.append(child.room_id)
        shown = {**room_summary(room), "children_state": [_stripped(c) for c in listed]}
        await self._aliases.hide_gone([shown, *children])
        return {"room": shown, "children": children, "inaccessible_children": hidden}

    async def _elsewhere(
        self, reader: Person | Guest, room_id: str, via: list[str], suggested_only: bool, told: _Told
    ) -> dict[str, Any] | None:
        """A room that nobody here is in, as another server tells of it; `told`: what was learnt on the way."""
        summary = told.rooms.get(room_id)
        if summary is None or (summary.get("room_type") == "m.space" and "children_state" not in summary):
            summary = await self._asked(reader, room_id, via, suggested_only, told) or summary
        if summary is None:
            return None
        allowed = summary.get("allowed_room_ids", ())
        memberships = await self._rooms.memberships.of(reader.user_id)
        own_rooms = {m.room_id for m in memberships.values() if m.membership in ("join", "invite")}
        if room_id in own_rooms:
            return summary
        if self._rooms.sight.finds(reader) is not Finds.PUBLISHED:
            return None
        if summary.get("join_rule", "public") in ("public", "knock", "knock_restricted") or summary.get("world_readable"):
            return summary
        return summary if not own_rooms.isdisjoint(allowed) else None

    async def _asked(
        self, reader: Person | Guest, room_id: str, via: list[str], suggested_only: bool, told: _Told
    ) -> dict[str, Any] | None:
        """What other servers say of a room. What they say of those in it is noted; None where they are not asked, or do not know."""
        if self._ask_servers is None or not via or not told.questions:
            return None
        told.questions -= 1
        answer = await self._ask_servers(reader.user_id, room_id, via, suggested_only)
        if answer is None:
            return None
        summary, children = answer
        for child in children:
            told.rooms.setdefault(child["room_id"], child)
        return summary

    async def summary(self, reader: Reader, room_id: str) -> dict[str, Any]:
        """Raises M_NOT_FOUND for rooms that are unknown, or that the reader may not know of: one answer for both."""
        room = await self._rooms.live.find(room_id)
        if room is None or not await self._rooms.sight.knows(reader, room):
            raise NotFound("There is no such room, or you may not see it")
        summary = room_summary(room)
        await self._aliases.hide_gone([summary])
        if isinstance(reader, Person | Guest):
            mine = (await self._rooms.memberships.of(reader.user_id)).get(room.nid)
            summary["membership"] = mine.membership if mine is not None else "leave"
        return summary

    async def hierarchy(
        self,
        reader: Person | Guest,
        room_id: str,
        suggested_only: bool,
        limit: int,
        max_depth: int,
        start: str | None,
        via: list[str],
    ) -> tuple[list[dict[str, Any]], str | None]:
        """(a page of rooms, depth first; the token of the next page). Raises M_FORBIDDEN, M_INVALID_PARAM for a foreign token."""
        root = await self._rooms.live.find(room_id)
        if root is not None and self._is_here(root) and not await self._rooms.sight.knows(reader, root):
            raise Forbidden("There is no such space, or you may not see it")
        bound = hashlib.sha256(f"{reader.user_id} {room_id} {suggested_only} {max_depth}".encode()).hexdigest()[:16]
        offset = 0
        if start:
            match = _TOKEN.fullmatch(start)
            if match is None or match[2] != bound:
                raise BadRequest("This token belongs to another question", "M_INVALID_PARAM")
            offset = int(match[1])
        found: list[dict[str, Any]] = []
        stack: list[tuple[str, int, list[str]]] = [(room_id, 0, via)]
        seen: set[str] = set()
        told = _Told()
        while stack and len(seen) < MAX_ROOMS:
            name, depth, servers = stack.pop()
            if name in seen:
                continue
            seen.add(name)
            entry = await self._entry(reader, name, servers, suggested_only, told)
            if entry is None and depth == 0:
                raise Forbidden("There is no such space, or you may not see it")
            if entry is None:
                continue
            if len(found) == offset + limit:
                return await self._page(found[offset:]), f"h{offset + limit}_{bound}"
            found.append(entry)
            if depth < max_depth:
                children = await self._children_of(entry, seen, told)
                stack += [(c["state_key"], depth + 1, c["content"]["via"]) for c in reversed(children)]
        return await self._page(found[offset:]), None

    async def _page(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        await self._aliases.hide_gone(entries)
        return entries

    async def _children_of(self, entry: dict[str, Any], seen: set[str], told: _Told) -> list[dict[str, Any]]:
        """Where a walk goes on from a room. Which of them are not known here is found out together."""
        children = [c for c in entry["children_state"] if c["state_key"] not in seen]
        names = {c["state_key"] for c in children}
        told.unknown |= names - await self._rooms.live.known(names)
        return children

    async def _entry(
        self, reader: Person | Guest, room_id: str, via: list[str], suggested_only: bool, told: _Told
    ) -> dict[str, Any] | None:
        """What the reader may know of a room, with its children."""
        room = await self._rooms.live.find(room_id) if room_id not in told.unknown else None
        if room is not None and self._is_here(room):
            if not await self._rooms.sight.knows(reader, room):
                return None
            return {**room_summary(room), "children_state": [_stripped(c) for c in _children(room, suggested_only)]}
        summary = await self._elsewhere(reader, room_id, via, suggested_only, told)
        if summary is None:
            return None
        children = summary.get("children_state", [])[: told.more]
        told.more -= len(children)
        return {**summary, "children_state": children}

    def _is_here(self, room: LiveRoom) -> bool:
        return not room.is_federated or self._rooms.servers.has_own_member(room)


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
    return type(via) is list and any(is_server_name(s) for s in via)


def _stripped(event: RoomEvent) -> dict[str, Any]:
    return {
        "type": event.type,
        "state_key": event.state_key,
        "sender": event.sender,
        "content": event.content,
        "origin_server_ts": event.ts,
    }
