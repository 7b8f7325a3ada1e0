"""Real clients come to a server through a proxy that notes what was refused; each refusal has a reason in `refusals.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio

from tests.clients.refusals import reason_of
from tests.clients.watched import Watched
from tests.support import Server

Watch = Callable[..., Awaitable[Watched]]  # (server, client, port)


@pytest_asyncio.fixture
async def watch() -> AsyncIterator[Watch]:
    """Puts the proxy before a server, for a client of some name. A refusal without a reason fails the test."""
    begun: list[Watched] = []

    async def start(server: Server, client: str, port: int = 0) -> Watched:
        begun.append(Watched(server, client, port))
        return await begun[-1].start()

    yield start
    for watched in begun:
        await watched.stop()
    unexplained = [
        f"{watched.client}: {refusal} (×{times})"
        for watched in begun
        for refusal, times in watched.refused.items()
        if reason_of(watched.client, refusal) is None
    ]
    assert not unexplained, "refused without a reason in tests/clients/refusals.py:\n" + "\n".join(unexplained)
