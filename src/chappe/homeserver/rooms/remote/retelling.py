"""Members of here are told anew what a room's state is, where some of it got its content late.

That is work for every reader, and for each of their clients, which one other server decides. So the members of a room are told at
once, and then once in a while of all that came meanwhile. What waits to be told is told when this process stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.renewal import RetoldWrite
from chappe.homeserver.rooms.rooms import Rooms

log = logging.getLogger(__name__)
EVERY = 600.0  # seconds
PATIENCE = 5.0  # seconds that this process waits for it when it stops
REMEMBERED = 1000  # rooms, beyond which those that may be told are forgotten


class Retelling:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._not_before: dict[int, float] = {}  # by room, in seconds of the event loop
        self._waiting: dict[int, asyncio.Task[None]] = {}

    async def tell_members(self, room: LiveRoom) -> None:
        """Tells the members of a room now; or later, together with what comes until then."""
        wait = self._not_before.get(room.nid, 0.0) - asyncio.get_running_loop().time()
        if wait <= 0:
            await self._tell_members_now(room.nid)
        elif room.nid not in self._waiting:
            self._waiting[room.nid] = asyncio.create_task(self._later(room.nid, wait), name="retelling")

    async def stop(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for task in waiting.values():
            task.cancel()
        await asyncio.gather(*waiting.values(), return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                for room_nid in waiting:
                    await self._tell_members_now(room_nid)

    async def _later(self, room_nid: int, wait: float) -> None:
        await asyncio.sleep(wait)
        self._waiting.pop(room_nid, None)
        await self._tell_members_now(room_nid)

    async def _tell_members_now(self, room_nid: int) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._not_before) >= REMEMBERED:
            self._not_before = {n: ts for n, ts in self._not_before.items() if ts > now}
        self._not_before[room_nid] = now + EVERY
        try:
            room = await self._rooms.live.by_nid(room_nid)
            if readers := [user for user in room.joined if self._rooms.is_hosted(user)]:
                await self._rooms.commit(RetoldWrite(room, readers))
        except Exception:  # the content is here: only what clients keep of the room is older
            log.exception("a room could not be told anew", extra={"fields": {"room": room_nid}})
