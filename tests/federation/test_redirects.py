"""The page that says where a server is may redirect, but neither to plain HTTP nor into the internal network."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from chappe.config import Federation
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient
from chappe.homeserver.outbound.federation.dns import srv
from chappe.net.breaker import Breaker
from tests.federation.certificates import Authority
from tests.process import free_port


class Pages:
    """An HTTPS server whose `/redirect` leads wherever a test says, and a plain one that must not be asked."""

    def __init__(self) -> None:
        self.location, self.asked = "", list[str]()
        self.secure, self.plain = free_port(), free_port()
        self.client: FederationClient

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.scheme} {request.path}")
        if request.path == "/redirect":
            return web.Response(status=302, headers={"Location": self.location})
        return web.json_response({"m.server": "found.example:443"})


@pytest_asyncio.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    authority, pages = Authority(tmp_path), Pages()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", pages.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("localhost", "127.0.0.1"))
    await web.TCPSite(runner, "127.0.0.1", pages.secure, ssl_context=context).start()
    await web.TCPSite(runner, "127.0.0.1", pages.plain).start()
    settings = Federation(mode="open", allow_private_addresses=True)
    domains: Domains = None  # type: ignore[assignment]  # nothing is signed here
    pages.client = FederationClient(domains, settings, Boundaries(settings), Breaker(lambda: 0), srv, lambda: 0, authority.file)
    yield pages
    await pages.client.close()
    await runner.cleanup()


async def test_a_redirect_over_https_is_followed(pages: Pages) -> None:
    pages.location = "/elsewhere"
    document = await pages.client.get_document(f"https://localhost:{pages.secure}/redirect")
    assert document is not None and document.status == 200
    assert pages.asked == ["https /redirect", "https /elsewhere"]


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{plain}/secret",
        "http://127.0.0.1:{plain}/secret",
        "file:///etc/passwd",
        "//user@localhost:{secure}/secret",
    ],
)
async def test_other_ways_are_not_followed(location: str, pages: Pages) -> None:
    pages.location = location.format(plain=pages.plain, secure=pages.secure)
    assert await pages.client.get_document(f"https://localhost:{pages.secure}/redirect") is None
    assert pages.asked == ["https /redirect"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"]
)
async def test_a_private_address_is_not_asked_in_any_notation(host: str, pages: Pages) -> None:
    settings = Federation(mode="open")
    guarded = FederationClient(pages.client._domains, settings, Boundaries(settings), Breaker(lambda: 0), srv, lambda: 0, None)
    assert await guarded.get_document(f"https://{host}:{pages.secure}/redirect") is None
    assert await guarded.get_document(f"https://localhost:{pages.secure}/redirect") is None, "nor a name that leads there"
    assert pages.asked == []
    await guarded.close()


async def test_redirects_come_to_an_end(pages: Pages) -> None:
    pages.location = "/redirect"
    assert await pages.client.get_document(f"https://localhost:{pages.secure}/redirect") is None
    assert len(pages.asked) == 6
