"""The first join of a room's creator, which anybody may write at any time ("Authorization rules": allowed where m.room.create is
its only previous event).

State resolution has to take such an event as the rules say, as all servers do. The state by which this server judges, and which
it shows, leaves it out: once somebody has been in the room, nobody comes in by that exception, and nobody is named by it.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.states import States
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.remote.stored_pdu import SOFT_FAILED
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.state_tree_reader import Difference
from chappe.matrix.event_auth import CREATE

MEMBER = "m.room.member"


async def leave_out_first_joins(
    store: RemoteStore, states: States, room: LiveRoom, root: bytes, difference: Difference, events: Mapping[int, RoomEvent]
) -> tuple[bytes, Difference]:
    """Takes such joins out of the state that a room is to get: what was under their keys stays. Returns its root and difference.

    They are joins that somebody else has written for the creator, and the creator's own that the present state has refused (they
    were removed since).
    """
    create = room.get(CREATE)
    suspects = _suspects(create, difference, events) if create is not None else {}
    if not suspects or create is None:
        return root, difference
    known = await store.stored_pdus_by_nid([event.nid for event in suspects.values()])
    pdus = await store.pdus(list(known))
    kept: dict[bytes, int | None] = {}
    for key, event in suspects.items():
        row = known.get(event.nid)
        if row is None or (event.sender == event.state_key and row.status != SOFT_FAILED):
            continue
        prev = orjson.loads(pdus[event.nid])["prev_events"]
        if [item if type(item) is str else item[0] for item in prev] == [create.event_id]:
            kept[key] = difference[key][0]
    if not kept:
        return root, difference
    return await states.store(room.nid, root, kept), {k: v for k, v in difference.items() if k not in kept}


def _suspects(create: RoomEvent, difference: Difference, events: Mapping[int, RoomEvent]) -> dict[bytes, RoomEvent]:
    """By key, what may be such a join."""
    suspects = {}
    for key, (_, now) in difference.items():
        event = events.get(now or -1)
        if event is None or event.type != MEMBER or event.membership != "join":
            continue
        if event.sender != event.state_key or event.state_key in (create.sender, create.content.get("creator")):
            suspects[key] = event
    return suspects
