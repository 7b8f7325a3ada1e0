"""Which servers may take part in a room (client-server API, "Server Access Control Lists"). Ports are not looked at."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.matrix.errors import Forbidden
from chappe.matrix.globs import Glob, is_pattern
from chappe.matrix.identifiers import host_of, is_ip_literal

REMEMBERED = 1_000_000  # entries of all lists together, and answers
HOSTS = 100  # of which one list remembers what it said
MOST_PATTERNS = 500  # that are neither a name, an ending, a beginning nor a part of one; each distinct one counts once


class _List:
    """`allow` or `deny`, sorted by form: names, endings, beginnings and parts are found at once, only the rest are patterns."""

    __slots__ = ("_beginnings", "_endings", "_names", "_parts", "_patterns", "has_too_many", "size")

    def __init__(self, entries: object) -> None:
        # Complex: the kinds of patterns must share out the entries without a rest, which their conditions show side by side
        texts = [e.lower() for e in entries if type(e) is str and e] if type(entries) is list else []
        self.size = len(texts)
        self._names = frozenset(text for text in texts if not is_pattern(text))
        patterns = list(dict.fromkeys(text for text in texts if is_pattern(text)))
        self._endings = tuple(p[1:] for p in patterns if p[0] == "*" and not is_pattern(p[1:]))
        self._beginnings = tuple(p[:-1] for p in patterns if p[-1] == "*" and not is_pattern(p[:-1]))
        rest = [p for p in patterns if is_pattern(p[1:]) and is_pattern(p[:-1])]
        self._parts = [p[1:-1] for p in rest if p[0] == p[-1] == "*" and not is_pattern(p[1:-1])]
        others = [p for p in rest if p[0] != "*" or p[-1] != "*" or is_pattern(p[1:-1])]
        self.has_too_many = len(others) > MOST_PATTERNS
        self._patterns = [Glob(p) for p in others[:MOST_PATTERNS]]

    def has(self, host: str) -> bool:
        return (
            host in self._names
            or host.endswith(self._endings)
            or host.startswith(self._beginnings)
            or any(part in host for part in self._parts)
            or any(pattern.matches(host) for pattern in self._patterns)
        )


class ServerAcl:
    """The content of an m.room.server_acl event, read once; a server that has been asked about is not looked for again.

    A list that denies more patterns than anybody writes lets nobody in: no server slips through what was not read.
    """

    __slots__ = ("_allow", "_deny", "_refuses_literals", "_said", "size")

    def __init__(self, content: dict[str, Any]) -> None:
        self._allow, self._deny = _List(content.get("allow")), _List(content.get("deny"))
        self._refuses_literals = content.get("allow_ip_literals") is False
        self._said: dict[str, bool] = {}
        self.size = HOSTS + self._allow.size + self._deny.size

    def allows(self, server_name: str) -> bool:
        """Whether a server may take part."""
        said = self._said.get(server_name)
        if said is None:
            if len(self._said) >= HOSTS:
                self._said.clear()
            said = self._said[server_name] = self._allows(host_of(server_name))
        return said

    def _allows(self, host: str) -> bool:
        if self._deny.has_too_many:
            return False
        if self._refuses_literals and is_ip_literal(host):
            return False
        return not self._deny.has(host) and self._allow.has(host)


class _Remembered:
    """The lists asked for last, by event and what it holds: bounded by what they hold together."""

    def __init__(self) -> None:
        self._by_event: OrderedDict[tuple[str, int], ServerAcl] = OrderedDict()
        self._size = 0

    def get(self, event: RoomEvent) -> ServerAcl:
        # A redaction changes what an event holds, and so does its content that comes late. Bytes remember their hash.
        key = event.event_id, hash(event.head)
        acl = self._by_event.get(key)
        if acl is not None:
            self._by_event.move_to_end(key)
            return acl
        acl = self._by_event[key] = ServerAcl(event.content)
        self._size += acl.size
        while self._size > REMEMBERED and len(self._by_event) > 1:
            self._size -= self._by_event.popitem(last=False)[1].size
        return acl


_remembered = _Remembered()


def require_allowed_by_acl(room: LiveRoom, server_name: str) -> None:
    """Raises M_FORBIDDEN."""
    event = room.state.get(("m.room.server_acl", ""))
    if event is not None and not _remembered.get(event).allows(server_name):
        raise Forbidden("This server may not take part in the room")
