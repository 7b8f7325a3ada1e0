"""What packages are made of: rows and events as lines of JSON, files as they are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import orjson

from chappe.agency.records.bag import Bag
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.modules.media.media import ContentRepository, Media
from chappe.homeserver.rooms.store import BEGINNING
from chappe.homeserver.rooms.stretches import LAST, Span
from chappe.matrix.errors import NotFound

PAGE = 500
_UNSAFE = re.compile(r"[^\w.-]+")


def json_of(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str)


def lines_of(values: Iterable[Any]) -> bytes:
    return b"".join(orjson.dumps(value, default=str) + b"\n" for value in values)


class FileInPackage(Row):
    server_name: str
    media_id: str
    content_type: str
    file_name: str | None
    size: int
    sha256: bytes | None
    created_ts: int


class RecordedEvent(Row):
    position: int
    event_id: str
    json: bytes


async def events_of(
    database: Database, room_nid: int, sender: str | None = None, spans: Sequence[Span] = (Span(BEGINNING, LAST),)
) -> AsyncIterator[bytes]:
    """Every event of a room (of one sender), a line each, as the servers of the room hold it. `spans`: of the room's order."""
    for span in spans:
        after = span.low
        while rows := await read(
            database,
            RecordedEvent,
            """SELECT position, event_id, json FROM events WHERE room_nid = $1 AND position > $2 AND position <= $3
                  AND ($4::text IS NULL OR sender = $4) ORDER BY position LIMIT $5""",
            room_nid,
            after,
            span.high,
            sender,
            PAGE,
        ):
            yield b"".join(orjson.dumps({"event_id": row.event_id, "event": orjson.loads(row.json)}) + b"\n" for row in rows)
            after = rows[-1].position


async def add_files(bag: Bag, media: ContentRepository, rows: Sequence[FileInPackage]) -> list[dict[str, Any]]:
    """Files into `files/`, and a description of each.  What is missing or damaged is told."""
    described = []
    for row in rows:
        uri = f"mxc://{row.server_name}/{row.media_id}"
        name = f"files/{_UNSAFE.sub('_', row.server_name)}-{row.media_id}-{_UNSAFE.sub('_', row.file_name or 'file')[-80:]}"
        found = Media(row.server_name, row.media_id, row.content_type, row.file_name, row.size, row.sha256 or b"", False)
        about = {
            "uri": uri,
            "content_type": row.content_type,
            "size": row.size,
            "uploaded_ts": row.created_ts,
            "name": row.file_name,
        }
        try:
            await media.require_whole(found)
            await bag.add(name, media.content(found, 0, found.size))
            described.append({**about, "file": f"data/{name}"})
        except (FileNotFoundError, NotFound):
            described.append({**about, "missing": True})
    return described
