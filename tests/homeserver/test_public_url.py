"""No address is made from a Host header that is not ours: every place that makes one × what a header may say."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from chappe.config import Config, Email, Registration, warnings_of
from chappe.homeserver.http.public_url import PublicUrl
from tests.neighbours import Mailbox, link_in
from tests.support import PASSWORD, Person, Server, until

NewServer = Callable[..., Awaitable[Server]]
V3 = "/_matrix/client/v3"
FOREIGN = [
    "evil.example",
    "evil.example:443",
    "localhost.evil.example",
    "evil.localhost",
    "127.0.0.1:1",
    "localhost@evil.example",
    "127.0.0.1.evil.example",
    "evil.example#localhost",
    "[::ffff:203.0.113.7]",
    "10.0.0.1",
    "localhost/..@evil.example",
    "",
    "gouv.example.evil.example",
    "evil.example\u00a0",
]


@pytest.fixture
async def server(new_server: NewServer, mailbox: Mailbox) -> Server:
    """Whose default domain is not the name that it is reached by."""
    return await new_server(
        server_name="gouv.example", email=mailbox.settings(), registration=Registration(open=True), extra_ca_file=None
    )


async def places(server: Server, host: str, alice: Person) -> dict[str, str]:
    """Every answer, page and mail that holds an address of this server, by what makes it."""
    found: dict[str, str] = {}

    async def ask(name: str, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        status, raw, headers = await server.raw(method, path, body, token, {"Host": host})
        found[name] = raw.decode() + headers.get("Location", "")
        assert "M_UNRECOGNIZED" not in found[name], name
        return json.loads(raw) if raw.startswith(b"{") else status

    await ask("client's well-known", "GET", "/.well-known/matrix/client")
    await ask("server's well-known", "GET", "/.well-known/matrix/server")
    await ask("OAuth metadata", "GET", "/_matrix/client/v1/auth_metadata")
    await ask("OAuth issuer", "GET", "/_matrix/client/unstable/org.matrix.msc2965/auth_issuer")
    client = {"client_uri": "https://app.example", "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]}
    registered = await ask("registering a client", "POST", "/oauth2/registration", client)
    form = urlencode(
        {"client_id": registered["client_id"], "scope": "urn:matrix:client:api:* urn:matrix:client:device:ABCDEFGHIJ"}
    ).encode()
    status, raw, _ = await server.raw(
        "POST", "/oauth2/device", form, None, {"Host": host, "Content-Type": "application/x-www-form-urlencoded"}
    )
    assert status == 200, raw
    found["device link"] = raw.decode()
    await ask("rendezvous", "POST", "/_matrix/client/unstable/org.matrix.msc4108/rendezvous", b"x")
    await ask("web client's settings", "GET", "/_chappe/client/v1/configuration")
    await ask("front page", "GET", "/")
    for page in ("/login", "/register", "/forgot-password", "/account", "/link"):
        await ask(f"page {page}", "GET", page)
    await ask("key reset", "POST", f"{V3}/keys/device_signing/upload", {}, alice.token)
    await server.node.database.execute("DELETE FROM outgoing_mail")
    for number, path in enumerate(("/register", "/account/password", "/account/3pid")):
        asked = {
            "client_secret": f"s{quote(host)[:9].replace('%', '')}{number}",
            "email": "alice@example.org",
            "send_attempt": 1,
        }
        await ask(f"mail of {path}", "POST", f"{V3}{path}/email/requestToken", asked)
    return found


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_foreign_host_stands_nowhere(server: Server, mailbox: Mailbox, host: str) -> None:
    alice = await _alice(server)
    found = await places(server, host, alice)
    wrong = {name: text for name, text in found.items() if _names(text, host)}
    assert wrong == {}
    for mail in mailbox.raw:
        assert b"evil.example" not in mail[1]


def _names(text: str, host: str) -> bool:
    return "evil" in text or (host != "" and f"//{host}" in text) or (f'"{host}"' in text and host != "")


async def test_an_unknown_host_means_the_default_domain(server: Server) -> None:
    alice = await _alice(server)
    found = await places(server, "evil.example", alice)
    assert json.loads(found["client's well-known"])["m.homeserver"] == {"base_url": "https://gouv.example"}
    assert json.loads(found["server's well-known"]) == {"m.server": "gouv.example:443"}
    assert json.loads(found["OAuth metadata"])["issuer"] == "https://gouv.example/"


@pytest.mark.parametrize("host", ["gouv.example", "GOUV.example", "gouv.example:8448"])
async def test_a_hosted_domain_is_ours(server: Server, host: str) -> None:
    _, raw, _ = await server.raw("GET", "/.well-known/matrix/client", headers={"Host": host})
    assert json.loads(raw)["m.homeserver"] == {"base_url": f"http://{host.lower()}"}


async def test_the_listener_s_own_address_is_ours(server: Server) -> None:
    port = server.base.rsplit(":", 1)[1]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        _, raw, _ = await server.raw("GET", "/.well-known/matrix/client", headers={"Host": host})
        assert json.loads(raw)["m.homeserver"] == {"base_url": f"http://{host}"}


async def test_links_are_mailed_where_the_operator_said_which(server: Server, mailbox: Mailbox, new_server: NewServer) -> None:
    """Without `public_url` only to this very machine, as on a developer's; with it, whatever the request says."""
    await _alice(server)
    asked = {"client_secret": "one", "email": "alice@example.org", "send_attempt": 1}
    for host in ("gouv.example", "evil.example"):
        status, raw, _ = await server.raw("POST", f"{V3}/account/password/email/requestToken", asked, headers={"Host": host})
        assert (status, json.loads(raw)["errcode"]) == (400, "M_THREEPID_MEDIUM_NOT_SUPPORTED")
    status, _, _ = await server.raw("POST", f"{V3}/account/password/email/requestToken", asked)
    assert status == 200 and link_in(await mailbox.next("alice@example.org")).startswith(server.base)

    other = await new_server(server_name="gouv.example", public_url="https://matrix.gouv.example", email=mailbox.settings())
    await _alice(other)
    for number, host in enumerate(("gouv.example", "evil.example", "127.0.0.1")):
        asked = {"client_secret": f"s{number}", "email": "alice@example.org", "send_attempt": 1}
        path = f"{V3}/account/password/email/requestToken"
        assert (await other.raw("POST", path, asked, headers={"Host": host}))[0] == 200
        link = link_in(await mailbox.next("alice@example.org"))
        assert link.startswith("https://matrix.gouv.example/verify-email?")


async def test_an_invitation_by_mail_leaves_without_its_link(server: Server, mailbox: Mailbox) -> None:
    alice = await _alice(server)
    invite = {"id_server": "gouv.example", "id_access_token": "x", "medium": "email", "address": "new@example.org"}
    await alice.call("POST", "/createRoom", {"invite_3pid": [invite]})
    await until(lambda: mailbox.raw)
    assert "https://" not in mailbox.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_the_operator_is_told() -> None:
    mail = Email(host="smtp.example", sender="a@example.org")
    assert any("public_url" in text for text in warnings_of(Config(server_name="gouv.example", email=mail)))
    assert warnings_of(Config(server_name="gouv.example", email=mail, public_url="https://m.gouv.example")) == []
    assert warnings_of(Config(server_name="gouv.example")) == []


def test_what_may_be_mailed() -> None:
    with_url = PublicUrl("https://m.gouv.example/", lambda: ["gouv.example"])
    without = PublicUrl(None, lambda: ["gouv.example"])
    assert with_url.may_be_mailed("https://m.gouv.example/x") and with_url.may_be_mailed("https://m.gouv.example")
    for link in ("https://m.gouv.example.evil.example/x", "https://m.gouv.example@evil.example/", "http://localhost/"):
        assert not with_url.may_be_mailed(link)
    assert without.may_be_mailed("http://localhost:8008/x") and without.may_be_mailed("http://[::1]/")
    for link in ("https://gouv.example/x", "https://localhost.evil.example/", "https://localhost@evil.example/"):
        assert not without.may_be_mailed(link)


async def _alice(server: Server) -> Person:
    body = {"username": "alice", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
    _, raw, _ = await server.raw("POST", f"{V3}/register", body)
    alice = Person(server, json.loads(raw))
    await server.node.bind_threepid(alice.id, "email", "alice@example.org", 1)  # type: ignore[arg-type]
    return alice
