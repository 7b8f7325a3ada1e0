"""Who decides: ClamAV by its stream protocol, or an appliance by ICAP (RFC 3507). Bytes are streamed; no file is written."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

CHUNK = 1 << 16
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 120.0


@dataclass(frozen=True, slots=True)
class Finding:
    """`threat`: None where nothing was found."""

    threat: str | None


class ScanFailed(Exception):
    """There is no verdict. Whatever the reason, the file must not be given out."""


class Engine(Protocol):
    async def scan(self, chunks: AsyncIterator[bytes], size: int) -> Finding:
        """Raises ScanFailed."""
        ...


def engine_of(url: str) -> Engine:
    """`clamd:///run/clamav/clamd.ctl`, `clamd://host:3310`, `icap://host:1344/service`. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme == "clamd" and (parts.path or parts.port):
        return Clamd(parts.path or None, parts.hostname, parts.port)
    if parts.scheme == "icap" and parts.hostname and parts.path.strip("/"):
        return Icap(parts.hostname, parts.port or 1344, parts.path.strip("/"))
    raise ValueError(f"{url!r} is neither clamd:///socket, clamd://host:port nor icap://host:port/service")


class Clamd:
    """clamd's INSTREAM. One connection a scan."""

    def __init__(self, path: str | None, host: str | None, port: int | None) -> None:
        self._path, self._host, self._port = path, host, port

    async def scan(self, chunks: AsyncIterator[bytes], size: int) -> Finding:
        async with _talking(self._connect) as (reader, writer):
            writer.write(b"zINSTREAM\0")
            async for chunk in chunks:
                for start in range(0, len(chunk), CHUNK):
                    part = chunk[start : start + CHUNK]
                    writer.write(struct.pack("!I", len(part)) + part)
                    await writer.drain()  # between parts others get their turn
            writer.write(struct.pack("!I", 0))
            await writer.drain()
            answer = (await reader.readuntil(b"\0")).rstrip(b"\0").decode("utf-8", "replace")
        if answer == "stream: OK":
            return Finding(None)
        if answer.startswith("stream: ") and answer.endswith(" FOUND"):
            return Finding(answer[8:-6])
        raise ScanFailed(answer[:200])

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._path is not None:
            return await asyncio.open_unix_connection(self._path)
        return await asyncio.open_connection(self._host, self._port)


class Icap:
    """RESPMOD with the file as an answer's body. 204 is clean, 200 with a finding is not, all else is no verdict."""

    _FOUND = ("x-infection-found", "x-violations-found", "x-virus-id")

    def __init__(self, host: str, port: int, service: str) -> None:
        self._host, self._port, self._service = host, port, service

    async def scan(self, chunks: AsyncIterator[bytes], size: int) -> Finding:
        inner = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {size}\r\n\r\n".encode()
        request = b"GET http://chappe.invalid/file HTTP/1.1\r\nHost: chappe.invalid\r\n\r\n"
        head = (
            f"RESPMOD icap://{self._host}:{self._port}/{self._service} ICAP/1.0\r\nHost: {self._host}\r\nAllow: 204\r\n"
            f"Connection: close\r\nEncapsulated: req-hdr=0, res-hdr={len(request)}, res-body={len(request) + len(inner)}\r\n\r\n"
        ).encode()
        async with _talking(lambda: asyncio.open_connection(self._host, self._port)) as (reader, writer):
            writer.write(head + request + inner)
            async for chunk in chunks:
                if chunk:
                    writer.write(b"%x\r\n" % len(chunk) + chunk + b"\r\n")
                    await writer.drain()
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = lines[0].split(" ")[1:2]
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        found = next((headers[name] for name in self._FOUND if name in headers), None)
        if status == ["204"]:
            return Finding(None)
        if status == ["200"] and found is not None:
            threat = next((part.split("=", 1)[1] for part in found.split(";") if part.strip().startswith("Threat=")), found)
            return Finding(threat.strip())
        raise ScanFailed(lines[0][:200])


@contextlib.asynccontextmanager
async def _talking(connect: object) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection whose every failure is a failed scan."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await connect()  # type: ignore[operator]
    except (OSError, TimeoutError) as error:
        raise ScanFailed(f"the scanner cannot be reached ({type(error).__name__})") from error
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield reader, writer
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError) as error:
        raise ScanFailed(f"the scanner gave no answer ({type(error).__name__})") from error
    finally:
        writer.close()
