"""From the inner server to others: a proxy (HTTP CONNECT) that opens connections to the endpoints of pinned peers only."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from chappe.config import GatewaySettings, Outgoing
from chappe.homeserver.http.accepting import stop_accepting

log = logging.getLogger(__name__)
HEAD_BYTES, HEAD_SECONDS, CONNECT_SECONDS = 8192, 10.0, 10.0


class OutgoingProxy:
    def __init__(self, where: Outgoing, settings: GatewaySettings) -> None:
        self._where = where
        self._allowed = frozenset(endpoint.lower() for peer in settings.peers for endpoint in peer.endpoints)
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Returns the port."""
        self._server = await asyncio.start_server(self._serve, self._where.address, self._where.port, limit=HEAD_BYTES)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        if self._server is not None:
            await stop_accepting(self._server)
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            target = _target(head)
            if target is None:
                await _refuse(writer, b"405 Method Not Allowed")
            elif target not in self._allowed:
                log.warning("a connection to the outside was refused", extra={"fields": {"to": target[:300]}})
                await _refuse(writer, b"403 Forbidden")
            else:
                await self._connect(target, reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError):
            pass
        finally:
            writer.close()

    async def _connect(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = target.rpartition(":")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                there, back = await asyncio.open_connection(host.strip("[]"), int(port))
        except (OSError, TimeoutError, ValueError):
            return await _refuse(writer, b"502 Bad Gateway")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pipe(reader, back))
                group.create_task(_pipe(there, writer))
        finally:
            back.close()
        return None


def _target(head: bytes) -> str | None:
    words = head.split(b"\r\n", 1)[0].split(b" ")
    return words[1].decode("latin-1").lower() if len(words) == 3 and words[0] == b"CONNECT" else None


async def _refuse(writer: asyncio.StreamWriter, status: bytes) -> None:
    writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    await writer.drain()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof() if writer.can_write_eof() else writer.close()
