"""A listener that stops leaves no connection behind, whoever knocks meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import Any

import pytest

from chappe.homeserver.http.server import Listener


async def _answers(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


class _Knocks:
    """Connects, some thousand times a second, from a thread of its own, until nobody listens."""

    def __init__(self, port: int) -> None:
        self._port, self._connected = port, list[socket.socket]()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._connected.append(socket.create_connection(("127.0.0.1", self._port), timeout=5))
                time.sleep(0.0002)  # a process may have only so many open files

    def __enter__(self) -> _Knocks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        for connected in self._connected:
            connected.close()


async def test_whoever_connects_while_it_stops_does_not_hold_it(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):  # what connects in the moment in which the socket closes is seldom there at the first try
        listener = Listener(_answers, "127.0.0.1", 0, None, None)
        await listener.start()
        with _Knocks(listener.port):
            await asyncio.sleep(0.05)
            await listener.stop()
        assert not listener._server.server_state.connections
    assert "timeout graceful shutdown exceeded" not in caplog.text
