"""Servers that do not answer are not asked again at once: no time is wasted on the dead.

What fails here is remembered by this process; what fails for the queue of events is remembered across restarts
(`destinations`) and counts here too. A server that asks us something is alive.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

FAILURES_BEFORE = 2
FIRST_WAIT_MS, LONGEST_WAIT_MS = 5_000, 600_000
REMEMBERED = 10_000


class Breaker:
    """Times are in ms. `persisted`: until when the queues leave servers alone, as it was last read."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        # how often in a row, and until when nobody asks
        self._failed: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self.persisted: Mapping[str, int] = {}
        self.revived: Callable[[str], None] = lambda _: None  # told of servers that were given up and are alive

    def waits_ms(self, server_name: str) -> int:
        """For how long yet a server is left alone; 0 for one that may be asked."""
        until = max(self._failed.get(server_name, (0, 0))[1], self.persisted.get(server_name, 0))
        return max(0, until - self._now_ms())

    def failed(self, server_name: str) -> None:
        failures = self._failed.pop(server_name, (0, 0))[0] + 1
        over = failures - FAILURES_BEFORE
        wait = min(FIRST_WAIT_MS << min(over, 20), LONGEST_WAIT_MS) if over >= 0 else 0
        self._failed[server_name] = failures, self._now_ms() + wait
        if len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)

    def alive(self, server_name: str) -> None:
        """It has answered, or asked."""
        self._failed.pop(server_name, None)
        if server_name in self.persisted:
            self.persisted = {name: until for name, until in self.persisted.items() if name != server_name}
            self.revived(server_name)
