"""`event_format: "federation"` of a filter (client-server API, "Filtering"): events as they travel between servers.

Few clients ask for it, so that the answer is made as for everybody and its events are exchanged afterwards. Which events are
shown, and what of their content, has been decided by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.store import NOT_HELD_BACK
from chappe.matrix.filters import only_fields

_LISTS = ("timeline", "state", "state_after", "org.matrix.msc4222.state_after")
Event = dict[str, Any]


async def as_between_servers(rooms: Rooms, part: bytes, fields: Iterable[str] | None) -> bytes:
    """`part`: the members of `rooms` in an answer to /sync. `fields`: of the filter's `event_fields`."""
    value = orjson.loads(b"{%b}" % part)
    for membership in ("join", "leave"):
        for room_id, section in value.get(membership, {}).items():
            await _exchange(rooms, room_id, [section[n]["events"] for n in _LISTS if n in section], fields)
    return orjson.dumps(value)[1:-1]


async def _exchange(rooms: Rooms, room_id: str, lists: list[list[Event]], fields: Iterable[str] | None) -> None:
    room = await rooms.live.find_any(room_id)
    if room is None:
        return
    wanted = [event["event_id"] for events in lists for event in events]
    rows = await rooms.store.events_by_id(room.nid, wanted, NOT_HELD_BACK)
    raw = {row.event_id: row.json for row in rows}
    for events in lists:
        found = [_merged(raw.get(event["event_id"]), event) for event in events]
        events[:] = found if fields is None else [only_fields(event, fields) for event in found]


def _merged(raw: bytes | None, event: Event) -> Event:
    """The reader's content and `unsigned` hold: of an erased person's message nobody new gets more. An event of which there is no
    full form here, of a room that only an invitation has told of, stays as it is."""
    if raw is None:
        return event
    shown = {name: event[name] for name in ("event_id", "content", "unsigned") if name in event}
    return {**orjson.loads(raw), **shown}
