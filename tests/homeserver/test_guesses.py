"""Guesses at secrets: every route that checks one counts them; strangers keep nobody out."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from chappe.config import Administration, Limit, Limits, Registration
from chappe.homeserver.accounts.fresh_proof import SIGNED_IN, FreshProof
from chappe.homeserver.accounts.second_factors import totp
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.proxies import network_of
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.matrix.errors import Forbidden, LimitExceeded
from tests.browser import Browser
from tests.neighbours import Mailbox
from tests.support import PASSWORD, Person, Server

NewServer = Callable[..., Awaitable[Server]]
V3, IDENTITY = "/_matrix/client/v3", "/_matrix/identity/v2"
MANY, NEVER = Limit(1000, 10_000), Limit(0.0001, 6)
FREE = Limits(
    **{name: MANY for name in Limits.__struct_fields__ if not name.startswith("failed_login")},
    failed_login=NEVER,
    failed_login_account=Limit(0.0001, 18),
    failed_login_network=Limit(0.0001, 12),
)
# routes whose names speak of secrets, and that look at none of somebody's
NOT_GUESSED = {
    "tokens of 192 bits and more": {
        "/_matrix/client/v3/refresh",
        "/_matrix/client/v1/refresh",
        "/oauth2/token",
        "/oauth2/revoke",
        "/login/oidc/{provider}",
        "/login/oidc/{provider}/callback",
        "/login/oidc/{provider}/backchannel-logout",
        "/account/addresses/added",
        "/_matrix/identity/v2/3pid/getValidated3pid",
        "/_matrix/identity/v2/3pid/bind",
        "/_matrix/client/v3/account/3pid/bind",
        "/_matrix/client/v3/login/sso/redirect",
        "/_chappe/hooks/{webhookId}/{secret}",
        "/_matrix/client/v3/login/sso/redirect/{idpId}",
        "/_matrix/identity/v2/account/register",
        "/_chappe/livekit/{sfu}/get_token",
    }
}


@pytest.fixture
async def server(new_server: NewServer, mailbox: Mailbox) -> Server:
    return await new_server(
        email=mailbox.settings(),
        rate_limits_enabled=True,
        limits=FREE,
        registration=Registration(open=False, by_token=True, shared_secret="shared"),
    )


async def person(server: Server, name: str) -> Person:
    from chappe.matrix.identifiers import UserId

    await server.node.accounts.register(UserId(f"@{name}:localhost"), PASSWORD)
    user_id = UserId(f"@{name}:localhost")
    tokens = await server.node.sessions.sign_in(user_id, None, None, False)
    return Person(server, tokens.answer())


Try = Callable[[int], Awaitable[int]]


class Routes:
    """One wrong guess each; returns the status."""

    def __init__(self, server: Server, alice: Person) -> None:
        self.server, self.alice = server, alice
        self.browser = Browser(server)

    async def _post(self, path: str, body: Any, token: str | None = None) -> int:
        return (await self.server.raw("POST", path, body, token))[0]

    async def login(self, n: int) -> int:
        body = {"type": "m.login.password", "user": "alice", "password": f"guess{n}"}
        return await self._post(f"{V3}/login", body)

    async def login_of_nobody(self, n: int) -> int:
        identifier = {"type": "m.id.thirdparty", "medium": "email", "address": "nobody@example.org"}
        return await self._post(f"{V3}/login", {"type": "m.login.password", "identifier": identifier, "password": f"guess{n}"})

    async def login_by_token(self, n: int) -> int:
        return await self._post(f"{V3}/login", {"type": "m.login.token", "token": f"guess{n}"})

    async def uia_of(self, path: str, n: int, body: dict[str, Any]) -> int:
        auth = {"type": "m.login.password", "user": "alice", "password": f"guess{n}"}
        return await self._post(path, {**body, "auth": auth}, self.alice.token)

    async def uia_password(self, n: int) -> int:
        return await self.uia_of(f"{V3}/account/password", n, {"new_password": "another one"})

    async def uia_devices(self, n: int) -> int:
        return await self.uia_of(f"{V3}/delete_devices", n, {"devices": ["X"]})

    async def uia_deactivate(self, n: int) -> int:
        return await self.uia_of(f"{V3}/account/deactivate", n, {})

    async def uia_login_token(self, n: int) -> int:
        return await self.uia_of("/_matrix/client/v1/login/get_token", n, {})

    async def uia_address(self, n: int) -> int:
        return await self.uia_of(f"{V3}/account/3pid/delete", n, {"medium": "email", "address": "a@example.org"})

    async def uia_registration_token(self, n: int) -> int:
        auth = {"type": "m.login.registration_token", "token": f"guess{n}"}
        return await self._post(f"{V3}/register", {"username": f"x{n}", "password": PASSWORD, "auth": auth})

    async def uia_mail(self, n: int) -> int:
        creds = {"sid": f"guess{n}", "client_secret": "x"}
        auth = {"type": "m.login.email.identity", "threepid_creds": creds}
        return await self._post(f"{V3}/account/password", {"new_password": "another one", "auth": auth})

    async def registration_token(self, n: int) -> int:
        path = f"/_matrix/client/v1/register/m.login.registration_token/validity?token=guess{n}"
        return (await self.server.raw("GET", path))[0]

    async def shared_secret(self, n: int) -> int:
        nonce = json.loads((await self.server.raw("GET", "/_synapse/admin/v1/register"))[1])["nonce"]
        body = {"nonce": nonce, "username": f"y{n}", "password": PASSWORD, "admin": False, "mac": f"guess{n}"}
        return await self._post("/_synapse/admin/v1/register", body)

    async def identity_link(self, n: int) -> int:
        body = {"sid": "x", "client_secret": "x", "token": f"guess{n}"}
        openid = await self.alice.call("POST", f"/user/{self.alice.id}/openid/request_token", {})
        _, raw, _ = await self.server.raw("POST", f"{IDENTITY}/account/register", openid)
        return await self._post(f"{IDENTITY}/validate/email/submitToken", body, json.loads(raw)["token"])

    async def identity_link_get(self, n: int) -> int:
        path = f"{IDENTITY}/validate/email/submitToken?sid=x&client_secret=x&token=guess{n}"
        return (await self.server.raw("GET", path))[0]

    async def page_login(self, n: int) -> int:
        return (await self.browser.sign_in("alice", f"guess{n}")).status

    async def page_link_of_mail(self, n: int) -> int:
        await self.browser.open(f"/verify-email?sid=x&client_secret=x&token=guess{n}")
        return (await self.browser.submit("/verify-email")).status

    async def page_reset(self, n: int) -> int:
        return (await self.browser.open(f"/reset-password?sid=x&client_secret=guess{n}")).status

    async def page_register(self, n: int) -> int:
        await self.browser.open("/register")
        form = {"username": f"z{n}", "password": PASSWORD, "token": f"guess{n}"}
        await self.browser.submit("/register", **form)
        return 429 if "Too many" in self.browser.page or "Too Many" in self.browser.page else self.browser.status

    async def _signed_in(self) -> None:
        if "chappe_session" not in self.browser.cookies:
            await self.browser.sign_in("alice", PASSWORD)

    async def page_password(self, n: int) -> int:
        await self._signed_in()
        await self.browser.open("/account/password")
        await self.browser.submit("/account/password", current=f"guess{n}", password="another one")
        return 429 if "Too many" in self.browser.page else self.browser.status

    async def page_enrol(self, n: int) -> int:
        await self._signed_in()
        await self.browser.open("/account/second-factor")
        return (await self.browser.submit("/account/second-factor", code=f"{n:06}")).status

    async def page_second_factor(self, n: int) -> int:
        await self.server.node.database.execute(
            "INSERT INTO totp_secrets VALUES ($1, $2, true) ON CONFLICT DO NOTHING", self.alice.id, b"x" * 20
        )
        await self._signed_in()
        await self.browser.open("/login/second-factor")
        return (await self.browser.submit("/login/second-factor", code=f"{n:06}")).status

    async def page_device_code(self, n: int) -> int:
        await self._signed_in()
        return (await self.browser.open(f"/link?code=AAAA-{n:04}")).status


@pytest.mark.parametrize("name", [name for name in dir(Routes) if not name.startswith("_") and name != "uia_of"])
async def test_guesses_are_counted(server: Server, name: str) -> None:
    routes = Routes(server, await person(server, "alice"))
    statuses = [await getattr(routes, name)(n) for n in range(14)]
    assert statuses[-1] == 429 and 429 not in statuses[:5], statuses


async def test_no_route_with_a_secret_is_left_out(server: Server) -> None:
    """A new route whose name speaks of secrets is either in the table above or among those that need no counting."""
    words = ("password", "login", "token", "secret", "second-factor", "verify", "submit", "link", "3pid", "refresh", "/hooks/")
    exempt = set().union(*NOT_GUESSED.values())
    seen = {
        "/login",
        "/login/second-factor",
        "/account/password",
        "/account/second-factor",
        "/link",
        "/verify-email",
        "/reset-password",
        f"{V3}/login",
        "/_matrix/client/v1/login/get_token",
        f"{V3}/account/password",
        "/_matrix/client/v1/register/m.login.registration_token/validity",
        f"{IDENTITY}/validate/email/submitToken",
        f"{V3}/account/3pid/add",
        f"{V3}/account/3pid",
        f"{V3}/account/3pid/delete",  # by user-interactive authentication
    }
    harmless = {  # what is told or asked for there is no secret
        "/_chappe/client/v1/rooms/{roomId}/awaited/{token}/send_again",  # the token is public state of the room
        "/_matrix/client/v1/rtc/livekit/get_token",  # gives one, to whoever may be in a call
        "/_matrix/client/unstable/io.element.msc4195/rtc/livekit/get_token",
        "/_matrix/federation/v1/rtc/livekit/get_token",
        "/_matrix/federation/unstable/io.element.msc4195/rtc/livekit/get_token",
        "/_chappe/client/v1/bots/{userId}/token",  # gives one, to whoever answers for the bot
        f"{V3}/account/3pid/unbind",
        f"{IDENTITY}/3pid/unbind",
        "/account/second-factor/remove",
        "/forgot-password",
        "/login/continue",
        f"{V3}/password_policy",
        "/_matrix/federation/v1/3pid/onbind",
        f"{V3}/login/sso/redirect",
        f"{IDENTITY}/validate/msisdn/submitToken",
    }
    found = {
        route.endpoint.path
        for route in server.node.routes()
        if any(word in route.endpoint.path for word in words)
        and not route.endpoint.path.startswith(("/_matrix/client/r0",))
        and "requestToken" not in route.endpoint.path
        and "request_token" not in route.endpoint.path
        and route.endpoint.auth != "admin"
    }
    left = found - exempt - seen - harmless
    assert left == set(), left


async def test_a_stranger_keeps_nobody_out(server: Server) -> None:
    """From elsewhere the owner signs in while somebody guesses; so does a browser that is known, from where they guess."""
    await person(server, "alice")
    known = await Browser(server).sign_in("alice", PASSWORD)
    known.cookies.pop("chappe_session")
    wrong = {"type": "m.login.password", "user": "alice", "password": "guess"}
    right = {**wrong, "password": PASSWORD}
    statuses = [(await server.raw("POST", f"{V3}/login", wrong))[0] for _ in range(8)]
    assert statuses[-1] == 429 and (await server.raw("POST", f"{V3}/login", right))[0] == 429
    connector = aiohttp.TCPConnector(local_addr=("127.0.9.1", 0))
    async with aiohttp.ClientSession(connector=connector) as elsewhere:
        async with elsewhere.post(f"{server.base}{V3}/login", json=right) as answer:
            assert answer.status == 200
        for _ in range(12):  # a second network guesses as well: then strangers are refused from everywhere
            async with elsewhere.post(f"{server.base}{V3}/login", json=wrong) as answer:
                assert answer.status in (403, 429)
    assert (await known.sign_in("alice", PASSWORD)).heading == "My account"


def test_what_was_right_costs_nothing_and_many_at_once_count() -> None:
    limits = RateLimits({"failed_login": (0, 3), "failed_login_account": (0, 5), "failed_login_network": (0, 100)})
    guesses, request = Guesses(limits), _Request("203.0.113.7")
    for _ in range(10):
        with guesses.counted(request, "a"):  # type: ignore[arg-type]
            pass
    with pytest.raises(LimitExceeded):  # three are under way, and none has been found wrong yet
        under_way = [guesses.counted(request, "a") for _ in range(4)]  # type: ignore[arg-type]
        for one in under_way:
            one.__enter__()
    for one in under_way[:3]:
        one.__exit__(None, None, None)
    for number in range(5):
        with pytest.raises(Forbidden), guesses.counted(_Request(f"203.0.{number}.7"), "a"):  # type: ignore[arg-type]
            raise Forbidden("wrong")
    with pytest.raises(LimitExceeded), guesses.counted(_Request("198.51.100.1"), "a"):  # type: ignore[arg-type]
        raise AssertionError("looked at: the account's own bucket is empty")
    with guesses.counted(_Request("198.51.100.1"), "a", "known device"):  # type: ignore[arg-type]
        pass


class _Request:
    def __init__(self, address: str) -> None:
        self.network = network_of(address)


def wrong(guesses: Guesses, address: str, account: str) -> bool:
    """Whether a wrong guess was looked at."""
    try:
        with guesses.counted(_Request(address), account):  # type: ignore[arg-type]
            raise Forbidden("wrong")
    except LimitExceeded:
        return False
    except Forbidden:
        return True


BURSTS = {"failed_login": (0.0, 10), "failed_login_account": (0.0, 50), "failed_login_network": (0.0, 100)}


@pytest.mark.parametrize("addresses", ["203.0.113.{}", "2001:db8:1:{:x}::1"])
def test_what_one_customer_has_is_one_network(addresses: str) -> None:
    """Guesses at ever another account."""
    guesses = Guesses(RateLimits(BURSTS, lambda: 0.0))
    assert sum(wrong(guesses, addresses.format(n % 250), f"@person{n}:x") for n in range(1000)) == 100
    assert sum(wrong(guesses, addresses.format(n % 250), "@prefet:x") for n in range(100)) == 0
    elsewhere = Guesses(RateLimits(BURSTS, lambda: 0.0))
    assert sum(wrong(elsewhere, addresses.format(n % 250), "@prefet:x") for n in range(100)) == 10


def test_other_names_do_not_fill_the_bucket_of_one() -> None:
    """However many of them push it out of memory."""
    guesses = Guesses(RateLimits(BURSTS, lambda: 0.0, kept=200))
    looked_at = 0
    for crowd in range(20):
        looked_at += sum(wrong(guesses, f"2001:db8:{crowd:x}::{n:x}", "@prefet:x") for n in range(20))
        for n in range(300):
            wrong(guesses, f"2001:db9:{crowd * 300 + n:x}::1", f"@nobody{crowd}.{n}:x")
    assert 40 < looked_at <= 50  # some of the others share its place


async def test_neither_another_process_nor_a_restart_gives_new_guesses_at_codes(
    new_server: NewServer, new_database: Callable[[], Awaitable[str]]
) -> None:
    """Whichever door takes the code. Who has lost their codes still has recovery codes."""
    url, settings = await new_database(), Administration(critical="second_factor")
    first, second = [await new_server(url=url, administration=settings) for _ in range(2)]
    root, chloe = await person(first, "root"), await person(first, "chloe")
    await first.node.accounts.change(root.id, is_admin=True)
    factors = first.node.second_factors
    text, _ = await factors.begin_totp(FreshProof(root.id, SIGNED_IN), "Chappe")
    secret, now = base64.b32decode(text), first.node.now_ms() // 30_000
    assert await factors.confirm_totp(FreshProof(root.id, SIGNED_IN), totp(secret, now - 1))
    [recovery, *_] = await factors.new_recovery_codes(FreshProof(root.id, SIGNED_IN))
    wrong = next(f"{n:06}" for n in range(1000) if f"{n:06}" not in {totp(secret, now + step) for step in range(-5, 99)})

    async def ask(server: Server, code: str) -> int:
        path, headers = f"/_synapse/admin/v1/users/{chloe.id}/login", {"Chappe-Second-Factor": code}
        return (await server.raw("POST", path, {}, root.token, headers))[0]

    assert [await ask(server, wrong) for server in (first, second, first, second)] == [403] * 4
    assert await ask(first, totp(secret, now)) == 200, "a right one: the count begins anew"
    assert [await ask(server, wrong) for server in (first, second, first, second, first)] == [403] * 5
    assert [await ask(server, wrong) for server in (first, second)] == [429] * 2
    await first.stop()
    third = await new_server(url=url, administration=settings)
    assert await ask(third, totp(secret, now + 1)) == 429
    browser = await Browser(third).sign_in("root", PASSWORD)
    assert (await browser.submit("/login/second-factor", code=totp(secret, now + 1))).status == 429
    await browser.open("/login/second-factor")
    assert (await browser.submit("/login/second-factor", code=recovery)).heading == "My account"
