"""What one server asks for holds up no other."""

from __future__ import annotations

import asyncio

import pytest

from chappe.homeserver.http import peer_budgets
from chappe.homeserver.http.peer_budgets import PeerBudgets
from chappe.matrix.errors import LimitExceeded


async def test_one_server_waits_for_itself_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_budgets, "MOST_WAITING", 4)
    budgets, release = PeerBudgets(), asyncio.Event()
    started: list[str] = []

    async def ask(name: str, is_heavy: bool = True) -> None:
        async with budgets.slot(name, is_heavy):
            started.append(name)
            await release.wait()

    tasks = [asyncio.create_task(ask("greedy")) for _ in range(4)]
    await asyncio.sleep(0)
    assert started == ["greedy"] * 2, "two heavy ones at once"
    tasks.append(asyncio.create_task(ask("modest")))
    await asyncio.sleep(0)
    assert started[-1] == "modest"
    with pytest.raises(LimitExceeded):
        await ask("greedy", is_heavy=False)  # too many wait already
    release.set()
    await asyncio.gather(*tasks)
    assert started.count("greedy") == 4
    async with budgets.slot("greedy", False):
        pass


async def test_bytes_are_given_back_with_time() -> None:
    now = 0.0
    budgets = PeerBudgets(lambda: now)
    budgets.spend("greedy", peer_budgets.BURST_BYTES + 3 * peer_budgets.BYTES_PER_SECOND)
    with pytest.raises(LimitExceeded) as refused:
        async with budgets.slot("greedy", True):
            pass
    assert refused.value.body()["retry_after_ms"] >= 3000
    async with budgets.slot("greedy", False), budgets.slot("modest", True):
        pass
    now = 3.1
    async with budgets.slot("greedy", True):
        pass


async def test_servers_are_forgotten_but_not_while_they_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_budgets, "REMEMBERED", 2)
    budgets = PeerBudgets()
    async with budgets.slot("a", True):
        for name in "bcd":
            budgets.spend(name, 1)
        assert "a" in budgets._budgets and len(budgets._budgets) == 2
