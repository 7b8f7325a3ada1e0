"""What is entered into the search index of an event: its place, the words of what it says today, and the edit that they are of."""

from __future__ import annotations

from typing import Any

import orjson

from chappe.homeserver.database.rows import Row
from chappe.homeserver.load.breath import Breath
from chappe.matrix.search_lexemes import Vector

KEYS = {"content.body": "m.room.message", "content.name": "m.room.name", "content.topic": "m.room.topic"}
MAX_TEXT = 20_000  # characters of one message
PART, BETWEEN_WORDS = 1000, " \n、。，"  # characters that are split before others have their turn; where no word is cut
# a row of the index: its place, its words, the edit that they are of
Entry = tuple[int, int, int, int, str, str, str, str | None]


class EventToIndex(Row):
    nid: int
    room_nid: int
    position: int
    ts: int
    sender: str
    type: str
    json: bytes


class EventWithEdit(EventToIndex):
    """`edit`: the id of the latest edit by its own author, with what that says."""

    edit: str | None
    edit_json: bytes | None


def place_of(row: EventToIndex) -> tuple[int, int, int, int, str, str]:
    return row.nid, row.room_nid, row.position, row.ts, row.sender, row.type


def text_of(event_type: str, content: dict[str, Any]) -> str | None:
    key = next(k for k, kind in KEYS.items() if kind == event_type).split(".")[1]
    value = content.get(key)
    return value[:MAX_TEXT] if type(value) is str else None


async def entry_of(row: EventWithEdit, breath: Breath) -> Entry:
    """A row of the index, of what reads so today."""
    new = orjson.loads(row.edit_json)["content"].get("m.new_content") if row.edit_json is not None else None
    text = text_of(row.type, new) if type(new) is dict else None
    edit = row.edit if text is not None else None
    text = text or text_of(row.type, orjson.loads(row.json)["content"])
    return (*place_of(row), await words_of(text or "", breath), edit)


async def words_of(text: str, breath: Breath) -> str:
    words, start = Vector(), 0
    while start < len(text):
        end = start + PART
        if end < len(text) and (between := max(text.rfind(sign, start, end) for sign in BETWEEN_WORDS)) > start:
            end = between
        words.add(text[start:end])
        start = end
        await breath.take()
    return str(words)
