"""A session that a client backs up: the form in which it is sent, how much it may hold, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import orjson

from chappe.matrix.errors import BadRequest, MatrixError
from chappe.matrix.identifiers import parse_room_id

MAX_SESSION_BYTES = 8192  # of its encrypted data: clients send some 700


class BackedUpSession(msgspec.Struct):
    """KeyBackupData. Raises nothing: the body parser checks it."""

    first_message_index: int
    forwarded_count: int
    is_verified: bool
    session_data: dict[str, Any]


class RoomSessions(msgspec.Struct):
    sessions: dict[str, BackedUpSession]


class AllSessions(msgspec.Struct):
    rooms: dict[str, RoomSessions]


def rows_of(rooms: Mapping[str, Mapping[str, BackedUpSession]]) -> Iterable[tuple[Any, ...]]:
    for room_id, sessions in rooms.items():
        parse_room_id(room_id)
        for session_id, session in sessions.items():
            if not 0 <= session.first_message_index < 2**53 or not 0 <= session.forwarded_count < 2**53:
                raise BadRequest("A session's counts are out of range")
            data = orjson.dumps(session.session_data)
            if len(data) > MAX_SESSION_BYTES:
                raise MatrixError(413, "M_TOO_LARGE", f"The data of a session may have {MAX_SESSION_BYTES} bytes")
            yield (room_id, session_id, session.first_message_index, session.forwarded_count, session.is_verified, data)
