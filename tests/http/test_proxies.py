"""Who asks, behind reverse proxies, and what the world outside may be asked."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chappe.config import Limit, Limits, Listener
from chappe.homeserver.http.proxies import Proxied, network_of
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import literal_of
from chappe.net.fetcher import Fetcher, is_public
from tests.support import Server

SOURCE = Path(__file__).parents[2] / "src" / "chappe"
TRUSTED = ["127.0.0.0/8", "10.0.0.0/8", "::1/128"]


async def seen(peer: str, *forwarded: str, protocol: str | None = None) -> tuple[str, str]:
    """(address, scheme) as the application sees them."""
    found: list[tuple[str, str]] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        found.append((scope["client"][0], scope["scheme"]))

    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    if protocol is not None:
        headers.append((b"x-forwarded-proto", protocol.encode()))
    scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
    await Proxied(application, TRUSTED)(scope, None, None)
    return found[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.1, 198.51.100.7"], "198.51.100.7"),  # the client has written the first
        ("127.0.0.1", ["203.0.113.1", "198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7, 10.1.2.3"], "198.51.100.7"),  # two proxies
        ("127.0.0.1", ["127.0.0.1, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["10.9.9.9"], "10.9.9.9"),  # a client of the intranet
        ("127.0.0.1", ["rubbish, 198.51.100.7:4711"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7, rubbish"], "127.0.0.1"),
        ("127.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("127.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("198.51.100.9", ["203.0.113.1"], "198.51.100.9"),  # not a proxy of ours
        ("198.51.100.9", ["127.0.0.1"], "198.51.100.9"),
    ],
)
async def test_the_client_is_the_last_address_that_no_proxy_of_ours_has(peer: str, forwarded: list[str], client: str) -> None:
    assert (await seen(peer, *forwarded))[0] == client


async def test_the_protocol_is_what_a_trusted_proxy_says() -> None:
    assert await seen("127.0.0.1", "198.51.100.7", protocol="https") == ("198.51.100.7", "https")
    assert (await seen("127.0.0.1", protocol="http, https"))[1] == "https"
    assert (await seen("127.0.0.1", protocol="gopher"))[1] == "http"
    assert (await seen("198.51.100.9", protocol="https"))[1] == "http"


def test_an_ipv6_subscriber_is_one_client() -> None:
    assert network_of("2001:db8:1:2:aaaa::1") == network_of("2001:db8:1:2:bbbb::2") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("198.51.100.7") == "198.51.100.7"
    assert network_of("local") == "local"


async def test_invented_addresses_do_not_pass_the_limits(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server(
        listeners=[Listener(port=0, behind_proxy=True)],
        rate_limits_enabled=True,
        limits=Limits(login=Limit(0.001, 20), failed_login=Limit(100, 1000)),
    )
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "nobody"}, "password": "x"}
    statuses = []
    for number in range(40):
        headers = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"}
        statuses.append((await server.raw("POST", "/_matrix/client/v3/login", body, headers=headers))[0])
    assert statuses.count(429) == 20


async def test_metrics_are_for_this_machine_where_clients_are_served(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server()
    assert (await server.raw("GET", "/metrics"))[0] == 200
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert (await server.raw("GET", "/metrics", headers={header: "198.51.100.7"}))[0] == 403, header
    aside = await new_server(listeners=[Listener(port=0), Listener(port=0, apis=["health", "metrics"])])
    url = aside.node.listeners[1].url + "/metrics"
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Via": "1.1 proxy"}) as answer:
        assert answer.status == 200


async def test_any_site_may_ask_the_apis_and_not_the_pages(server: Server) -> None:
    for path, is_open in (
        ("/_matrix/client/versions", True),
        ("/.well-known/matrix/client", True),
        ("/login", False),
        ("/account", False),
        ("/", False),
    ):
        _, _, headers = await server.raw("GET", path)
        assert ("Access-Control-Allow-Origin" in headers) == is_open, path


async def test_with_tls_browsers_are_kept_on_it(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server(listeners=[Listener(port=0, behind_proxy=True)], public_url="https://chat.example.org")
    through = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
    _, _, headers = await server.raw("GET", "/login", headers=through)
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    cookies = headers.getall("Set-Cookie")
    assert cookies and all(c.startswith("__Host-chappe_") and "; Secure" in c and "; Path=/;" in c for c in cookies)
    assert "Strict-Transport-Security" not in (await server.raw("GET", "/login"))[2]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "::1", "[::1]", "::ffff:127.0.0.1", "127.0.0.1.", "10.1", "0"],
)
def test_an_address_is_known_in_every_notation(host: str) -> None:
    literal = literal_of(host)
    assert literal is not None and not is_public(literal)


@pytest.mark.parametrize(
    "address",
    [
        "fec0::1",
        "feff::1",
        "192.0.0.192",
        "192.0.0.9",
        "192.88.99.1",
        "168.63.129.16",
        "64:ff9b:1::808:808",
        "100::1",
        "3fff::1",
        "5f00::1",
        "::ffff:168.63.129.16",
        "64:ff9b::a83f:8110",
        "2002:c000:00c0::1",
        "10.1.2.3",
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "224.0.0.1",
        "ff02::1",
        "::127.0.0.1",
        "0.0.0.0",
        "::",
        "198.18.0.1",
        "240.0.0.1",
        "2001:db8::1",
        "no address",
    ],
)
def test_what_is_no_public_address(address: str) -> None:
    assert not is_public(address)


def test_what_is_a_public_address() -> None:
    for address in (
        "8.8.8.8",
        "192.0.1.1",
        "168.63.129.17",
        "2001:4860:4860::8888",
        "2a01:e0a::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ):
        assert is_public(address), address


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("metadata.example", "http://metadata.example./"),
        ("metadata.example", "http://METADATA.example..:80/latest"),
        ("metadata.example", "http://metadata\u3002example/"),
        ("metadata.example", "http://\uff4detadata.example/"),
        ("*.intra.example", "http://wiki.intra.example./"),
        ("intra.example.", "http://intra.example/"),
        ("xn--bcher-kva.example", "http://b\u00fccher.example/"),
        ("b\u00fccher.example", "http://xn--bcher-kva.example/"),
        ("8.8.8.*", "http://134744072/"),
        ("8.8.8.8", "http://8.8.8.8./"),
        ("8.8.8.8", "http://[::ffff:808:808]/"),
    ],
)
def test_a_blocked_host_is_so_however_it_is_written(pattern: str, url: str) -> None:
    with pytest.raises(MatrixError) as refused:
        Fetcher([], [pattern], None).check(url)
    assert refused.value.errcode == "M_FORBIDDEN"
    Fetcher([], ["other.example"], None).check(url)


def test_names_are_no_addresses() -> None:
    assert [literal_of(host) for host in ("example.org", "fade.cafe", "a.b", "beef")] == [None] * 4


def test_every_request_to_the_outside_goes_through_the_guarded_clients() -> None:
    """Connections to hosts that others name are opened in two places, and neither follows a redirect by itself."""
    may_open = {"net/fetcher.py", "homeserver/outbound/federation/client.py"}
    # to the servers that the operator has named
    may_open |= {"homeserver/gateway/incoming.py", "homeserver/modules/calls/sfu.py"}
    found = set()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called.endswith(("ClientSession", "urlopen", "httpx.AsyncClient", "requests.get")):
                found.add(path.relative_to(SOURCE).as_posix())
            if called in ("self._open().get", "self._open().request", "self._open().post"):
                follows = [k for k in node.keywords if k.arg == "allow_redirects"]
                assert follows and ast.unparse(follows[0].value) == "False", f"{path}: a redirect would be followed unseen"
    assert found <= may_open, f"{found - may_open} open connections of their own"
