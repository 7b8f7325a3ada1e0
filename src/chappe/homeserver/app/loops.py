"""The loops of a node, under one supervisor: whatever ends one is logged and counted, and the loop starts again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chappe.homeserver.load.tasks import IN_BACKGROUND

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0  # seconds before a loop that ended starts again; doubled each time
SETTLED_AFTER = 60.0  # seconds that a loop must have run for its next pause to be the first again


@dataclass
class _Loop:
    name: str
    run: Callable[[], Awaitable[object]]
    supervisor: asyncio.Task[None] | None = None
    task: asyncio.Task[object] | None = None
    restarts: int = 0

    @property
    def is_well(self) -> bool:
        task = self.task
        return task is not None and (not task.done() or not (task.cancelled() or task.exception()))


class Loops:
    """`start` begins a loop; `stop` ends all of them, the latest first, so that what others stand on ends last."""

    def __init__(self) -> None:
        self._loops: dict[str, _Loop] = {}

    @property
    def names(self) -> list[str]:
        return list(self._loops)

    def restarts(self, name: str) -> int:
        """How often a loop had to be started again."""
        return self._loops[name].restarts

    def running(self) -> int:
        """How many loops are at work now, or rest: less than all while one waits to be started again."""
        return sum(1 for loop in self._loops.values() if loop.is_well)

    def rests(self, name: str) -> bool:
        """Whether a loop has returned: it has nothing to do in this configuration."""
        loop = self._loops[name]
        return loop.is_well and loop.task is not None and loop.task.done()

    def task(self, name: str) -> asyncio.Task[object] | None:
        """What runs a loop now (tests end it)."""
        return self._loops[name].task

    def start(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """`run` goes on until it is cancelled, or returns where it has nothing to do. If it fails, it is called again."""
        assert name not in self._loops, f"there are two loops called {name}"
        loop = self._loops[name] = _Loop(name, run)
        loop.supervisor = asyncio.create_task(self._supervise(loop), name=f"supervisor of {name}")

    async def _supervise(self, loop: _Loop) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            loop.task = asyncio.create_task(_run(loop.run), name=loop.name)
            try:
                await asyncio.wait([loop.task])
            except asyncio.CancelledError:
                loop.task.cancel()
                with contextlib.suppress(BaseException):
                    await loop.task
                raise
            if loop.is_well:
                return
            error = None if loop.task.cancelled() else loop.task.exception()
            loop.restarts += 1
            if time.monotonic() - began > SETTLED_AFTER:
                pause = FIRST_PAUSE
            log.error(
                "a loop ended; it starts again",
                extra={"fields": {"loop": loop.name, "restarts": loop.restarts, "pause_seconds": pause}},
                exc_info=error,
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def stop(self) -> None:
        for loop in reversed(self._loops.values()):
            assert loop.supervisor is not None
            loop.supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop.supervisor


async def _run(run: Callable[[], Awaitable[object]]) -> object:
    IN_BACKGROUND.set(True)
    return await run()
