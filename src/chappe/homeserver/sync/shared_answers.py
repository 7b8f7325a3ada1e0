"""One composed answer for all who ask the same at the same time: a client that repeats itself, a page opened twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chappe.matrix.errors import LimitExceeded

MOST_SHARING = 20  # of one answer: more of the same are no client

Key = tuple[str, str, str]  # user, device, query


@dataclass(slots=True, eq=False)
class Shared:
    """An answer in the making. `reads_at`: the position up to which it tells; None while it waits for news, which it will tell."""

    future: asyncio.Future[bytes | None]
    reads_at: int | None
    sharing: int = 0


class SharedAnswers:
    def __init__(self) -> None:
        self._under_way: dict[Key, Shared] = {}

    async def get(
        self, key: Key, position: int, make: Callable[[Shared], Awaitable[bytes]], judge: Callable[[], Awaitable[None]]
    ) -> bytes:
        """The answer that is in the making for the same key, where it will tell of everything up to `position`; else `make`'s own.

        Where that one fails, each caller makes its own. `judge` is asked of who shares an answer: it raises what refuses them by
        now, as `make` does for who made it. Raises LimitExceeded where too many share one.
        """
        while (shared := self._under_way.get(key)) is not None:
            if shared.reads_at is not None and shared.reads_at < position:
                return await make(Shared(shared.future, position))
            if shared.sharing >= MOST_SHARING:
                raise LimitExceeded(1000, "The same request is waiting many times already")
            shared.sharing += 1
            try:
                answer = await asyncio.shield(shared.future)
            finally:
                shared.sharing -= 1
            if answer is not None:
                await judge()
                return answer
        mine = self._under_way[key] = Shared(asyncio.get_running_loop().create_future(), position)
        try:
            answer = await make(mine)
            mine.future.set_result(answer)
            return answer
        finally:
            del self._under_way[key]
            if not mine.future.done():
                mine.future.set_result(None)
