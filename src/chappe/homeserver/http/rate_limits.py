"""Rate limits: a token bucket per action and key (account, address)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from chappe.matrix.errors import LimitExceeded
from chappe.matrix.identifiers import host_of

KEPT = 20_000  # of each action
SLOTS = 16_384  # of each action, in which what was put out is remembered
LONGEST_KEY = 128
_Level = tuple[float, float]  # tokens, as of


class RateLimits:
    """`settings`: action to (requests per second, burst). An action without a setting is not limited.

    The buckets of an action stand in the order in which they were last taken from. A new one beyond `kept` puts out the
    oldest: memory has a bound, a check never looks at more than one other bucket, and whoever floods one action with keys
    puts out none of another. What is put out is not forgotten, or a flood of names would fill again the bucket of one that is
    guessed at: how empty it was stays in one of `SLOTS` places, the same for all keys of one hash, and a key that is not known
    begins there. Nobody outside knows the hash, so nobody can choose whom they share a place with.
    """

    def __init__(
        self, settings: Mapping[str, tuple[float, int]], now: Callable[[], float] = time.monotonic, kept: int = KEPT
    ) -> None:
        self._settings, self._now, self._kept = dict(settings), now, kept
        # by action and key, and by action and slot
        self._buckets: dict[str, OrderedDict[str | int, _Level]] = {a: OrderedDict() for a in settings}
        self._put_out: dict[str, dict[int, _Level]] = {a: {} for a in settings}

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def require(self, action: str, key: str) -> None:
        """Takes nothing, but raises LimitExceeded where nothing is left: a right guess must be refused like a wrong one."""
        self.check(action, key, 1.0, takes=False)

    def check(self, action: str, key: str, cost: float = 1.0, takes: bool = True) -> None:
        """Takes from the bucket, or raises LimitExceeded with the time to wait.

        What costs more than the whole burst is let through where the bucket is full, and leaves a debt.
        """
        setting = self._settings.get(action)
        if setting is None:
            return
        rate, burst = setting
        now = self._now()
        # a long key is kept as a number: no caller decides how much memory its bucket takes
        name = key if len(key) <= LONGEST_KEY else hash(key)
        buckets = self._buckets[action]
        level = buckets.get(name) or self._put_out[action].get(hash(name) % SLOTS)
        tokens = float(burst) if level is None else _now_left(level, setting, now)
        needed = min(cost, float(burst))
        if tokens < needed:
            wait = (needed - tokens) / rate if rate > 0 else 3600.0
            raise LimitExceeded(max(1, int(wait * 1000)))
        if not takes:
            return
        buckets[name] = (tokens - cost, now)
        buckets.move_to_end(name)
        if len(buckets) > self._kept:
            self._put_away(action, *buckets.popitem(last=False), now)

    def _put_away(self, action: str, name: str | int, level: _Level, now: float) -> None:
        setting, slots, slot = self._settings[action], self._put_out[action], hash(name) % SLOTS
        left = _now_left(level, setting, now)
        if (other := slots.get(slot)) is not None:
            left = min(left, _now_left(other, setting, now))
        if left < setting[1]:
            slots[slot] = left, now
        else:
            slots.pop(slot, None)

    def check_server(self, action: str, server_name: str, about: str = "", cost: float = 1.0) -> None:
        """As `check`, for another server; `about`: what or whom it asks for, where that is counted apart.

        A machine has 65,535 ports, and a server of each of them is another server: the host is what counts. A test holds
        that limits of servers are taken here only.
        """
        self.check(action, f"{host_of(server_name)} {about}", cost)

    def give_back(self, action: str, key: str, cost: float = 1.0) -> None:
        """What `check` took for something that turned out to count for nothing."""
        name = key if len(key) <= LONGEST_KEY else hash(key)
        buckets = self._buckets.get(action)
        if buckets is not None and name in buckets:
            tokens, then = buckets[name]
            buckets[name] = (tokens + cost, then)


def _now_left(level: _Level, setting: tuple[float, int], now: float) -> float:
    (tokens, then), (rate, burst) = level, setting
    return min(float(burst), tokens + (now - then) * rate)
