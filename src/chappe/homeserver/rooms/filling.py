"""Reading from other servers what is missing of a room's past, for as long as one request waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chappe.homeserver.rooms.live_room import LiveRoom

SECONDS = 10.0  # that one request waits for other servers, in all gaps together
MOST_PAGES = 10  # of one gap, for one request
# (room, the position of the event before which something is missing, or None; seconds to wait): whether there was some
Extend = Callable[[LiveRoom, int | None, float], Awaitable[bool]]


class Filling:
    """The time that one request may still spend on waiting. `extend` reads a page."""

    def __init__(self, extend: Extend, room: LiveRoom) -> None:
        self._extend, self._room = extend, room
        self._until = asyncio.get_running_loop().time() + SECONDS

    @property
    def is_over(self) -> bool:
        """Whether nothing more is waited for: what is missing may still come, and is read by the next request."""
        return asyncio.get_running_loop().time() >= self._until

    async def page(self, follower: int | None) -> bool:
        """Reads a page of what is missing before an event, by its position; None: before all. Whether some came in time."""
        left = self._until - asyncio.get_running_loop().time()
        return left > 0 and await self._extend(self._room, follower, left)

    async def pages(self, follower: int) -> None:
        """Reads pages of what is missing before an event, as long as some come: several servers may each have a part."""
        for _ in range(MOST_PAGES):
            if not await self.page(follower):
                break
