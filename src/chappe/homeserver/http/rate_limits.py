"""Rate limits: a token bucket per action and key (account, address)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from chappe.homeserver.matrix.errors import LimitExceeded

PRUNE_AT = 50_000


class RateLimits:
    """`settings`: action to (requests per second, burst). An action without a setting is not limited."""

    def __init__(self, settings: Mapping[str, tuple[float, int]], now: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._now = dict(settings), now
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # tokens left, as of

    def require(self, action: str, key: str) -> None:
        """Takes nothing, but raises LimitExceeded where nothing is left: a right guess must be refused like a wrong one."""
        self.check(action, key, 1.0, takes=False)

    def check(self, action: str, key: str, cost: float = 1.0, takes: bool = True) -> None:
        """Takes from the bucket, or raises LimitExceeded with the time to wait."""
        setting = self._settings.get(action)
        if setting is None:
            return
        rate, burst = setting
        now = self._now()
        tokens, then = self._buckets.get((action, key), (float(burst), now))
        tokens = min(float(burst), tokens + (now - then) * rate)
        if tokens < cost:
            wait = (cost - tokens) / rate if rate > 0 else 3600.0
            raise LimitExceeded(max(1, int(wait * 1000)))
        if not takes:
            return
        self._buckets[action, key] = (tokens - cost, now)
        if len(self._buckets) > PRUNE_AT:
            self._prune(now)

    def _prune(self, now: float) -> None:
        """Full buckets say nothing."""
        for (action, key), (tokens, then) in list(self._buckets.items()):
            rate, burst = self._settings[action]
            if tokens + (now - then) * rate >= burst:
                del self._buckets[action, key]
