"""Who waits for news, and how many at once: a client that asks again has lost its earlier request.

Beyond what a device, an account or everybody together may have waiting, the longest waiting request is answered at once,
as if its time were up. What one account has composed at the same time is bounded too: the others get their turn between.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Composing:
    """How many answers of an account are being composed, and which requests wait for their turn, the longest first."""

    answers: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Polls:
    def __init__(self, most: MostWaiting) -> None:
        self._most = most
        self._all: OrderedDict[Poll, None] = OrderedDict()
        self._by_account: dict[str, OrderedDict[Poll, None]] = {}
        self._turns: dict[str, Composing] = {}  # of accounts that compose now
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

    def turn(self, user_id: str) -> Turn:
        """Waits for one of the account's turns, and holds it while an answer is composed."""
        return Turn(self._turns, user_id)


class Turn:
    """`async with`: most accounts compose one answer at a time, and pass without waiting or making anything but this."""

    __slots__ = ("_by_account", "_user_id")

    def __init__(self, by_account: dict[str, Composing], user_id: str) -> None:
        self._by_account, self._user_id = by_account, user_id

    async def __aenter__(self) -> None:
        now = self._by_account.get(self._user_id)
        if now is None:
            now = self._by_account[self._user_id] = Composing()
        if now.answers < COMPOSED_AT_ONCE:
            now.answers += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        now.waiting.append(turn)
        try:
            await turn  # whoever ends hands their turn over
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._hand_over(now)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._hand_over(self._by_account[self._user_id])

    def _hand_over(self, now: Composing) -> None:
        while now.waiting:
            turn = now.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        now.answers -= 1
        if not now.answers:
            del self._by_account[self._user_id]
