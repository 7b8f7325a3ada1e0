"""What a provider ended is ended here, however long ago and whatever else has happened; what it did not ask is not proven."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from chappe.config import Registration
from chappe.homeserver.accounts.browser_sessions import GRANTED_FOR_MS, LIFETIME_MS
from chappe.matrix.identifiers import UserId
from tests.browser import Browser
from tests.homeserver.test_oauth import authorize, client_id, exchange, token
from tests.provider import Provider
from tests.support import Server

NewServer = Callable[..., Awaitable[Server]]
ZOE = "@zoe:localhost"
WHOAMI = "/_matrix/client/v3/account/whoami"


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = await Provider().start()
    yield provider
    await provider.stop()


@pytest_asyncio.fixture
async def server(new_server: NewServer, provider: Provider) -> Server:
    made = await new_server(identity_providers=[provider.settings(create_accounts=False)], registration=Registration(open=True))
    await made.node.accounts.register(UserId(ZOE), None)
    await made.node.database.execute("INSERT INTO upstream_links VALUES ('pc', 'zoe', $1, 1)", ZOE)
    provider.says = {"sub": "zoe", "sid": "s1", "auth_time": int(time.time())}
    return made


async def legacy(browser: Browser) -> str:
    """A client of the old API that is let in by a browser's session. Returns its token."""
    target = "https://client.example.org/done"
    await browser.open(f"/_matrix/client/v3/login/sso/redirect?{urlencode({'redirectUrl': target})}")
    await browser.submit("/login/continue")
    body = {"type": "m.login.token", "token": browser.query["loginToken"]}
    browser.url = browser.server.base
    status, raw, _ = await browser.server.raw("POST", "/_matrix/client/v3/login", body)
    assert status == 200, raw
    return str(json.loads(raw)["access_token"])


async def modern(browser: Browser) -> str:
    """A client of the OAuth 2.0 API likewise."""
    client = await client_id(browser.server)
    await browser.open(authorize(client))
    await browser.submit("/oauth2/authorize")
    code = browser.query["code"]
    browser.url = browser.server.base
    status, given = await token(browser.server, **exchange(client, code))
    assert status == 200
    return str(given["access_token"])


async def nothing(server: Server, provider: Provider, browser: Browser) -> None:
    pass


async def signs_out_of_the_pages(server: Server, provider: Provider, browser: Browser) -> None:
    await browser.open("/account")
    await browser.submit("/logout")


async def switches_accounts(server: Server, provider: Provider, browser: Browser) -> None:
    await browser.open("/switch-account?next=/account")
    await browser.submit("/switch-account")


async def signs_in_again(server: Server, provider: Provider, browser: Browser) -> None:
    provider.says |= {"sid": "s2", "auth_time": int(time.time())}
    await provider.let_in(browser, again="1")


async def half_a_day_passes(server: Server, provider: Provider, browser: Browser) -> None:
    await server.node.database.execute(
        "UPDATE browser_sessions SET expires_ts = expires_ts - $1", LIFETIME_MS + GRANTED_FOR_MS + 1000
    )
    await server.node.browser_sessions.prune()


async def loses_a_second_factor(server: Server, provider: Provider, browser: Browser) -> None:
    await server.node.browser_sessions.end_all(ZOE)


BETWEEN = [nothing, signs_out_of_the_pages, switches_accounts, signs_in_again, half_a_day_passes, loses_a_second_factor]


@pytest.mark.parametrize("claims", [{"sub": "zoe"}, {"sid": "s1"}, {"sub": "zoe", "sid": "s1"}], ids=str)
@pytest.mark.parametrize("between", BETWEEN)
async def test_a_provider_ends_what_came_of_its_sign_in(
    server: Server, provider: Provider, between: Any, claims: dict[str, str]
) -> None:
    browser = await provider.let_in(Browser(server))
    assert browser.heading == "My account"
    tokens = [await legacy(browser), await modern(browser)]
    await between(server, provider, browser)
    assert [(await server.raw("GET", WHOAMI, None, t))[0] for t in tokens] == [200, 200]
    assert await provider.log_out(server, **claims) == 200
    assert [(await server.raw("GET", WHOAMI, None, t))[0] for t in tokens] == [401, 401]


async def test_an_end_that_was_cut_short_is_asked_for_again(server: Server, provider: Provider) -> None:
    browser = await provider.let_in(Browser(server))
    tokens = [await legacy(browser), await modern(browser)]
    assert len(await server.node.browser_sessions.end_upstream("pc", "zoe", None)) == 1  # and the process is killed
    assert (await browser.open("/account")).heading.startswith("Sign in")
    assert await provider.log_out(server, sub="zoe") == 200
    assert [(await server.raw("GET", WHOAMI, None, t))[0] for t in tokens] == [401, 401]


async def test_a_device_that_such_a_device_let_in_ends_with_it(server: Server, provider: Provider) -> None:
    browser = await provider.let_in(Browser(server))
    first = await modern(browser)
    device = await server.node.database.fetchval("SELECT device_id FROM oauth_sessions")
    login = await server.node.accounts.store.sessions.browser_of_device(ZOE, device)
    assert login is not None
    given = await server.node.login_tokens.new(ZOE, device, login)
    body = {"type": "m.login.token", "token": given}
    _, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
    second = json.loads(raw)["access_token"]
    assert await provider.log_out(server, sub="zoe") == 200
    assert [(await server.raw("GET", WHOAMI, None, t))[0] for t in (first, second)] == [401, 401]


async def test_an_ended_session_is_forgotten_when_nothing_comes_of_it_any_more(server: Server, provider: Provider) -> None:
    browser = await provider.let_in(Browser(server))
    access = await legacy(browser)
    await signs_out_of_the_pages(server, provider, browser)
    rows = "SELECT address, user_agent FROM browser_sessions"
    assert [tuple(row) for row in await server.node.database.fetch(rows)] == [(None, None)]
    assert (await browser.open("/account")).heading.startswith("Sign in")
    await server.raw("POST", "/_matrix/client/v3/logout", {}, access)
    await half_a_day_passes(server, provider, browser)
    assert await server.node.database.fetch(rows) == []


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": 1},
        {"sid": 1},
        {"sub": ""},
        {"sub": "zoe", "iat": "now"},
        {"sub": "zoe", "exp": "later"},
        {"sub": "zoe", "nonce": "n"},
        {"sub": "zoe", "events": {}},
    ],
    ids=str,
)
async def test_what_is_no_logout_token_ends_nothing(server: Server, provider: Provider, claims: dict[str, Any]) -> None:
    access = await legacy(await provider.let_in(Browser(server)))
    assert await provider.log_out(server, **claims) == 400
    assert (await server.raw("GET", WHOAMI, None, access))[0] == 200


# -------------------------------------------------------------------------------------------------------- fresh proofs

AGO = 3600


async def is_fresh(browser: Browser) -> bool:
    """Whether a page that wants a proof opens, or leads to a new sign-in."""
    await browser.open("/account/second-factor", follow=False)
    assert browser.status == 200 or "again=1" in browser.answer_headers["Location"]
    return browser.status == 200


@pytest.mark.parametrize("query", [{}, {"again": "1"}], ids=str)
@pytest.mark.parametrize("auth_time", [None, -AGO, 0])
async def test_who_comes_back_from_a_provider_has_proven_what_it_says(
    server: Server, provider: Provider, auth_time: int | None, query: dict[str, str]
) -> None:
    """A session at the provider comes back by itself: that is no proof, neither at the first sign-in nor when one is asked for."""
    browser = await provider.let_in(Browser(server))
    provider.says["auth_time"] = None if auth_time is None else int(time.time()) + auth_time
    await server.node.database.execute("UPDATE browser_sessions SET authenticated_ts = 1")
    assert not await is_fresh(browser)
    await provider.let_in(browser, **query)
    asked = {name: provider.asked[-1].get(name) for name in ("prompt", "max_age")}
    assert asked == ({"prompt": "login", "max_age": "0"} if query else {"prompt": None, "max_age": None})
    assert browser.status == (403 if query and auth_time != 0 else 200)
    if browser.status == 403:  # who reads it knows whether signing in once more would help
        assert ("tell your administrator" in browser.page) is (auth_time is None)
    assert await is_fresh(browser) is (auth_time == 0)


@pytest.mark.parametrize("query", [{}, {"again": "1"}], ids=str)
@pytest.mark.parametrize("auth_time", [True, "now", -1, float("inf"), float("nan"), [0]], ids=str)
async def test_a_time_that_is_none_proves_nothing(
    server: Server, provider: Provider, auth_time: Any, query: dict[str, str]
) -> None:
    provider.says["auth_time"] = auth_time
    browser = await provider.let_in(Browser(server), **query)
    assert browser.status == 403
    assert (await browser.open("/account")).heading.startswith("Sign in")


async def test_a_provider_that_tells_no_time_is_believed_where_the_operator_says_so(
    new_server: NewServer, provider: Provider
) -> None:
    server = await new_server(identity_providers=[provider.settings(tells_no_auth_time=True)])
    provider.says = {"sub": "zoe"}
    browser = await provider.let_in(Browser(server))
    assert not await is_fresh(browser), "it was not asked"
    await provider.let_in(browser, again="1")
    assert browser.status == 200 and await is_fresh(browser)


@pytest.mark.parametrize("comes", ["before it is written", "before it is answered"])
@pytest.mark.parametrize("way", [legacy, modern])
async def test_a_logout_in_the_middle_of_a_sign_in_ends_it(
    server: Server, provider: Provider, monkeypatch: pytest.MonkeyPatch, way: Callable[[Browser], Awaitable[str]], comes: str
) -> None:
    browser = await provider.let_in(Browser(server))
    signs_in, told = server.node.sessions.sign_in, list[int]()

    async def meanwhile(*arguments: Any, **named: Any) -> Any:
        if comes == "before it is written":
            await logs_out()
        tokens = await signs_in(*arguments, **named)
        if comes == "before it is answered":
            await logs_out()
        return tokens

    async def logs_out() -> None:
        told.append(await provider.log_out(server, sub="zoe", sid="s1"))
        await server.node.browser_sessions.prune()  # which forgets nothing that is needed

    monkeypatch.setattr(server.node.sessions, "sign_in", meanwhile)
    token = "refused"
    with contextlib.suppress(AssertionError):
        token = await way(browser)
    assert told == [200], "the logout came in the middle"
    assert (await server.raw("GET", WHOAMI, None, token))[0] == 401
    assert await server.node.accounts.store.sessions.devices(ZOE) == []


@pytest.mark.parametrize("claims", [{"sub": "zoe"}, {"sid": "s1"}, {"sub": "zoe", "sid": "s1"}], ids=str)
@pytest.mark.parametrize("comes", ["before it is written", "once it is written"])
async def test_a_logout_in_the_middle_of_a_return_from_the_provider(
    server: Server, provider: Provider, monkeypatch: pytest.MonkeyPatch, comes: str, claims: dict[str, str]
) -> None:
    """It has vouched for somebody whom it signs out before the browser has its session here."""
    begins, told = server.node.browser_sessions.begin, list[int]()

    async def meanwhile(*arguments: Any, **named: Any) -> str:
        if comes == "before it is written":
            told.append(await provider.log_out(server, **claims))
        cookie = await begins(*arguments, **named)
        if comes == "once it is written":
            told.append(await provider.log_out(server, **claims))
        return cookie

    with monkeypatch.context() as patched:
        patched.setattr(server.node.browser_sessions, "begin", meanwhile)
        browser = await provider.let_in(Browser(server))
    assert told == [200] and browser.status == 403
    assert (await browser.open("/account")).heading.startswith("Sign in")
    await provider.let_in(browser)
    assert browser.heading == "My account", "another sign-in, afterwards"


ADDRESS, OTHER = {"email": "zoe@example.org"}, {"email": "somebody@example.org"}
PROVEN: dict[str, Any] = {"email_verified": True}
DENIED: dict[str, Any] = {"email_verified": False}


@pytest.mark.parametrize(
    ("id_token", "userinfo", "is_proven"),
    [
        (ADDRESS | PROVEN, {}, True),
        ({}, ADDRESS | PROVEN, True),
        (ADDRESS | PROVEN, ADDRESS, True),
        (ADDRESS, {}, False),
        ({}, ADDRESS, False),
        (PROVEN, ADDRESS, False),
        (ADDRESS, PROVEN, False),
        (OTHER | PROVEN, ADDRESS, False),
        (OTHER | PROVEN, ADDRESS | PROVEN, False),
        (ADDRESS, ADDRESS | PROVEN, True),
        (ADDRESS | DENIED, ADDRESS | PROVEN, False),
        (ADDRESS | PROVEN, ADDRESS | DENIED, True),
    ],
)
async def test_each_answer_vouches_for_its_own_address(
    server: Server, provider: Provider, id_token: dict[str, Any], userinfo: dict[str, Any], is_proven: bool
) -> None:
    """Whoever proves an account's address signs in to it."""
    await server.node.accounts.store.add_threepid(ZOE, "email", ADDRESS["email"], server.node.now_ms())
    provider.says, provider.tells = {"sub": "new", "auth_time": int(time.time()), **id_token}, userinfo
    browser = await provider.let_in(Browser(server))
    assert (browser.heading == "My account") is is_proven, browser.page
