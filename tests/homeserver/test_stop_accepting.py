"""A connection that comes while its server stops is served or refused, never left to the garbage."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import warnings

import pytest
import uvloop

from chappe.homeserver.http.accepting import stop_accepting


class _Ending(asyncio.Protocol):
    """Ends each connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@pytest.mark.parametrize("turns", range(5))
async def test_who_connects_while_it_stops(turns: int) -> None:
    """The connection is in the kernel, accepted, or built, as many turns of the loop after it came."""
    gc.collect()
    server = await asyncio.get_running_loop().create_server(_Ending, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as client, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(turns):
            await asyncio.sleep(0)
        await stop_accepting(server)
        client.settimeout(10)
        with contextlib.suppress(ConnectionResetError):  # it was never taken
            assert await asyncio.to_thread(client.recv, 1) == b""  # it was ended
        gc.collect()
        assert [str(one.message) for one in seen] == []


def test_on_the_loop_that_is_deployed() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_who_connects_while_it_stops(1))
