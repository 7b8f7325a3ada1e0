"""Receipts of other servers' people for events that have not come here yet.

A server sends events and receipts by different ways, and whoever has read what a third server said may be known here to have read
it before it is here. Such receipts wait, a bounded number of them, in memory: each is for the moment, and the next one replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.modules.receipts.receipts import READ, Receipts
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import Rooms

MOST_ROOMS, MOST_OF_ROOM = 1000, 100  # beyond, those go that have waited longest


@dataclass(frozen=True, slots=True)
class RemoteReceipt:
    """`thread`: as receipts have it; `ts`: what its server says, or when it came."""

    user_id: str
    thread: str
    event_id: str
    ts: int


class EarlyReceipts:
    def __init__(self, rooms: Rooms, receipts: Receipts, clock: Clock, tasks: Tasks) -> None:
        self._rooms, self._receipts, self._clock, self._tasks = rooms, receipts, clock, tasks
        self._waiting: dict[int, dict[tuple[str, str], RemoteReceipt]] = {}  # by room, and by user and thread
        clock.listen(self._heard)

    async def take(self, room: LiveRoom, receipt: RemoteReceipt) -> None:
        """Sets a receipt, now or once its event is here."""
        while True:
            seen = self._clock.watermark
            event = await self._rooms.timeline.find(room, receipt.event_id)
            if event is not None:
                await self._set(room, receipt, event.position)
                return
            if seen == self._clock.watermark:  # else it may have come while it was looked for
                self._keep(room.nid, receipt)
                return

    def _keep(self, number: int, receipt: RemoteReceipt) -> None:
        waiting = self._waiting.pop(number, {})
        self._waiting[number] = waiting
        waiting.pop((receipt.user_id, receipt.thread), None)
        waiting[receipt.user_id, receipt.thread] = receipt
        if len(waiting) > MOST_OF_ROOM:
            del waiting[next(iter(waiting))]
        if len(self._waiting) > MOST_ROOMS:
            del self._waiting[next(iter(self._waiting))]

    def _heard(self, commit: Commit) -> None:
        for number in self._waiting.keys() & commit.rooms.keys():
            if "events" in commit.rooms[number]:
                self._tasks.start(self._look(number), f"early receipts of room {number}")

    async def _look(self, number: int) -> None:
        """One statement for a room, whatever waits in it."""
        waiting = self._waiting.get(number, {})
        ids = {receipt.event_id for receipt in waiting.values()}
        here = {row.event_id: row.position for row in await self._rooms.store.events_by_id(number, list(ids))}
        room = await self._rooms.live.by_nid(number)
        for key, receipt in list(waiting.items()):
            if receipt.event_id in here and waiting.get(key) is receipt:
                del waiting[key]
                if receipt.user_id in room.joined:
                    await self._set(room, receipt, here[receipt.event_id])
        if not waiting and self._waiting.get(number) is waiting:
            del self._waiting[number]

    async def _set(self, room: LiveRoom, receipt: RemoteReceipt, position: int) -> None:
        await self._receipts.set(receipt.user_id, room.nid, READ, receipt.thread, receipt.event_id, position, receipt.ts)
