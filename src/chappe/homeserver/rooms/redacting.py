"""Redactions: what is left of a redacted event, and what a person may redact."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from chappe.homeserver.rooms.create_event import Redaction
from chappe.homeserver.rooms.encryption import ENCRYPTION
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.client_events import client_event_head
from chappe.matrix.errors import Forbidden
from chappe.matrix.redaction import redact


def redaction_of(room: LiveRoom, event_id: str, raw: bytes) -> Redaction:
    """`raw`: the event as it is before."""
    pruned = redact(orjson.loads(raw), room.version)
    return Redaction(event_id, canonical_json(pruned), client_event_head(pruned, event_id, room.room_id, room.version))


def require_may_redact(user_id: str, target: RoomEvent, may_any: bool, never_redacted: Collection[str]) -> None:
    """`may_any`: the person has the power to redact other people's events. Raises M_FORBIDDEN."""
    if target.sender != user_id and not may_any:
        raise Forbidden("You may not redact other people's messages in this room")
    if target.type == "m.room.create":
        raise Forbidden("The creation of a room cannot be redacted")
    if target.state_key is not None and target.key == ENCRYPTION:
        raise Forbidden("A room's encryption cannot be taken back")
    if target.state_key is not None and target.type in never_redacted:
        raise Forbidden("The rules of a room are changed, not redacted")
