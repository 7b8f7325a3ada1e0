"""How much another server may ask for at once: what one of them wants holds up no other."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chappe.matrix.errors import LimitExceeded
from chappe.matrix.identifiers import host_of

AT_ONCE, HEAVY_AT_ONCE, MOST_WAITING = 20, 2, 60
BURST_BYTES, BYTES_PER_SECOND = 128 << 20, 8 << 20
REMEMBERED = 5000


@dataclass(slots=True)
class _Budget:
    light: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HEAVY_AT_ONCE))
    waiting: int = 0
    bytes_left: float = BURST_BYTES
    as_of: float = 0.0


class PeerBudgets:
    """Bounds what one host, on whatever ports its servers are, may have under way: requests; heavy ones (for large parts of a
    room); and the bytes of the answers to heavy ones."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._budgets: OrderedDict[str, _Budget] = OrderedDict()

    def _of(self, server_name: str) -> _Budget:
        host = host_of(server_name)
        budget = self._budgets.get(host)
        if budget is None:
            budget = self._budgets[host] = _Budget(as_of=self._now())
            if len(self._budgets) > REMEMBERED:
                idle = next((name for name, b in self._budgets.items() if not b.waiting and name != host), None)
                if idle is not None:
                    del self._budgets[idle]
        return budget

    @asynccontextmanager
    async def slot(self, server_name: str, is_heavy: bool) -> AsyncIterator[None]:
        """Waits for its turn. Raises LimitExceeded where too many wait already, or too many bytes were asked for."""
        budget = self._of(server_name)
        if budget.waiting >= MOST_WAITING:
            raise LimitExceeded(1000)
        if is_heavy and (left := self._bytes_left(budget)) < 0:
            raise LimitExceeded(int(-left / BYTES_PER_SECOND * 1000) + 1)
        budget.waiting += 1
        try:
            async with budget.heavy if is_heavy else budget.light:
                yield
        finally:
            budget.waiting -= 1

    def spend(self, server_name: str, size: int) -> None:
        """Takes the bytes of an answer to a heavy request from the host's budget."""
        budget = self._of(server_name)
        budget.bytes_left = self._bytes_left(budget) - size

    def _bytes_left(self, budget: _Budget) -> float:
        now = self._now()
        budget.bytes_left = min(BURST_BYTES, budget.bytes_left + (now - budget.as_of) * BYTES_PER_SECOND)
        budget.as_of = now
        return budget.bytes_left
