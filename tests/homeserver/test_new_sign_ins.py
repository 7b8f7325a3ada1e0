"""Whoever has an address is told by mail of a device that signs in beside others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal
from urllib.parse import urlencode

import pytest

from chappe.config import Brand
from chappe.homeserver.accounts.device_names import in_words
from chappe.i18n import Reader
from tests.browser import Browser
from tests.homeserver.test_oauth import authorize, exchange, register
from tests.neighbours import Mailbox, plain
from tests.support import PASSWORD, Server, until

NewServer = Callable[..., Awaitable[Server]]
ADDRESS = "anne@example.org"


async def owner(server: Server, name: str = "anne") -> str:
    user = (await server.person(name, "FIRST")).id
    await server.node.database.execute(
        "INSERT INTO threepids (user_id, medium, address, validated_at, added_at) VALUES ($1, 'email', $2, 1, 1)", user, ADDRESS
    )
    return user


async def sign_in(server: Server, user: str, device: str | None, name: str | None) -> None:
    await server.node.sessions.sign_in(user, device, name, False)  # type: ignore[arg-type]


async def test_a_new_device_is_told_of_and_a_known_one_is_not(new_server: NewServer, mailbox: Mailbox) -> None:
    server = await new_server(email=mailbox.settings())
    user = await owner(server)
    await sign_in(server, user, "FIRST", "Firefox")  # again on the same device
    await sign_in(server, user, None, "Element X")
    await until(lambda: mailbox.sign_ins)
    await sign_in(server, user, "THIRDXDEVI", None)
    await until(lambda: len(mailbox.sign_ins) == 2)
    first, second = (plain(mail) for mail in mailbox.sign_ins)
    assert "Element X" in first and "«\xa0anne\xa0»" in first and "Ce n’est pas moi" in first
    assert "un appareil qui n’a pas dit son nom" in second and "http" not in first
    assert [mail["To"] for mail in mailbox.sign_ins] == [ADDRESS, ADDRESS]


@pytest.mark.parametrize("name", ["https://evil.example/now", "evil.example", "mailto:x@evil.example", "<b>x</b>", "a\nb: c"])
async def test_what_a_device_calls_itself_leads_nowhere(new_server: NewServer, mailbox: Mailbox, name: str) -> None:
    server = await new_server(email=mailbox.settings())
    user = await owner(server)
    await sign_in(server, user, None, name)
    mail = await until(lambda: mailbox.sign_ins and mailbox.sign_ins[0])
    assert "evil" not in plain(mail) and "<b>" not in plain(mail) and "b: c" not in plain(mail)


async def test_who_begins_is_told_nothing(new_server: NewServer, mailbox: Mailbox) -> None:
    server = await new_server(email=mailbox.settings())
    user = await owner(server)
    await server.node.sessions.remove_devices(user, ["FIRST"])
    await sign_in(server, user, "SECOND", "Firefox")
    assert await server.node.database.fetchval("SELECT count(*) FROM outgoing_mail") == 0


@pytest.mark.parametrize(("language", "said"), [("fr", "Firefox sur Windows, le "), ("en", "Firefox on Windows, on ")])
async def test_every_way_to_sign_in_says_what_the_device_is(
    new_server: NewServer, mailbox: Mailbox, language: Literal["fr", "en"], said: str
) -> None:
    """By a password, and by the pages, where the client's name is all that it says of itself."""
    server = await new_server(email=mailbox.settings(), brands={"localhost": Brand(name="Liaison", language=language)})
    user = await owner(server)
    agent = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": PASSWORD}
    assert (await server.raw("POST", "/_matrix/client/v3/login", body, headers=agent))[0] == 200
    client = (await register(server))[1]["client_id"]
    browser = Browser(server)
    await browser.sign_in(user, PASSWORD, authorize(client))
    await browser.submit("/oauth2/authorize")
    form = {**agent, "Content-Type": "application/x-www-form-urlencoded"}
    assert (
        await server.raw("POST", "/oauth2/token", urlencode(exchange(client, browser.query["code"])).encode(), headers=form)
    )[0] == 200
    mails = await until(lambda: len(mailbox.sign_ins) == 2 and mailbox.sign_ins)
    assert said in plain(mails[0])
    assert f"Element ({said.partition(',')[0]})" in plain(mails[1])


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/604.1"
)
ELEMENT_X = "Element X/26.1.0 (Google Pixel 8; Android 15; AP3A.241005.015; Sdk 0.1)"


@pytest.mark.parametrize(
    ("name", "program", "french", "english"),
    [
        ("Chappe", FIREFOX, "Firefox sur Linux", "Firefox on Linux"),
        ("Chappe", EDGE, "Edge sur Windows", "Edge on Windows"),
        ("Chappe", SAFARI, "Safari sur iPhone", "Safari on iPhone"),
        ("Chappe", None, "un appareil qui n’a pas dit son nom", "a device that gave no name"),
        ("Element", FIREFOX, "Element (Firefox sur Linux)", "Element (Firefox on Linux)"),
        ("Element X", ELEMENT_X, "Element X sur Android", "Element X on Android"),
        ("Element X Android", ELEMENT_X, "Element X Android", "Element X Android"),
        (None, ELEMENT_X, "Element X sur Android", "Element X on Android"),
        ("Firefox (Windows)", None, "Firefox sur Windows", "Firefox on Windows"),
        ("Poste du guichet", FIREFOX, "Poste du guichet (Firefox sur Linux)", "Poste du guichet (Firefox on Linux)"),
        ("app.element.io: Firefox", FIREFOX, "Firefox sur Linux", "Firefox on Linux"),
        ("evil.example", "evil.example/1 (x)", "un appareil qui n’a pas dit son nom", "a device that gave no name"),
        (None, "curl/8.5", "curl", "curl"),
        (None, None, "un appareil qui n’a pas dit son nom", "a device that gave no name"),
    ],
)
def test_what_a_device_is_called(name: str | None, program: str | None, french: str, english: str) -> None:
    said = in_words(name, program, ["Chappe"])
    assert (said(Reader(True)), said(Reader(False))) == (french, english)
