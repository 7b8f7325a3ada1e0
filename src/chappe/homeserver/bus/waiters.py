"""Who waits for news: a future per waiting request, found by user. A commit wakes only those whom it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable


class Waiters:
    """By user id. `wake` is cheap for users who do not wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, user_id: str, future: asyncio.Future[None]) -> None:
        self._waiting.setdefault(user_id, set()).add(future)

    def remove(self, user_id: str, future: asyncio.Future[None]) -> None:
        futures = self._waiting.get(user_id)
        if futures is not None:
            futures.discard(future)
            if not futures:
                del self._waiting[user_id]

    def wake(self, user_ids: Iterable[str]) -> None:
        for user_id in user_ids:
            for future in self._waiting.get(user_id, ()):
                if not future.done():
                    future.set_result(None)

    def wake_members(self, members: Collection[str]) -> None:
        """Those of a room's members who wait here: the smaller set is walked."""
        if len(members) <= len(self._waiting):
            self.wake(user for user in members if user in self._waiting)
        else:
            contained = set(members) if not isinstance(members, dict | set | frozenset) else members
            self.wake([user for user in self._waiting if user in contained])

    def wake_all(self) -> None:
        self.wake(list(self._waiting))
