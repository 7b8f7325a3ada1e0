"""Listeners: one uvicorn server each, with its own address, certificate and set of APIs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

KEEP_ALIVE = 75
SHUTDOWN_PATIENCE = 10


class _Server(uvicorn.Server):
    """Signals belong to the command line, not to each listener."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listener:
    """Bound at construction, so a taken port is an error before anything else starts. `port` is the real one."""

    def __init__(
        self, application: Any, address: str, port: int, certificate: str | None, key: str | None, behind_proxy: bool
    ) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self.address, self.port = address, self._socket.getsockname()[1]
        self.is_secure = certificate is not None
        config = uvicorn.Config(
            application, log_config=None, access_log=False, lifespan="off", ws="none", http="httptools", loop="none",
            server_header=False, proxy_headers=behind_proxy, forwarded_allow_ips="*" if behind_proxy else None,
            timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=SHUTDOWN_PATIENCE, ssl_certfile=certificate,
            ssl_keyfile=key, backlog=4096,
        )  # fmt: skip
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        if self.address in ("0.0.0.0", "::"):
            host = "localhost"
        return f"{'https' if self.is_secure else 'http'}://{host}:{self.port}"

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Takes no new connections, lets requests under way end, then returns."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
