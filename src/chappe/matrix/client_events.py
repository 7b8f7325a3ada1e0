"""Events as clients see them, made of those that travel between servers (client-server API, "Room event format")."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
import orjson

from chappe.matrix.events import Pdu, redacts_of
from chappe.matrix.room_versions import RoomVersion

_NOT_FOR_CLIENTS = frozenset(
    ("auth_events", "prev_events", "depth", "hashes", "signatures", "unsigned", "origin", "prev_state", "membership")
)


def client_event(pdu: Pdu, event_id: str, room_id: str, version: RoomVersion) -> dict[str, Any]:
    """The form clients see, without `unsigned`. `redacts` stands in both places that clients look at."""
    event = {key: value for key, value in pdu.items() if key not in _NOT_FOR_CLIENTS}
    event["event_id"], event["room_id"] = event_id, room_id
    if pdu["type"] == "m.room.redaction":
        target = redacts_of(pdu, version)
        if target is not None:
            event["redacts"] = target
            event["content"] = {**pdu["content"], "redacts": target}
    return event


def client_event_head(pdu: Pdu, event_id: str, room_id: str, version: RoomVersion) -> bytes:
    """The bytes of `client_event` without the closing brace, so that each reader's `unsigned` can be spliced in."""
    return orjson.dumps(client_event(pdu, event_id, room_id, version))[:-1]


class _WithContent(msgspec.Struct):
    content: msgspec.Raw


_decode_parts = msgspec.json.Decoder(_WithContent).decode
_quoted = lru_cache(maxsize=4096)(orjson.dumps)


def stored_client_event_head(
    raw: bytes, event_type: str, sender: str, state_key: str | None, ts: int, event_id: str, room_id: str
) -> bytes:
    """`client_event_head` of an event whose fields are at hand: of its JSON only the content is looked at, not read."""
    head = b'{"content":%b,"event_id":%b,"origin_server_ts":%d,"room_id":%b,"sender":%b,"type":%b' % (
        bytes(_decode_parts(raw).content),
        orjson.dumps(event_id),
        ts,
        _quoted(room_id),
        _quoted(sender),
        _quoted(event_type),
    )
    return head if state_key is None else head + b',"state_key":' + orjson.dumps(state_key)
