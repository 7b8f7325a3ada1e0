"""Which servers may take part in a room (client-server API, "Server Access Control Lists"). Ports are not looked at."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from chappe.homeserver.matrix.errors import Forbidden
from chappe.homeserver.matrix.identifiers import is_ip_literal, split_server_name
from chappe.homeserver.rooms.live_room import LiveRoom


def is_allowed(acl: dict[str, Any], server_name: str) -> bool:
    """Whether the content of an m.room.server_acl event lets a server take part."""
    host = split_server_name(server_name)[0].lower()
    if acl.get("allow_ip_literals") is False and is_ip_literal(host):
        return False
    return not _matches(acl.get("deny"), host) and _matches(acl.get("allow"), host)


def _matches(patterns: object, host: str) -> bool:
    if type(patterns) is not list:
        return False
    return any(type(p) is str and re.fullmatch(_glob(p.lower()), host) is not None for p in patterns)


def _glob(pattern: str) -> str:
    """Only `*` and `?` mean something: a bracket is one."""
    return fnmatch.translate(pattern.replace("[", "[[]")) if pattern else "(?!)"


def require_allowed_by_acl(room: LiveRoom, server_name: str) -> None:
    """Raises M_FORBIDDEN."""
    acl = room.state.get(("m.room.server_acl", ""))
    if acl is not None and not is_allowed(acl.content, server_name):
        raise Forbidden("This server may not take part in the room")
