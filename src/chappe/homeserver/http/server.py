"""Listeners: one uvicorn server each, with its own address, certificate and set of APIs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chappe.homeserver.http.accepting import stop_accepting
from chappe.homeserver.http.proxies import Proxied

KEEP_ALIVE = 75
MAX_HEAD_BYTES = 65_536
HEAD_SECONDS = 30
BODY_SECONDS, LEAST_BODY_BYTES = 30, 16_384
READER_SECONDS, LEAST_READ_BYTES = 60, 16_384
SHUTDOWN_PATIENCE = 10


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with an end to its patience: a request's head may have 64 KiB, and 30 seconds to arrive; of a body
    that does not come at once there must be some progress every 30 seconds; of an answer that is not taken at once, every
    60 seconds."""

    _body_bytes, _body_arriving = 0, False
    _body_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _unread, _was_read = 0, False
    _reader_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def _await_head(self) -> None:
        self._head_bytes = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._head_timer is None and self._head_bytes == 0:
            self._await_head()
        super().data_received(data)
        if self._body_arriving:
            self._body_bytes += len(data)
            if self._body_timer is None:
                self._await_body()
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.abort()

    def _await_body(self) -> None:
        self._body_bytes = 0
        self._body_timer = self.loop.call_later(BODY_SECONDS, self._look_at_body)

    def _look_at_body(self) -> None:
        self._body_timer = None
        if self._body_bytes < LEAST_BODY_BYTES and not self.flow.read_paused:
            self.transport.abort()
        elif self._body_arriving:
            self._await_body()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._head_arrived()
        self._body_arriving = True

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._body_arrived()
        self._head_bytes = 0  # what comes next is a new head

    def _head_arrived(self) -> None:
        self._head_bytes = -1
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _body_arrived(self) -> None:
        self._body_arriving = False
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._was_read = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._await_reader()

    def _await_reader(self) -> None:
        if self._reader_timer is None:
            self._unread, self._was_read = self.transport.get_write_buffer_size(), False
            self._reader_timer = self.loop.call_later(READER_SECONDS, self._look_at_reader)

    def _look_at_reader(self) -> None:
        """What has grown is a newer answer; what has not shrunk belongs to nobody who reads."""
        self._reader_timer = None
        left = self.transport.get_write_buffer_size()
        if left and not self._was_read and 0 <= self._unread - left < LEAST_READ_BYTES:
            self.transport.abort()
        elif left:
            self._await_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        self._body_arrived()
        self._head_arrived()
        if self._reader_timer is not None:
            self._reader_timer.cancel()
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    """Signals belong to the command line, not to each listener. Who connects as it stops is not lost on the way."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            await stop_accepting(server)
        await super().shutdown(sockets)


class Listener:
    """Bound at construction, so a taken port is an error before anything else starts. `port` is the real one."""

    def __init__(
        self,
        application: Any,
        address: str,
        port: int,
        certificate: str | None,
        key: str | None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        """`trusted_proxies`: networks whose `X-Forwarded-For` is believed; none where clients connect directly."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        # the protocol is named, so that accepted ones do not delay
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self.address, self.port = address, self._socket.getsockname()[1]
        self.is_secure = certificate is not None
        config = uvicorn.Config(
            Proxied(application, trusted_proxies) if trusted_proxies else application,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http=BoundedProtocol,
            loop="none",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=SHUTDOWN_PATIENCE,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            backlog=4096,
        )
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
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=0.1)
            for connection in list(self._server.server_state.connections):
                connection.shutdown()  # uvicorn asks once; who connected while the listener closed is asked here
        if self._task is not None:
            await self._task
