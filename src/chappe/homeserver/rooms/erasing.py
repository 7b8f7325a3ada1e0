"""What was said and is to be gone for good: messages lose their content, and nobody is shown them any more. Their place in the
room's graph stays, as a redaction leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import orjson

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.load.breath import Breath
from chappe.homeserver.rooms.fragments import RedactionRow
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.registry import LiveRooms
from chappe.homeserver.rooms.room_event import ERASED
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.redaction import redact


class Erasable(Protocol):
    """An event as it is stored."""

    @property
    def event_id(self) -> str: ...
    @property
    def json(self) -> bytes: ...


async def erase_events(writer: GroupWriter, live: LiveRooms, room: LiveRoom, events: Sequence[Erasable]) -> None:
    """In one commit. `events`: of the room. What a legal hold concerns, the database keeps aside."""
    write, breath = Write(), Breath()
    write.touch_room(room.nid, "events")
    for event in events:
        await breath.take()
        left = canonical_json(redact(orjson.loads(event.json), room.version))
        write.add(RedactionRow(event_id=event.event_id, redacted_by=ERASED, json=left))
    await writer.submit(write)
    live.read_anew(room.nid)
