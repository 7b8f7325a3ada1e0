"""What the pages send people to and tell them is what was checked: redirects, applications, second factors, types of files."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from chappe.agency.antivirus.scanner import _matches, recognised, recognised_for_certain
from chappe.config import Brand, Registration, SecondFactor
from chappe.homeserver.api.pages.page import as_sent, form_target, safe_next
from tests.browser import Browser
from tests.support import PASSWORD, Refused, Server, segment

NewServer = Callable[..., Awaitable[Server]]
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ELSEWHERE = [
    "//evil.example",
    "/é/evil.example/x",
    "/\u00e9\u00e8/evil.example",
    "/\u200b/evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "https://evil.example",
    "/\t/evil.example",
    "/ /evil.example",
    "///evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/\u2028/evil.example",
    "/%0d%0aX: y",
    "/\r\nX: y",
    "/\uff0f/evil.example",
    "/..//evil.example",
    "",
]


@pytest.mark.parametrize("wanted", ELSEWHERE)
async def test_signing_in_leads_nowhere_else(new_server: NewServer, wanted: str) -> None:
    server = await new_server(registration=Registration(open=True))
    await server.person("alice")
    browser = await Browser(server).open(f"/login?{urlencode({'next': wanted})}")
    for _ in ("after the password", "for who is signed in"):
        if "/login" in browser.page and 'name="password"' in browser.page:
            await browser.submit("/login", login="alice", password=PASSWORD)
        else:
            await browser.open(f"/login?{urlencode({'next': wanted})}", follow=False)
            target = browser.answer_headers["Location"]
            assert target.startswith("/") and not target.startswith("//") and target.isascii(), target
        assert browser.url.startswith(server.base), browser.url
    assert safe_next(wanted).isascii() and not safe_next(wanted).startswith("//")
    assert as_sent("/é") == "/%C3%A9" and as_sent("https://a.example/?x=%20") == "https://a.example/?x=%20"


async def register(server: Server, **metadata: Any) -> tuple[int, Any]:
    body = {"client_name": "App", "client_uri": "https://app.example/", "grant_types": [DEVICE], **metadata}
    status, raw, _ = await server.raw("POST", "/oauth2/registration", body)
    return status, json.loads(raw)


async def test_an_application_that_nothing_proves_is_said_to_be_one(new_server: NewServer) -> None:
    server = await new_server(registration=Registration(open=True))
    alice = await server.person("alice")
    _, client = await register(
        server,
        client_name="Messagerie de confiance",
        client_uri="https://gouv.example/",
        redirect_uris=["https://gouv.example/"],
    )
    form = urlencode(
        {"client_id": client["client_id"], "scope": "urn:matrix:client:api:* urn:matrix:client:device:ABCDEFGHIJ"}
    ).encode()
    _, raw, _ = await server.raw("POST", "/oauth2/device", form, None, {"Content-Type": "application/x-www-form-urlencoded"})
    browser = await Browser(server).sign_in(alice.id, PASSWORD)
    await browser.open(f"/link?code={json.loads(raw)['user_code']}")
    assert browser.heading == "Allow an unverified application?"
    assert "gouv.example" not in browser.page and "Nothing proves whose it is" in browser.page


@pytest.mark.parametrize(
    "name", ["Chappe", "chappe – officiel", "C h a p p e", "Ｃhappe", "Messagerie de l'État", "MESSAGERIE DE L’ETAT"]
)
async def test_the_service_s_own_name_is_its_own(new_server: NewServer, name: str) -> None:
    server = await new_server(brands={"localhost": Brand(name="Messagerie de l'État")})
    status, answer = await register(server, client_name=name)
    assert (status, answer["error"]) == (400, "invalid_client_metadata")
    status, _ = await register(server, **{"client_name": "Other", "client_name#fr": name})
    assert status == 400
    own = {"client_name": name, "client_uri": f"{server.base}/", "redirect_uris": [f"{server.base}/"]}
    assert (await register(server, grant_types=["authorization_code"], **own))[0] == 201


@pytest.mark.parametrize("home", ["https://fr/", "https://com", "https://gouv/app"])
async def test_a_whole_domain_is_no_application(new_server: NewServer, home: str) -> None:
    server = await new_server()
    status, answer = await register(
        server, client_uri=home, redirect_uris=["https://evil.fr/cb"], grant_types=["authorization_code"]
    )
    assert (status, answer["error"]) == (400, "invalid_client_metadata")


async def test_a_directory_s_password_is_not_enough_where_more_is_asked(new_server: NewServer) -> None:
    """Who came through a directory is asked for the second factor like anybody; a provider sees to it itself."""
    server = await new_server(second_factor=SecondFactor(required_domains=["localhost"]), registration=Registration(open=True))
    await server.person("alice")
    browser = await Browser(server).sign_in("alice", PASSWORD)
    assert browser.url.split("?")[0].endswith("/account/second-factor")
    database = server.node.database
    await database.execute("UPDATE browser_sessions SET method = 'ldap:staff'")
    await browser.open("/account", follow=False)
    assert browser.answer_headers["Location"].startswith("/account/second-factor")
    await database.execute("UPDATE totp_secrets SET confirmed = true")
    await browser.open("/account", follow=False)
    assert browser.answer_headers["Location"].startswith("/login/second-factor")
    await database.execute("UPDATE browser_sessions SET method = 'oidc:x', provider = 'x'")
    assert (await browser.open("/account")).status == 200


@pytest.mark.parametrize("kind", ["text/html\r\nX: y", "a\nb", "text/\0html", "té/xt", "x" * 300])
async def test_a_type_with_more_in_it_is_none(new_server: NewServer, kind: str) -> None:
    server = await new_server(registration=Registration(open=True))
    alice = await server.person("alice")
    room = await alice.create_room()
    hook = await alice.prove(
        f"/_chappe/client/v1/rooms/{segment(room)}/webhooks", {"direction": "incoming", "name": "x", "purpose": "x"}
    )
    file = {"name": "x", "content": "eA==", "content_type": kind}
    with pytest.raises(Refused) as refused:
        await alice.call("POST", quote(hook["path"]), {"text": "x", "files": [file]})
    assert refused.value.status == 400
    assert await server.node.database.fetchval("SELECT count(*) FROM media") == 0


PROGRAM = b"MZ" + b"\x90" * 58 + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(range(256)) * 4
FAR = b"MZ" + bytes(range(58)) + (9000).to_bytes(4, "little") + bytes(range(256)) * 15


@pytest.mark.parametrize(
    ("head", "size", "kind"),
    [
        (PROGRAM, 2000, "application/x-dosexec"),
        (FAR, 20_000, "application/x-dosexec"),
        (FAR, 8000, None),
        (b"MZ" + b"\0" * 200, 202, "application/x-dosexec"),
        (b"\x7fELF\2\1\1" + bytes(100), 107, "application/x-elf"),
        (b"#!/bin/sh\nrm -rf /\n", 20, "application/x-script"),
        (b"#!\x8f\xee\x01" + bytes(range(200)), 205, None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(50), 66, "image/png"),
        (b"%PDF-1.7\n" + bytes(50), 59, "application/pdf"),
        (bytes((n * 167 + 13) % 256 for n in range(4096)), 9999, None),
        (b"", 0, None),
    ],
)
def test_what_is_declared_unknown_is_judged_where_it_is_certain(head: bytes, size: int, kind: str | None) -> None:
    assert recognised_for_certain(head, size) == kind
    if kind == "application/x-dosexec":
        assert all(_matches(recognised(head), name) for name in ("application/x-msdownload", "application/x-dosexec"))


@pytest.mark.parametrize(
    ("address", "source"),
    [
        (None, ""),
        ("https://app.example/back?x=1", " https://app.example"),
        ("https://app.example:8443/back", " https://app.example:8443"),
        ("http://127.0.0.1:53211/", " http://127.0.0.1:53211"),
        ("http://[::1]:53211/", " http:"),
        ("example.app.chappe:/signed-in", " example.app.chappe:"),
        ("element://connect", " element:"),
        ("https://app.example; script-src *", " https:"),
        ("https://app.example:port/", ""),
    ],
)
def test_a_form_may_lead_to_its_application_and_nowhere_else(address: str | None, source: str) -> None:
    assert form_target(address) == source


async def test_every_page_says_where_its_forms_lead(new_server: NewServer) -> None:
    server = await new_server(registration=Registration(open=True))
    await server.person("alice")
    browser = Browser(server)
    for path in ("/login", "/register", "/forgot-password", "/verify-email?sid=s&client_secret=c&token=t", "/switch-account"):
        await browser.open(path)
        assert "; form-action 'self'; " in browser.answer_headers["Content-Security-Policy"], path
    await browser.open("/login?login_hint=alice")  # what is known already is not typed again
    assert (
        re.search(r'type="password" autocomplete="current-password"[^>]* required autofocus', browser.page)
        and browser.page.count("autofocus") == 1
    )
    await browser.sign_in("alice", PASSWORD)
    for path in ("/account", "/account/password", "/link", "/account/second-factor", "/account/passkeys"):
        await browser.open(path)
        assert "; form-action 'self'; " in browser.answer_headers["Content-Security-Policy"], path
    target = "https://client.example/?a=1"
    await browser.open(f"/login/continue?{urlencode({'redirectUrl': target})}")
    assert "; form-action 'self' https://client.example; " in browser.answer_headers["Content-Security-Policy"]
    await browser.submit("/login/continue")
    assert browser.url.startswith(target) and "loginToken" in browser.query
