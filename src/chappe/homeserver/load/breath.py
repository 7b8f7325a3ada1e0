"""Letting others have their turn in what may be long."""

from __future__ import annotations

import asyncio
import time

HOLDS_SECONDS = 0.01


class Breath:
    """`await breath.take()` in a loop: after ten milliseconds it lets everybody else run first."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def take(self) -> None:
        if time.monotonic() - self._since > HOLDS_SECONDS:
            await asyncio.sleep(0)
            self._since = time.monotonic()
