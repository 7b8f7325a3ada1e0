"""Cutting the wire between servers, and mending it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chappe.homeserver.outbound.federation.client import PeerUnreachable
from tests.support import Server


def _cut_off(server: Server, others: set[str]) -> Callable[[], None]:
    client = server.node.federation_client
    ask = client._ask

    async def fail(destination: str, *arguments: Any) -> Any:
        if destination in others:
            raise PeerUnreachable(destination, "the wire is cut")
        return await ask(destination, *arguments)

    client._ask = fail  # type: ignore[method-assign]

    def mend() -> None:
        client._ask = ask  # type: ignore[method-assign]

    return mend


@contextmanager
def split(one: list[Server], other: list[Server]) -> Iterator[None]:
    """No request passes between the two groups."""
    mends = []
    for group, against in ((one, other), (other, one)):
        names = {server.config.server_name for server in against}
        mends += [_cut_off(server, names) for server in group]
    try:
        yield
    finally:
        for mend in mends:
            mend()


async def heal(*servers: Server) -> None:
    """Everybody tries again now, whatever the back-off says."""
    for server in servers:
        for other in servers:
            if other is not server:
                await server.node.federation_sender.retry(other.config.server_name)
