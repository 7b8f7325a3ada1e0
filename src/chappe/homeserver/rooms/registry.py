"""The live rooms of this process: loaded on demand, bounded, told what other processes commit."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable
from itertools import islice

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.rows import Row, find
from chappe.homeserver.load.tasks import SharedWork, Tasks
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.store import RoomStore
from chappe.matrix.errors import NotFound
from chappe.matrix.room_versions import ROOM_VERSIONS

READ_AT_ONCE = 6
LOOKED_AT = 100  # of the longest unused rooms, when some must go


class RoomVersionRow(Row):
    room_id: str
    version: str


class LiveRooms:
    """`limit`: how many are kept; the least recently used go first, never one with writes under way."""

    def __init__(self, store: RoomStore, clock: Clock, tasks: Tasks, limit: int) -> None:
        self._store, self._limit = store, limit
        self._by_nid: OrderedDict[int, LiveRoom] = OrderedDict()
        self._numbers: dict[str, int] = {}
        self._loading = SharedWork[int, LiveRoom](tasks, "reading a room")
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        if commit.foreign:
            for room_nid in commit.rooms:
                self.read_anew(room_nid)

    def read_anew(self, room_nid: int) -> None:
        """Its rows were changed by other means than a write of its own."""
        if (room := self._by_nid.get(room_nid)) is not None:
            room.make_stale()
            room.reset()

    async def find(self, room_id: str) -> LiveRoom | None:
        """The room, fresh, or None where this installation does not know it (an invitation to it is not enough)."""
        room = await self.find_any(room_id)
        return None if room is None or room.is_stub else room

    async def find_any(self, room_id: str) -> LiveRoom | None:
        """The same, with those of which only invitations are known."""
        room_nid = self._numbers.get(room_id)
        if room_nid is None:
            room_nid = await self._store.nid_of(room_id)
            if room_nid is None:
                return None
            self._numbers[room_id] = room_nid
        room = await self.by_nid(room_nid)
        if room.exists:
            return room
        self.discard(room)
        return None  # it was here, and has been purged

    async def known(self, room_ids: Collection[str]) -> set[str]:
        """Those of some rooms that `find_any` would look for further. At most one statement."""
        asked = [room_id for room_id in room_ids if room_id not in self._numbers]
        found = await self._store.nids_of(asked) if asked else {}
        return {room_id for room_id in room_ids if room_id in self._numbers or room_id in found}

    async def require(self, room_id: str) -> LiveRoom:
        """Raises M_NOT_FOUND for an unknown room."""
        room = await self.find(room_id)
        if room is None:
            raise NotFound("This room is not known here")
        return room

    async def by_nid(self, room_nid: int) -> LiveRoom:
        room = self._by_nid.get(room_nid)
        if room is None:
            room = await self._loading.result(room_nid, lambda: self._load(room_nid))
        else:
            self._by_nid.move_to_end(room_nid)
        while room.stale:
            await room.reload()
        return room

    async def many(self, room_nids: Iterable[int]) -> dict[int, LiveRoom]:
        """By nid, in the order given; those that are not in memory are read a few at a time."""
        found: dict[int, LiveRoom | None] = {}
        missing = []
        for room_nid in room_nids:
            room = self._by_nid.get(room_nid)
            found[room_nid] = room if room is not None and not room.stale else None
            if found[room_nid] is None:
                missing.append(room_nid)
        queue = iter(missing)

        async def work() -> None:
            for room_nid in queue:
                found[room_nid] = await self.by_nid(room_nid)

        if missing:
            await asyncio.gather(*(work() for _ in range(min(READ_AT_ONCE, len(missing)))))
        return {room_nid: room for room_nid, room in found.items() if room is not None}

    async def _load(self, room_nid: int) -> LiveRoom:
        row = await find(
            self._store.database, RoomVersionRow, "SELECT room_id, version FROM rooms WHERE room_nid = $1", room_nid
        )
        if row is None:
            raise NotFound("This room is not known here")
        room = LiveRoom(room_nid, row.room_id, ROOM_VERSIONS[row.version], self._store.database)
        self.add(room)
        return room

    def add(self, room: LiveRoom) -> None:
        self._by_nid[room.nid] = room
        self._numbers[room.room_id] = room.nid
        excess = len(self._by_nid) - self._limit
        for room_nid, old in list(islice(self._by_nid.items(), LOOKED_AT + excess)) if excess > 0 else ():
            if old.pending == 0 and old is not room:
                del self._by_nid[room_nid]
                self._numbers.pop(old.room_id, None)
                excess -= 1
                if excess == 0:
                    break

    def discard(self, room: LiveRoom) -> None:
        """A room whose creation failed, or that has been purged."""
        self._by_nid.pop(room.nid, None)
        self._numbers.pop(room.room_id, None)

    def live(self, room_nid: int) -> LiveRoom | None:
        """The room if it is in memory, fresh or not: for waking its members."""
        return self._by_nid.get(room_nid)

    def in_memory(self, room_nids: Iterable[int]) -> list[LiveRoom]:
        """Those of some rooms that are in memory, fresh or not."""
        return [room for nid in room_nids if (room := self._by_nid.get(nid)) is not None]

    def __len__(self) -> int:
        return len(self._by_nid)
