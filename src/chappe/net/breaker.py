"""Servers that do not answer are not asked again at once: no time is wasted on the dead.

What fails here is remembered by this process; what fails for the queue of events is remembered across restarts
(`destinations`) and counts here too. A server that asks us something is alive.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from chappe.matrix.identifiers import host_of

FAILURES_BEFORE = 2
FIRST_WAIT_MS, LONGEST_WAIT_MS = 5_000, 600_000
REMEMBERED = 10_000


class Breaker:
    """Times are in ms. `persisted`: until when the queues leave servers alone, as it was last read (look_at_failures)."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        # how often in a row, and until when nobody asks
        self._failed: OrderedDict[str, tuple[int, int]] = OrderedDict()
        # when a host was last out of reach; of those that are no longer remembered, none later than that
        self._missed: OrderedDict[str, int] = OrderedDict()
        self._missed_others = 0
        self._persisted: Mapping[str, int] = {}
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, listener: Callable[[str], None]) -> None:
        """`listener` is told of servers that were given up and are alive."""
        self._listeners.append(listener)

    @property
    def persisted(self) -> Mapping[str, int]:
        return self._persisted

    @persisted.setter
    def persisted(self, until: Mapping[str, int]) -> None:
        before, self._persisted = self._persisted, until
        for server_name in before.keys() - until.keys():
            self._note(server_name)

    def missed_ts(self, server_name: str) -> int:
        """When a server was last out of reach, at the latest: what it had to say then may not have come; 0 where it never was."""
        if server_name in self._persisted:
            return self._now_ms()
        return self._missed.get(host_of(server_name), self._missed_others)

    def _note(self, server_name: str) -> None:
        if server_name in self._persisted:
            return  # it is out of reach yet: however many are take no place from those that were
        host = host_of(server_name)  # all servers of one take one place
        self._missed.pop(host, None)
        self._missed[host] = self._now_ms()
        if len(self._missed) > REMEMBERED:
            _, self._missed_others = self._missed.popitem(last=False)

    def waits_ms(self, server_name: str) -> int:
        """For how long yet a server is left alone; 0 for one that may be asked."""
        until = max(self._failed.get(server_name, (0, 0))[1], self.persisted.get(server_name, 0))
        return max(0, until - self._now_ms())

    def failed(self, server_name: str) -> None:
        failures = self._failed.pop(server_name, (0, 0))[0] + 1
        over = failures - FAILURES_BEFORE
        wait = min(FIRST_WAIT_MS << min(over, 20), LONGEST_WAIT_MS) if over >= 0 else 0
        self._failed[server_name] = failures, self._now_ms() + wait
        self._note(server_name)
        if len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)

    def alive(self, server_name: str) -> None:
        """It has answered, or asked."""
        self._failed.pop(server_name, None)
        if server_name in self.persisted:
            self.persisted = {name: until for name, until in self.persisted.items() if name != server_name}
            for listener in self._listeners:
                listener(server_name)
