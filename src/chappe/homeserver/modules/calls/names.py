"""What rooms and participants are called in LiveKit (MSC4195): hashes, so that the SFU learns of nobody who they are. Pure.

A participant's name goes by the dialect in which the token was asked for. Others find media and keys by it: another form than the
client's own means media that nobody can decrypt.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode

from chappe.matrix.canonical_json import canonical_json

DEFAULT_SLOT = "m.call#ROOM"  # of what asks for no slot: the dialect before there were slots


def _hash(*parts: str) -> str:
    return b64encode(hashlib.sha256(canonical_json(list(parts))).digest()).decode().rstrip("=")


def livekit_alias(room_id: str, slot_id: str) -> str:
    """What a slot of a room is called."""
    return _hash(room_id, slot_id)


def identity_of_member(user_id: str, member_id: str) -> str:
    """The client-server API's and the server-server API's."""
    return _hash(user_id, member_id)


def identity_of_device(user_id: str, device_id: str, member_id: str) -> str:
    """Of `/get_token`, and of the client-server API as the text of July 2026 has it."""
    return _hash(user_id, device_id, member_id)


def plain_identity(user_id: str, device_id: str) -> str:
    """Of `/sfu/get`."""
    return f"{user_id}:{device_id}"
