"""Who waits for news, and how many at once: a client that asks again has lost its earlier request.

Beyond what a device, an account or everybody together may have waiting, the longest waiting request is answered at once,
as if its time were up. What one account has composed at the same time is bounded too: the others get their turn between.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

COMPOSED_AT_ONCE = 4  # answers of one account


@dataclass(frozen=True, slots=True)
class MostWaiting:
    per_device: int = 4
    per_account: int = 50
    in_all: int = 50_000


class Poll:
    """One waiting request. `is_over`: it made room for others."""

    __slots__ = ("device_id", "future", "is_over", "user_id")

    def __init__(self, user_id: str, device_id: str) -> None:
        self.user_id, self.device_id, self.is_over = user_id, device_id, False
        self.future: asyncio.Future[None] | None = None  # what it waits for just now

    def end(self) -> None:
        self.is_over = True
        if self.future is not None and not self.future.done():
            self.future.set_result(None)


class Polls:
    def __init__(self, most: MostWaiting) -> None:
        self._most = most
        self._all: OrderedDict[Poll, None] = OrderedDict()
        self._by_account: dict[str, OrderedDict[Poll, None]] = {}
        self._turns: dict[str, tuple[asyncio.Semaphore, int]] = {}  # of accounts that compose now, and for how many
        self.ended = 0

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, user_id: str, device_id: str) -> Poll:
        """Adds a request that is about to wait, and ends an older one where there are too many. `leave` must follow."""
        poll, mine = Poll(user_id, device_id), self._by_account.setdefault(user_id, OrderedDict())
        self._all[poll] = mine[poll] = None
        same = [other for other in mine if other.device_id == device_id]
        if len(same) > self._most.per_device:
            self._end(same[0])
        elif len(mine) > self._most.per_account:
            self._end(next(iter(mine)))
        elif len(self._all) > self._most.in_all:
            self._end(next(iter(self._all)))
        return poll

    def leave(self, poll: Poll) -> None:
        if self._all.pop(poll, poll) is poll:
            return  # it had to go before
        mine = self._by_account[poll.user_id]
        del mine[poll]
        if not mine:
            del self._by_account[poll.user_id]

    def _end(self, poll: Poll) -> None:
        self.leave(poll)
        self.ended += 1
        poll.end()

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Waits for one of the account's turns, and holds it while an answer is composed."""
        gate, users = self._turns.get(user_id) or (asyncio.Semaphore(COMPOSED_AT_ONCE), 0)
        self._turns[user_id] = (gate, users + 1)
        try:
            async with gate:
                yield
        finally:
            users = self._turns[user_id][1] - 1
            if users:
                self._turns[user_id] = (gate, users)
            else:
                del self._turns[user_id]
