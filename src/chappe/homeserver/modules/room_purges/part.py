"""The deletion of rooms, and of what was said in them, as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.homeserver.actions.delete_room import DeleteRoom
from chappe.homeserver.actions.purge_history import PurgeHistory
from chappe.homeserver.actions.shut_down_room import ShutDownRoom
from chappe.homeserver.actions.unlist_room import UnlistRoom
from chappe.homeserver.modules.room_purges.room_purges import RoomPurges
from chappe.homeserver.modules.room_purges.tables import TABLES
from chappe.homeserver.part import Job, Part

RESUME_EVERY = 5  # seconds


def runs(delete_room: DeleteRoom) -> Iterator[Job]:
    yield Job("room purges", RESUME_EVERY, delete_room.resume)


PART = Part("room purges", gives=(UnlistRoom, ShutDownRoom, RoomPurges, DeleteRoom, PurgeHistory), tables=TABLES, runs=runs)
