"""Memberships without a room: invitations and knocks where nobody of here is in the room, and how they ended.

They stand in no timeline. Whoever follows the log outward (pushes, application services) finds them here.
"""

from __future__ import annotations

from typing import NamedTuple

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms


class Beside(NamedTuple):
    """`position`: of the change; the event itself has none."""

    room: LiveRoom
    position: int
    event: RoomEvent


async def news_beside(rooms: Rooms, user_id: str, since: int, upto: int) -> list[Beside]:
    """What became of a user's memberships beside rooms in (since, upto], as it stands now."""
    found = []
    for m in (await rooms.memberships.of(user_id)).values():
        if m.is_beside and since < m.position <= upto:
            room = await rooms.live.by_nid(m.room_nid)
            event = room.beside(user_id)
            if event is not None:
                found.append(Beside(room, m.position, event))
    return found
