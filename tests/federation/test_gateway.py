"""The border gateway: an inner server that reaches, and is reached by, the servers that were agreed on and no others."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from chappe.config import ConfigError, Federation, GatewaySettings, Listener, Outgoing, PinnedPeer
from chappe.homeserver.app.gateway import Gateway
from chappe.homeserver.gateway.settings import load_settings
from chappe.homeserver.outbound.federation.client import PeerRefused
from tests.federation.certificates import Authority
from tests.federation.conftest import Peer
from tests.federation.test_everything_else import PNG
from tests.federation.test_rooms import agree, enter, hears
from tests.process import free_port
from tests.support import Refused, Server, segment

NewServer = Callable[..., Awaitable[Server]]


class Border:
    """`inner` is known to the world under the gateway's address; `friend` is pinned there, `stranger` is not."""

    inner: Server
    friend: Server
    stranger: Server
    gateway: Gateway


@pytest_asyncio.fixture
async def border(new_server: NewServer, peer: Peer, authority: Authority) -> AsyncIterator[Border]:
    b, outside, inside, proxy = Border(), free_port(), free_port(), free_port()
    certificate, key = authority.issue("localhost")
    b.friend, b.stranger = await peer(), await peer()
    federation = Federation(mode="open", allow_private_addresses=True, proxy=f"http://127.0.0.1:{proxy}")
    listeners = [Listener(port=0), Listener(port=inside, tls_certificate=certificate, tls_key=key)]
    b.inner = await new_server(
        server_name=f"localhost:{outside}", listeners=listeners, federation=federation, extra_ca_file=authority.file
    )
    friend = b.friend.config.server_name
    own = b.friend.node.domains.signing_key(friend)
    b.gateway = Gateway(
        GatewaySettings(
            inner=f"https://localhost:{inside}",
            domains=[b.inner.config.server_name],
            inner_ca_file=authority.file,
            listeners=[Listener(port=outside, tls_certificate=certificate, tls_key=key)],
            peers=[PinnedPeer(friend, {own.key_id: own.public}, [friend])],
            outgoing=Outgoing(port=proxy),
            access_log=False,
        )
    )
    await b.gateway.start()
    yield b
    await b.gateway.stop()


async def test_pinned_servers_talk_through_it(border: Border) -> None:
    alice, bob = await border.inner.person("alice"), await border.friend.person("bob")
    room = await alice.create_room(preset="public_chat", name="Behind the border")
    await enter(bob, room, border.inner)
    await bob.say(room, "from outside")
    await hears(alice, room, "from outside")
    await alice.say(room, "from inside")
    await hears(bob, room, "from inside")
    theirs = await bob.create_room(preset="public_chat")
    await enter(alice, theirs, border.friend)
    await agree(theirs, border.inner, border.friend)
    status, raw, _ = await border.inner.raw("POST", "/_matrix/media/v3/upload", PNG, alice.token, {"Content-Type": "image/png"})
    assert status == 200
    import json

    path = json.loads(raw)["content_uri"].removeprefix("mxc://")
    status, got, _ = await border.friend.raw("GET", f"/_matrix/client/v1/media/download/{path}", None, bob.token)
    assert (status, got) == (200, PNG)


async def test_strangers_do_not_pass_either_way(border: Border) -> None:
    alice, eve = await border.inner.person("alice"), await border.stranger.person("eve")
    room = await alice.create_room(preset="public_chat")
    with pytest.raises(Refused) as refused:
        await enter(eve, room, border.inner)
    assert refused.value.status == 403
    theirs = await eve.create_room(preset="public_chat")
    with pytest.raises(Refused) as refused:
        await enter(alice, theirs, border.stranger)
    assert refused.value.status == 502
    with pytest.raises(Refused):
        await alice.call("GET", f"/profile/{segment(eve.id)}")


async def test_only_what_is_known_and_signed_with_the_pinned_key(border: Border, authority: Authority) -> None:
    import ssl

    context = ssl.create_default_context(cafile=authority.file)
    base = f"https://{border.inner.config.server_name}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        for path, status in (
            ("/_matrix/key/v2/server", 200),
            ("/_matrix/federation/v1/version", 200),
            ("/_matrix/client/versions", 404),
            ("/_matrix/key/v2/query/other", 404),
            ("/_matrix/federation/v1/openid/userinfo?access_token=x", 404),
            ("/_matrix/federation/v1/publicRooms", 401),
            ("/_matrix/client/v3/login", 404),
            ("/health", 404),
            ("/", 404),
            ("/_matrix/federation/v1/../../client/versions", 404),
            ("/_matrix/federation/v1/%2e%2e/%2e%2e/x", 404),
        ):
            async with session.get(base + path) as answer:
                assert answer.status == status, path
        async with session.put(base + "/_matrix/federation/v1/3pid/onbind", json={}) as answer:
            assert answer.status == 404
    friend, inner = border.friend, border.inner.config.server_name
    path = "/_matrix/federation/v1/publicRooms"
    assert "chunk" in await friend.node.federation_client.get(friend.config.server_name, inner, path)
    await friend.node.domains.rotate_key(friend.config.server_name, 0)
    with pytest.raises(PeerRefused) as refused:
        await friend.node.federation_client.get(friend.config.server_name, inner, path)
    assert refused.value.peer_status == 401, "a key that nobody has pinned"


async def test_the_inner_server_is_away(border: Border) -> None:
    await border.inner.stop()
    friend = border.friend
    with pytest.raises(PeerRefused) as refused:
        path = "/_matrix/federation/v1/publicRooms"
        await friend.node.federation_client.get(friend.config.server_name, border.inner.config.server_name, path)
    assert refused.value.peer_status == 502


@pytest.mark.parametrize(
    "head, status",
    [
        (b"CONNECT example.org:443 HTTP/1.1\r\n\r\n", b"403"),
        (b"GET http://example.org/ HTTP/1.1\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"405"),
        (b"CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n", b"403"),
    ],
)
async def test_the_way_out_leads_to_pinned_peers_only(border: Border, head: bytes, status: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", border.gateway.proxy_port)
    writer.write(head)
    assert (await reader.readline()).startswith(b"HTTP/1.1 " + status)
    writer.close()


GOOD = """
inner = "https://10.0.0.5:8448"
domains = ["example.org"]
[[listeners]]
port = 0
[[peers]]
server_name = "culture.example"
keys = {"ed25519:a1" = "abc"}
"""


def test_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(GOOD)
    assert load_settings(file).peers[0].server_name == "culture.example"
    for good, bad in (
        ("https://10", "ftp://10"),
        ('"ed25519:a1"', '"a1"'),
        ('keys = {"ed25519:a1" = "abc"}', "keys = {}"),
        ("domains", "domain"),
        ("port = 0", "port = -1"),
        ('domains = ["example.org"]', ""),
        ("[[peers]]", "[[peers"),
    ):
        file.write_text(GOOD.replace(good, bad))
        with pytest.raises(ConfigError, match=r"gateway\.toml"):
            load_settings(file)


async def test_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(GOOD)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chappe", "gateway", "--config", str(file), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    assert b"gateway to https://10.0.0.5:8448 at http://127.0.0.1:" in line
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 20) == 0
