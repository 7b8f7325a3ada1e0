"""The numbers of new events."""

from __future__ import annotations

import asyncio

from chappe.homeserver.rooms.store import RoomStore

NUMBER_BLOCK = 10_000


class EventNumbers:
    """Numbers for new events, taken from the database in blocks so that building an event asks nothing."""

    def __init__(self, store: RoomStore) -> None:
        self._store = store
        self._next = self._end = 0
        self._reserve = 0
        self._fetching: asyncio.Lock = asyncio.Lock()

    async def take(self, count: int) -> tuple[int, ...]:
        """Strictly increasing numbers, with gaps."""
        if self._end - self._next < count:
            return await self._take_more(count)
        first = self._next
        self._next += count
        return tuple(range(first, first + count))

    async def _take_more(self, count: int) -> tuple[int, ...]:
        async with self._fetching:
            taken: list[int] = []
            while True:
                part = range(self._next, min(self._end, self._next + count - len(taken)))
                taken += part
                self._next += len(part)
                if len(taken) == count:
                    return tuple(taken)
                start = await self._store.event_number_block()
                self._next, self._end = start, start + NUMBER_BLOCK
