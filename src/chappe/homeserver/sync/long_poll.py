"""Long polls: a request composes its answer, and waits, future by future, until there is something to say."""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chappe.homeserver.http.request import Request
from chappe.homeserver.sync.notifier import Notifier
from chappe.homeserver.sync.polls import Poll

T = TypeVar("T")
MAX_TIMEOUT_MS = 300_000


async def long_poll(
    request: Request,
    notifier: Notifier,
    timeout_ms: int,
    immediate: bool,
    compose: Callable[[], Awaitable[tuple[T, bool]]],
    pause: float = 0,
    unwoken: float = math.inf,
) -> T:
    """`compose` gives an answer and whether it holds news. `pause`: the seconds between two looks, at least; `unwoken`: those after
    which it looks unwoken. Ends early when the client goes, the server shuts down, or the request makes room for another (`Polls`).

    Raises what refuses the account by now: nothing that came after a lock or a sign-out is answered.
    """
    user_id, polls = request.user_id, notifier.polls
    deadline = time.monotonic() + min(timeout_ms, MAX_TIMEOUT_MS) / 1000
    gone: asyncio.Task[None] | None = None
    poll: Poll | None = None
    try:
        while True:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            notifier.waiters.add(user_id, future)
            try:
                async with polls.turn(user_id):
                    answer, has_news = await compose()
                await request.still_allowed()
                remaining = deadline - time.monotonic()
                if has_news or immediate or remaining <= 0 or request.closing.is_set():
                    return answer
                if poll is None:
                    poll = polls.enter(user_id, request.requester.device_id)
                if poll.is_over:
                    return answer
                poll.future = future
                if gone is None:
                    gone = asyncio.create_task(request.disconnected())
                gone.add_done_callback(functools.partial(_finish, future))
                looked = time.monotonic()
                await _wait(future, min(remaining, unwoken))
                if gone.done() or poll.is_over:
                    return answer
                if pause:
                    await asyncio.sleep(min(looked + pause, deadline) - time.monotonic())
            finally:
                notifier.waiters.remove(user_id, future)
    finally:
        if poll is not None:
            polls.leave(poll)
        if gone is not None:
            gone.cancel()


async def _wait(future: asyncio.Future[None], seconds: float) -> None:
    """Until the future is done or the time is up, without a task of its own."""
    timer = asyncio.get_running_loop().call_later(seconds, _finish, future)
    try:
        await future
    finally:
        timer.cancel()


def _finish(future: asyncio.Future[None], _: object = None) -> None:
    if not future.done():
        future.set_result(None)
