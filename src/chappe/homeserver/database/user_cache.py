"""What is known of users, kept until the log says that it changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Generic, TypeVar

from chappe.homeserver.database.clock import Clock, Commit

T = TypeVar("T")


class UserCache(Generic[T]):
    """One value per user, the least recently used go first. `kinds`: the changes that make a value stale."""

    def __init__(
        self, clock: Clock, kinds: Iterable[str], load: Callable[[list[str]], Awaitable[Mapping[str, T]]], limit: int = 20_000
    ) -> None:
        self._kinds, self._load, self._limit = frozenset(kinds), load, limit
        self._values: OrderedDict[str, T] = OrderedDict()
        self._loading: dict[str, set[object]] = {}  # the loads that a change must spoil
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        for user, kinds in commit.users.items():
            if commit.foreign or not self._kinds.isdisjoint(kinds):
                self.drop(user)

    def drop(self, user_id: str) -> None:
        self._values.pop(user_id, None)
        self._loading.pop(user_id, None)

    async def get(self, user_id: str) -> T:
        return (await self.get_many([user_id]))[user_id]

    async def get_many(self, user_ids: Iterable[str]) -> dict[str, T]:
        """One load for all that are missing. `load` must answer for every user that it is asked for."""
        found: dict[str, T] = {}
        missing = []
        for user in user_ids:
            if (value := self._values.get(user)) is not None:
                self._values.move_to_end(user)
                found[user] = value
            else:
                missing.append(user)
        while missing:
            found.update(await self._fill(missing))
            missing = [user for user in missing if user not in found]  # changed while they were read: again
        return found

    async def _fill(self, missing: list[str]) -> dict[str, T]:
        """Those of the values that did not change while they were read."""
        mark = object()
        for user in missing:
            self._loading.setdefault(user, set()).add(mark)
        try:
            loaded = await self._load(missing)
            fresh = {user: value for user, value in loaded.items() if mark in self._loading.get(user, ())}
        finally:
            for user in missing:
                if (marks := self._loading.get(user)) is not None:
                    marks.discard(mark)
                    if not marks:
                        del self._loading[user]
        self._values.update(fresh)
        while len(self._values) > self._limit:
            self._values.popitem(last=False)
        return fresh
