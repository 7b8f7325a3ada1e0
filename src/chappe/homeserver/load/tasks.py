"""What goes on by itself: begun by a request, a commit or a timer, and awaited by nobody. It ends with its node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from contextvars import ContextVar, copy_context
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
log = logging.getLogger(__name__)


# Whether a loop of the node runs, or what goes on by itself: no request's doing, and so not counted.
IN_BACKGROUND = ContextVar("IN_BACKGROUND", default=False)


def in_background(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """A task that goes on by itself, though a request may have begun it."""
    context = copy_context()
    context.run(IN_BACKGROUND.set, True)
    return asyncio.create_task(work, name=name, context=context)


class Tasks:
    """Those of one node. `close` ends them, and what is begun afterwards ends at once: nothing waits for what is there no more."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._is_closed = False

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """What it fails with is logged."""
        task = self._keep(in_background(work, name))
        task.add_done_callback(_log_failure)
        return task

    def keep(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """The same for what somebody waits for, who is told."""
        return self._keep(asyncio.create_task(work, name=name))

    def _keep(self, task: asyncio.Task[T]) -> asyncio.Task[T]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._is_closed:
            task.cancel()
        return task

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Calls once, unless the node ends before."""
        if self._is_closed:
            return

        def run() -> None:
            self._timers.discard(timer)
            call()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)

    async def close(self) -> None:
        self._is_closed = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        while tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


class SharedWork(Generic[K, T]):
    """What several want at once, by key: who comes while it is under way waits for the same, and who goes does not end it."""

    def __init__(self, tasks: Tasks, name: str) -> None:
        self._tasks, self._name = tasks, name
        self._under_way: dict[K, asyncio.Task[T]] = {}

    async def result(self, key: K, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = self._tasks.keep(begin(), self._name)
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("what went on by itself failed", extra={"fields": {"task": task.get_name()}}, exc_info=error)
