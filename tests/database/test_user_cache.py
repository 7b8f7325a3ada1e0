"""The cache of what is known of users: dropped by the log, never stale, even when a change comes during the load."""

from __future__ import annotations

import asyncio

from chappe.homeserver.database.clock import ANYTHING, Commit
from chappe.homeserver.database.user_cache import UserCache


class FakeClock:
    def __init__(self) -> None:
        self.listeners: list = []

    def listen(self, listener: object) -> None:
        self.listeners.append(listener)

    def change(self, user: str, kind: str, foreign: bool = False) -> None:
        for listener in self.listeners:
            listener(Commit(0, 1, {}, {user: ANYTHING if foreign else {kind}}, foreign))


class Source:
    def __init__(self) -> None:
        self.version, self.loads = 0, 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, users: list[str]) -> dict[str, tuple[str, int]]:
        self.loads += 1
        read = {user: (user, self.version) for user in users}
        await self.gate.wait()
        return read


async def test_values_are_kept_until_the_log_says_that_they_changed() -> None:
    clock, source = FakeClock(), Source()
    cache = UserCache(clock, ["profile"], source.load, limit=3)  # type: ignore[arg-type]
    assert await cache.get_many(["a", "b"]) == {"a": ("a", 0), "b": ("b", 0)}
    await cache.get("a")
    clock.change("a", "receipts")
    await cache.get("a")
    assert source.loads == 1
    source.version = 1
    clock.change("a", "profile")
    assert await cache.get_many(["a", "b"]) == {"a": ("a", 1), "b": ("b", 0)}
    clock.change("b", "*", foreign=True)
    assert await cache.get("b") == ("b", 1)
    await cache.get_many(["c", "d"])
    loads = source.loads
    await cache.get("a")  # pushed out
    assert source.loads == loads + 1


async def test_a_change_during_the_load_is_seen() -> None:
    clock, source = FakeClock(), Source()
    cache = UserCache(clock, ["profile"], source.load)  # type: ignore[arg-type]
    source.gate.clear()
    first, second = asyncio.create_task(cache.get("a")), asyncio.create_task(cache.get("a"))
    while source.loads < 2:
        await asyncio.sleep(0)
    source.version = 1
    clock.change("a", "profile")
    source.gate.set()
    assert await first == await second == ("a", 1)
    assert await cache.get("a") == ("a", 1)
