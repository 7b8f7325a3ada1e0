"""Housekeeping that runs now and then, each job on its own clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


class Jobs:
    """`add` before `run`; a job that fails is logged and tried again at its next time."""

    def __init__(self) -> None:
        self._jobs: list[tuple[str, float, Callable[[], Awaitable[object]]]] = []

    def add(self, name: str, seconds: float, job: Callable[[], Awaitable[object]]) -> None:
        self._jobs.append((name, seconds, job))

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, seconds, job in self._jobs:
                group.create_task(self._repeat(name, seconds, job))

    @staticmethod
    async def _repeat(name: str, seconds: float, job: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await job()
            except Exception:
                log.exception("a job failed", extra={"fields": {"job": name}})
