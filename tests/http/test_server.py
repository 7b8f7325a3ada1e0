"""What the server does with connections that are not what they should be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from chappe.homeserver.http import server as http_server
from tests.support import Server


async def connect(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.node.listeners[0].port)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Whether the server ends the connection, without an answer, within ten seconds."""
    try:
        return await asyncio.wait_for(reader.read(), 10) == b""
    except ConnectionError:
        return True


async def test_a_head_without_end_is_cut_off(server: Server) -> None:
    reader, writer = await connect(server)
    writer.write(b"GET / HTTP/1.1\r\nX-Long: ")
    try:
        for _ in range(100):
            writer.write(b"x" * 4096)
            await writer.drain()
    except ConnectionError:
        pass
    assert await is_closed(reader)
    writer.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.05)
    yield


async def test_a_head_that_never_ends_is_not_waited_for(server: Server, impatient: None) -> None:
    reader, writer = await connect(server)
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n")
    assert await is_closed(reader)
    writer.close()


async def test_requests_on_one_connection_go_on(server: Server, impatient: None) -> None:
    reader, writer = await connect(server)
    for _ in range(3):
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.1)  # longer than a head may take: between requests nobody is in a hurry
    writer.close()


async def test_what_is_no_http(server: Server) -> None:
    reader, writer = await connect(server)
    writer.write(b"\x16\x03\x01\x02\x00nonsense\r\n\r\n")
    assert (await reader.read(100)).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_a_body_that_trickles_in_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "BODY_SECONDS", 0.05)
    reader, writer = await connect(server)
    head = b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    writer.write(head + b'{"type":')
    assert await is_closed(reader)
    writer.close()
    reader, writer = await connect(server)
    body = b'{"type":"nothing","padding":"' + b"x" * 200_000 + b'"}'
    writer.write(head.replace(b"100", str(len(body)).encode()))
    for start in range(0, len(body), 20_000):
        writer.write(body[start : start + 20_000])
        await asyncio.sleep(0.02)  # slow, but going on
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 4")
    writer.close()
