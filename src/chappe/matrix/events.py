"""Events as they travel between servers: building, hashing, identifying, signing, parsing (server-server API, "PDUs")."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any, cast

from chappe.matrix.canonical_json import canonical_json, check_canonical, check_tolerated
from chappe.matrix.errors import BadRequest, MatrixError
from chappe.matrix.identifiers import EventId, is_picture_url, is_user_id
from chappe.matrix.redaction import redact
from chappe.matrix.room_versions import RoomVersion
from chappe.matrix.signing import SigningKey, encode_base64, encode_base64_url, signed_bytes

Pdu = dict[str, Any]
MAX_EVENT_BYTES = 65_536
MAX_FIELD_BYTES = 255
NAMES = ("type", "state_key")
_EVENT_ID = re.compile(r"\$[A-Za-z0-9+/_-]{43}")  # of a hash, in either base64
_NOT_HASHED = ("unsigned", "signatures", "hashes")


def content_hash(pdu: Pdu) -> str:
    """The unpadded base64 SHA-256 over everything but `unsigned`, `signatures` and `hashes`."""
    return encode_base64(hashlib.sha256(canonical_json({k: v for k, v in pdu.items() if k not in _NOT_HASHED})).digest())


def reference_hash(pdu: Pdu, version: RoomVersion) -> bytes:
    """The SHA-256 of the redacted event: its identity."""
    redacted = redact(pdu, version)
    redacted.pop("signatures", None)
    redacted.pop("unsigned", None)
    redacted.pop("age_ts", None)
    return hashlib.sha256(canonical_json(redacted)).digest()


def event_id_of(pdu: Pdu, version: RoomVersion) -> EventId:
    """The event's id: its own field in versions 1 and 2, else its reference hash."""
    if version.event_id_format == "chosen":
        return EventId(pdu["event_id"])
    encode = encode_base64 if version.event_id_format == "base64" else encode_base64_url
    return EventId("$" + encode(reference_hash(pdu, version)))


def room_id_of_create(pdu: Pdu, version: RoomVersion) -> str:
    """Version 12: the room's id is the create event's reference hash."""
    return "!" + encode_base64_url(reference_hash(pdu, version))


def seal(pdu: Pdu, version: RoomVersion, server_name: str, key: SigningKey) -> EventId:
    """Adds `hashes` and this server's signature to a new event, in place, and returns its id.

    The content is hashed before redaction; the signature and the id cover the redacted form.
    """
    pdu["hashes"] = {"sha256": content_hash(pdu)}
    redacted = redact(pdu, version)
    redacted.pop("signatures", None)
    raw = canonical_json(redacted)
    pdu["signatures"] = {server_name: {key.key_id: key.sign(raw)}}
    if version.event_id_format == "chosen":
        return EventId(pdu["event_id"])
    digest = hashlib.sha256(raw).digest()
    return EventId("$" + (encode_base64 if version.event_id_format == "base64" else encode_base64_url)(digest))


def signed_form(pdu: Pdu, version: RoomVersion) -> bytes:
    """What servers sign of an event: its redacted form."""
    return signed_bytes(redact(pdu, version))


def check_content(content: Any, version: RoomVersion) -> None:
    """Raises M_BAD_JSON where a client's content breaks the room version's value rules."""
    if type(content) is not dict:
        raise BadRequest("The event's content must be a JSON object")
    (check_canonical if version.strict_canonical_json else check_tolerated)(content)


def check_picture(event_type: str, content: Mapping[str, Any]) -> None:
    """Raises M_INVALID_PARAM where a client gives a room another picture than a person may have (`is_picture_url`)."""
    url = content.get("url") if event_type == "m.room.avatar" else None
    if url is not None and not (type(url) is str and is_picture_url(url)):
        raise BadRequest("`url` must be an mxc:// address", "M_INVALID_PARAM")


def check_size(pdu: Pdu, raw: bytes, in_characters: Collection[str] = ()) -> None:
    """Raises M_TOO_LARGE beyond 65,536 bytes of canonical JSON or 255 bytes in a short field (client-server API,
    "Size limits"). `in_characters`: the fields of which characters are counted."""
    if len(raw) > MAX_EVENT_BYTES:
        raise _too_large(len(raw))
    for field in ("sender", "room_id", "state_key", "type", "event_id"):
        value = pdu.get(field)
        if value is None or _is_short(value) or (field in in_characters and len(value) <= MAX_FIELD_BYTES):
            continue
        raise MatrixError(413, "M_TOO_LARGE", f"The event's {field} is longer than {MAX_FIELD_BYTES} bytes")


def is_named_too_long(pdu: Pdu) -> bool:
    """Whether its type or state key has more than 255 bytes. In old rooms such events are there, and are rejected: for a long
    time servers counted characters, and what others built on them goes on."""
    return not all(_is_short(pdu.get(field, "")) for field in NAMES)


def _too_large(size: int) -> MatrixError:
    return MatrixError(413, "M_TOO_LARGE", f"The event has {size} bytes; the limit is {MAX_EVENT_BYTES}")


def parse_pdu(raw: Any, version: RoomVersion) -> Pdu:
    """Checks the format of an event from another server (a decoded JSON value) against its room version.

    Returns a copy without what peers may not set (`unsigned`, and `event_id` where ids are hashes). Raises BadRequest.
    """
    if type(raw) is not dict:
        raise BadRequest("An event must be a JSON object")
    pdu = {key: value for key, value in raw.items() if key not in ("unsigned", "age")}
    if version.event_ids_are_hashes:
        pdu.pop("event_id", None)
    elif type(pdu.get("event_id")) is not str:
        raise BadRequest("The event has no event_id")
    written = canonical_json(pdu)
    if len(written) > MAX_EVENT_BYTES:  # before its values are gone through
        raise _too_large(len(written))
    if version.strict_canonical_json:
        check_canonical(pdu)
    _check_fields(pdu, version)
    _check_references(pdu, version)
    if not 0 <= pdu["depth"] <= version.depth_limit:
        raise BadRequest("The event's depth is out of range")
    if any("\0" in name for name in _names(pdu, version)):
        raise BadRequest("The event's names and references must not hold U+0000")
    check_size(pdu, written, () if version.strict_name_sizes else NAMES)
    return pdu


def _check_fields(pdu: Pdu, version: RoomVersion) -> None:
    """Raises BadRequest where an event lacks a field, or one is of the wrong type."""
    for name, kind in _FIELDS.items():
        if type(pdu.get(name)) is not kind:
            raise BadRequest(f"The event's {name} is missing or of the wrong type")
    is_create_without_room = version.room_id_is_create_hash and pdu["type"] == "m.room.create"
    if is_create_without_room == ("room_id" in pdu) or not isinstance(pdu.get("room_id", ""), str):
        raise BadRequest("The event's room_id is missing or out of place")
    if "state_key" in pdu and type(pdu["state_key"]) is not str:
        raise BadRequest("The event's state_key must be a string")
    if not is_user_id(pdu["sender"]):
        raise BadRequest("The event's sender is not a user id")


def _check_references(pdu: Pdu, version: RoomVersion) -> None:
    """Raises BadRequest where an event does not cite others as its room version has it."""
    if len(pdu["prev_events"]) > 20 or len(pdu["auth_events"]) > 10:
        raise BadRequest("The event cites too many others")
    for name in ("prev_events", "auth_events"):
        if not all(is_reference(item, version) for item in pdu[name]):
            raise BadRequest(f"The event's {name} are malformed")


_FIELDS: dict[str, type] = {
    "type": str,
    "sender": str,
    "content": dict,
    "origin_server_ts": int,
    "depth": int,
    "prev_events": list,
    "auth_events": list,
    "hashes": dict,
    "signatures": dict,
}


def _names(pdu: Pdu, version: RoomVersion) -> list[str]:
    """By what an event is stored and found: no database can hold U+0000 in it."""
    content, fields = pdu["content"], ("type", "sender", "state_key", "room_id", "event_id", "redacts")
    named = [pdu.get(name) for name in fields]
    named += [content.get("redacts")] if pdu["type"] == "m.room.redaction" else []
    cited = [*references(pdu, "prev_events", version), *references(pdu, "auth_events", version)]
    return [name for name in named if type(name) is str] + [str(event_id) for event_id in cited]


def is_reference(item: Any, version: RoomVersion) -> bool:
    if version.event_ids_are_hashes:
        return type(item) is str and _is_short(item)
    return type(item) is list and len(item) == 2 and type(item[0]) is str and _is_short(item[0]) and type(item[1]) is dict


def may_be_event_id(text: str, version: RoomVersion) -> bool:
    """Whether an event of a room of this version can have such an id."""
    return _EVENT_ID.fullmatch(text) is not None if version.event_ids_are_hashes else ":" in text


def _is_short(name: str) -> bool:
    """No id is longer, and no index of the database holds what is much longer."""
    return len(name) * 4 <= MAX_FIELD_BYTES or len(name.encode()) <= MAX_FIELD_BYTES


def references(pdu: Pdu, field: str, version: RoomVersion) -> list[EventId]:
    """The ids in `prev_events` or `auth_events`, whichever form the version gives them."""
    if version.event_ids_are_hashes:
        return cast(list[EventId], pdu[field])
    return [EventId(item[0]) for item in pdu[field]]


def depth_after(depth: int, version: RoomVersion) -> int:
    """The depth of an event that follows one of `depth`. It never exceeds the room version's limit: everybody would refuse it."""
    return min(max(depth, 0) + 1, version.depth_limit)


def timestamp_of(pdu: Pdu) -> int:
    """`origin_server_ts` as it can be kept: room versions without strict numbers allow greater ones than 2^63 − 1."""
    return min(int(pdu["origin_server_ts"]), 2**63 - 1)


def redacts_of(pdu: Pdu, version: RoomVersion) -> EventId | None:
    """The event that an m.room.redaction names, at the place its room version has it. What is too long for an id names none."""
    value = pdu["content"].get("redacts") if version.redacts_in_content else pdu.get("redacts")
    return EventId(value) if type(value) is str and _is_short(value) else None
