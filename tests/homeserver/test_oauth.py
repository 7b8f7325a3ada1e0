"""The OAuth 2.0 API through its pages, and attacks on it."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from chappe.config import Limit, Limits, Registration, SecondFactor
from chappe.homeserver.accounts.fresh_proof import SIGNED_IN, FreshProof
from chappe.homeserver.accounts.second_factors import totp
from chappe.homeserver.api.pages.texts import TEXTS
from tests.browser import Browser
from tests.support import PASSWORD, Person, Refused, Server

NewServer = Callable[..., Awaitable[Server]]
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BACK = "https://client.example.org/back"
CLIENT = {
    "client_name": "Element",
    "client_uri": "https://client.example.org/",
    "redirect_uris": [BACK],
    "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "application_type": "web",
    "tos_uri": "https://client.example.org/tos",
}
STABLE = "urn:matrix:client:api:* urn:matrix:client:device:ABCDEFGHIJ"
UNSTABLE = "openid urn:matrix:org.matrix.msc2967.client:api:* urn:matrix:org.matrix.msc2967.client:device:ABCDEFGHIJ"


async def register(server: Server, **changes: Any) -> tuple[int, Any]:
    status, raw, _ = await server.raw("POST", "/oauth2/registration", {**CLIENT, **changes})
    return status, json.loads(raw)


async def client_id(server: Server) -> str:
    return str((await register(server))[1]["client_id"])


def authorize(client: str, **changes: Any) -> str:
    query = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": BACK,
        "scope": STABLE,
        "state": "s1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return "/oauth2/authorize?" + urlencode({k: v for k, v in query.items() if v is not None})


async def token(server: Server, path: str = "/oauth2/token", **form: str) -> tuple[int, Any]:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, raw, _ = await server.raw("POST", path, urlencode(form).encode(), None, headers)
    return status, json.loads(raw)


async def code_for(server: Server, client: str, person: Person, **changes: Any) -> tuple[str, Browser]:
    browser = Browser(server)
    await browser.sign_in(person.id, PASSWORD, authorize(client, **changes))
    assert browser.heading == "Allow Element?" and "client.example.org" in browser.page
    await browser.submit("/oauth2/authorize")
    assert browser.url.startswith(BACK), browser.page
    return browser.query["code"], browser


def exchange(client: str, code: str, **changes: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "client_id": client,
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **changes,
    }


@pytest.mark.parametrize("scope", [STABLE, UNSTABLE])
async def test_signing_in_refreshing_and_signing_out(server: Server, scope: str) -> None:
    alice = await server.person()
    metadata = await alice.call("GET", "/_matrix/client/v1/auth_metadata")
    assert metadata["issuer"] == server.base + "/" and metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata == await alice.call("GET", "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata")
    client = await client_id(server)
    assert await client_id(server) == client  # the same metadata, the same client
    code, browser = await code_for(server, client, alice, scope=scope)
    assert browser.query["state"] == "s1" and browser.query["iss"] == metadata["issuer"]
    status, first = await token(server, **exchange(client, code))
    granted = scope.removeprefix("openid ")  # whoever grants that owes an ID token
    assert status == 200 and first["token_type"] == "Bearer" and first["scope"] == granted and "id_token" not in first
    session = Person(server, {"user_id": alice.id, "device_id": "ABCDEFGHIJ", "access_token": first["access_token"]})
    who = await session.call("GET", "/account/whoami")
    assert who["user_id"] == alice.id and who["device_id"] == "ABCDEFGHIJ"
    assert (await session.call("GET", "/devices/ABCDEFGHIJ"))["display_name"] == "Element"
    status, second = await token(server, grant_type="refresh_token", client_id=client, refresh_token=first["refresh_token"])
    assert status == 200 and second["refresh_token"] != first["refresh_token"] and second["scope"] == granted
    session.token = second["access_token"]
    await session.call("GET", "/account/whoami")
    status, answer = await token(server, grant_type="refresh_token", client_id=client, refresh_token=first["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")  # replaced
    assert (await token(server, "/oauth2/revoke", token=second["refresh_token"], client_id=client))[0] == 200
    with pytest.raises(Refused) as refused:
        await session.call("GET", "/account/whoami")
    assert refused.value.errcode == "M_UNKNOWN_TOKEN"
    assert (await token(server, "/oauth2/revoke", token="unknown"))[0] == 200


async def test_a_code_serves_once_and_a_second_use_ends_what_it_began(server: Server, alice: Person) -> None:
    client = await client_id(server)
    code, _ = await code_for(server, client, alice)
    _, given = await token(server, **exchange(client, code))
    status, answer = await token(server, **exchange(client, code))
    assert (status, answer["error"]) == (400, "invalid_grant")
    thief = Person(server, {"user_id": alice.id, "device_id": "", "access_token": given["access_token"]})
    with pytest.raises(Refused):
        await thief.call("GET", "/account/whoami")
    assert (await token(server, grant_type="refresh_token", client_id=client, refresh_token=given["refresh_token"]))[0] == 400


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "w" * 50},
        {"code_verifier": ""},
        {"redirect_uri": "https://client.example.org/other"},
        {"client_id": "other"},
    ],
)
async def test_a_stolen_code_is_of_no_use(server: Server, alice: Person, change: dict[str, str]) -> None:
    client = await client_id(server)
    other = (await register(server, client_name="Other"))[1]["client_id"]
    code, _ = await code_for(server, client, alice)
    change = {k: other if v == "other" else v for k, v in change.items()}
    status, answer = await token(server, **exchange(client, code, **change))
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert (await token(server, **exchange(client, code)))[0] == 400  # one try


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": STABLE + " urn:matrix:client:device:KLMNOPQRST"}, "invalid_scope"),
        ({"scope": STABLE.replace("ABCDEFGHIJ", "a b")}, "invalid_scope"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_bad_requests_go_back_to_the_client(server: Server, change: dict[str, Any], error: str) -> None:
    browser = await Browser(server).open(authorize(await client_id(server), **change))
    assert browser.url.startswith(BACK) and browser.query["error"] == error and browser.query["state"] == "s1"


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example.org/back",
        "https://client.example.org/back/",
        "https://client.example.org/back?x=1",
        "https://client.example.org.evil.org/back",
        "https://client.example.org@evil.org/back",
        "http://client.example.org/back",
        "javascript:alert(1)",
    ],
)
async def test_an_address_that_is_not_the_clients_gets_nothing(server: Server, uri: str) -> None:
    browser = await Browser(server).open(authorize(await client_id(server), redirect_uri=uri))
    assert browser.status == 400 and browser.url.startswith(server.base)
    browser = await Browser(server).open(authorize("unknown"))
    assert browser.status == 400


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uris": ["https://evil.example.com/x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://client.example.org/x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://client.example.org/#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": "x"}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"client_uri": "http://client.example.org"}, "invalid_client_metadata"),
        ({"client_uri": 7}, "invalid_client_metadata"),
        ({"client_uri": "https://["}, "invalid_client_metadata"),
        ({"logo_uri": "https://tracker.example.com/x.png"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "invalid_client_metadata"),
        ({"client_name": "x" * 9999}, "invalid_client_metadata"),
        ({"application_type": "native", "redirect_uris": ["com.evil:/x"]}, "invalid_redirect_uri"),
    ],
)
async def test_clients_that_cannot_register(server: Server, change: dict[str, Any], error: str) -> None:
    status, answer = await register(server, **change)
    assert (status, answer["error"]) == (400, error)


async def test_native_clients(server: Server, alice: Person) -> None:
    uris = ["org.example.client:/back", "http://127.0.0.1/back"]
    status, made = await register(server, application_type="native", redirect_uris=uris)
    assert status == 201
    for uri, good in (
        ("http://127.0.0.1:5123/back", True),
        ("http://127.0.0.1:5123/other", False),
        ("org.example.client:/back", True),
    ):
        browser = await Browser(server).open(authorize(made["client_id"], redirect_uri=uri))
        assert (browser.status == 200 and browser.heading.startswith("Sign in")) is good


async def test_refusing(server: Server, alice: Person) -> None:
    client = await client_id(server)
    browser = await Browser(server).sign_in(alice.id, PASSWORD, authorize(client, response_mode="fragment"))
    await browser.submit("/oauth2/authorize", decision="no")
    assert browser.url.startswith(BACK + "#") and browser.query["error"] == "access_denied"


async def test_another_site_cannot_send_our_forms(server: Server, alice: Person) -> None:
    client = await client_id(server)
    browser = await Browser(server).sign_in(alice.id, PASSWORD, authorize(client))
    page = browser.page
    for headers in ({"Origin": "https://evil.example.org"}, {"Sec-Fetch-Site": "cross-site"}):
        await browser.open(authorize(client))
        browser.headers |= headers
        await browser.submit("/oauth2/authorize")
        assert browser.status == 403 and browser.url.startswith(server.base)
        browser.headers = {"Accept-Language": "en"}
    await browser.open(authorize(client), {"decision": "yes", "form_token": "0" * 64})
    assert browser.status == 403
    # a form of one browser is of no use in another, not even for signing in
    other = await Browser(server).sign_in(alice.id, PASSWORD, authorize(client))
    other.page = page
    await other.submit("/oauth2/authorize")
    assert other.status == 403
    # a planted session cookie does not survive signing in
    fixed = Browser(server)
    fixed.cookies["chappe_session"] = "planted"
    await fixed.sign_in(alice.id, PASSWORD)
    assert fixed.cookies["chappe_session"] not in ("planted", "")
    before = fixed.cookies["chappe_session"]
    await fixed.sign_in(alice.id, PASSWORD, "/login?again=1&next=/account")
    assert fixed.cookies["chappe_session"] != before
    old = Browser(server)
    old.cookies["chappe_session"] = before
    assert (await old.open("/account")).heading.startswith("Sign in")
    headers = browser.answer_headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"] and headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "target", ["//evil.example.org", "https://evil.example.org", "/\\evil.example.org", "javascript:alert(1)", "\t//evil"]
)
async def test_signing_in_leads_to_no_other_site(server: Server, alice: Person, target: str) -> None:
    browser = await Browser(server).sign_in(alice.id, PASSWORD, f"/login?{urlencode({'next': target})}")
    assert browser.url == f"{server.base}/account"


async def test_guessing_passwords(new_server: NewServer) -> None:
    limits = Limits(failed_login=Limit(0.001, 3), login=Limit(100, 1000))
    server = await new_server(rate_limits_enabled=True, limits=limits)
    alice = await server.person("alice")
    browser = Browser(server)
    for _ in range(3):
        await browser.sign_in(alice.id, "wrong")
        assert browser.status == 403 and "Wrong user name or password" in browser.page
    await browser.sign_in(alice.id, PASSWORD)
    assert browser.status == 429  # even the right one, from now on
    status, raw, _ = await server.raw(
        "POST", "/_matrix/client/v3/login", {"type": "m.login.password", "user": "alice", "password": PASSWORD}
    )
    assert status == 429 and b"M_LIMIT_EXCEEDED" in raw


async def test_a_device_without_a_browser(server: Server, alice: Person) -> None:
    client = await client_id(server)
    status, waiting = await token(server, "/oauth2/device", client_id=client, scope=STABLE)
    assert status == 200 and waiting["verification_uri_complete"].endswith(waiting["user_code"])
    grant = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": client,
        "device_code": waiting["device_code"],
    }
    assert (await token(server, **grant))[1]["error"] == "authorization_pending"
    assert (await token(server, **grant))[1]["error"] == "slow_down"
    browser = await Browser(server).sign_in(alice.id, PASSWORD, "/link")
    await browser.submit("/link", code=waiting["user_code"].lower())
    assert waiting["user_code"].lower() in browser.page.lower() and "ABCDEFGHIJ" in browser.page
    await browser.submit("/link")
    assert "the device is connected" in browser.page
    status, given = await token(server, **grant)
    assert status == 200 and given["access_token"]
    assert (await token(server, **grant))[1]["error"] == "invalid_grant"
    _, refused = await token(server, "/oauth2/device", client_id=client, scope=STABLE)
    await browser.open("/link?code=" + refused["user_code"])
    await browser.submit("/link", decision="no")
    assert (await token(server, **{**grant, "device_code": refused["device_code"]}))[1]["error"] == "access_denied"
    assert "does not exist" in (await browser.open("/link?code=WRONG")).page


async def test_second_factor_and_recovery_codes(server: Server, alice: Person) -> None:
    import re

    browser = await Browser(server).sign_in(alice.id, PASSWORD)
    await browser.open("/account/second-factor")
    secret = base64.b32decode(re.search(r'id="secret">(\w+)<', browser.page)[1])  # type: ignore[index]
    now = server.node.now_ms() // 30_000
    await browser.submit("/account/second-factor", code="000000")
    assert browser.status == 403
    await browser.submit("/account/second-factor", code=totp(secret, now))
    codes = re.findall(r"<li>(\w{5}-\w{5}-\w{5})</li>", browser.page)
    assert len(codes) == 10
    # the old API sends people to the page
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.id}, "password": PASSWORD}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", login)
    assert status == 403
    fresh = await Browser(server).sign_in(alice.id, PASSWORD)
    assert fresh.heading == "Second step"
    assert (await fresh.open("/account")).heading == "Second step"  # nothing works before
    client = await client_id(server)
    assert (await fresh.open(authorize(client))).heading == "Second step"
    await fresh.submit("/login/second-factor", code=totp(secret, now))  # used already
    assert fresh.status == 403
    await fresh.submit("/login/second-factor", code=totp(secret, now + 1))
    assert fresh.heading == "Allow Element?"
    third = await Browser(server).sign_in(alice.id, PASSWORD)
    await third.submit("/login/second-factor", code=codes[0].lower())
    assert third.heading == "My account" and "9 recovery codes left" in third.page
    fourth = await Browser(server).sign_in(alice.id, PASSWORD)
    await fourth.submit("/login/second-factor", code=codes[0])
    assert fourth.status == 403


async def test_a_domain_that_demands_a_second_factor(new_server: NewServer) -> None:
    import re

    server = await new_server(second_factor=SecondFactor(required_domains=["localhost"]))
    alice = await server.person("alice")
    client = await client_id(server)
    browser = await Browser(server).sign_in(alice.id, PASSWORD, authorize(client))
    assert browser.heading == "Protect your account"
    assert (await browser.open("/account")).heading == "Protect your account"
    await browser.open(authorize(client))
    secret = base64.b32decode(re.search(r'id="secret">(\w+)<', browser.page)[1])  # type: ignore[index]
    await browser.submit("/account/second-factor", code=totp(secret, server.node.now_ms() // 30_000))
    link = re.search(r'class="btn main[^"]*" href="([^"]*)"', browser.page)[1].replace("&amp;", "&")  # type: ignore[index]
    await browser.open(link)
    assert browser.heading == "Allow Element?"


async def test_the_account_page(server: Server, alice: Person) -> None:
    import re

    other = await alice.another_device("OLDPHONE")
    browser = await Browser(server).sign_in(alice.id, PASSWORD)
    assert browser.heading == "My account" and "OLDPHONE" in browser.page
    await browser.submit("/account/profile", display_name="Alice Martin")
    assert (await alice.call("GET", f"/profile/{alice.id}"))["displayname"] == "Alice Martin"
    await browser.open("/account?action=org.matrix.device_delete&device_id=OLDPHONE")
    await browser.submit("/account/devices/end")
    with pytest.raises(Refused):
        await other.call("GET", "/account/whoami")
    await browser.open("/account/password")
    await browser.submit("/account/password", current="wrong", password="new password 1")
    assert browser.status == 400 and "This is not your present password" in browser.page
    await browser.submit("/account/password", current=PASSWORD, password="new password 1")
    assert "has changed" in browser.page
    with pytest.raises(Refused):
        await alice.call("GET", "/account/whoami")
    assert (await browser.open("/account")).heading == "My account"
    await browser.open("/account?lang=fr")
    assert browser.heading == "Mon compte" and 'lang="fr"' in browser.page
    await browser.open("/account?action=org.matrix.account_deactivate&lang=en")
    assert "Type your name to confirm: Alice Martin" in browser.page
    for typed in ("no", "", "Martin"):
        await browser.submit("/account/deactivate", confirm=typed)
        assert browser.status == 400
    await browser.submit("/account/deactivate", confirm=" alice  martin")  # what she knows, as she types it
    assert "is deleted" in browser.page
    assert (await browser.sign_in(alice.id, "new password 1")).status == 403
    assert re.search(r"chappe_session=;", str(browser.cookies)) is None


async def test_replacing_keys_needs_the_account_page(server: Server, alice: Person) -> None:
    from tests.homeserver.test_encryption import cross_key

    def keys(mark: str) -> dict[str, Any]:
        return {"master_key": cross_key(alice, "master", mark)}

    client = await client_id(server)
    code, browser = await code_for(server, client, alice)
    _, given = await token(server, **exchange(client, code))
    session = Person(server, {"user_id": alice.id, "device_id": "ABCDEFGHIJ", "access_token": given["access_token"]})
    await session.call("POST", "/keys/device_signing/upload", keys("one"))
    other = keys("two")
    with pytest.raises(Refused) as refused:
        await session.call("POST", "/keys/device_signing/upload", other)
    asked = refused.value.body
    assert {"stages": ["m.oauth"]} in asked["flows"]
    browser.url = server.base
    await browser.open(asked["params"]["m.oauth"]["url"])
    await browser.submit("/account/reset-keys")
    await session.call("POST", "/keys/device_signing/upload", {**other, "auth": {"session": asked["session"]}})
    # a client that begins anew after the page was visited needs no session of before; but one permission is one replacement
    with pytest.raises(Refused):
        await session.call("POST", "/keys/device_signing/upload", keys("three"))
    await browser.open(asked["params"]["m.oauth"]["url"])
    await browser.submit("/account/reset-keys")
    await session.call("POST", "/keys/device_signing/upload", keys("four"))
    with pytest.raises(Refused):
        await session.call("POST", "/keys/device_signing/upload", keys("five"))


async def test_a_permission_to_replace_keys_is_for_the_device_that_asked(server: Server) -> None:
    """A thief whose own question waits, or who comes first afterwards, gets nothing of what the owner allows."""
    from tests.homeserver.test_encryption import cross_key

    alice, client = await server.person(), await client_id(server)

    async def session(device: str) -> tuple[Person, Browser]:
        scope = STABLE.replace("ABCDEFGHIJ", device)
        code, browser = await code_for(server, client, alice, scope=scope)
        _, given = await token(server, **exchange(client, code))
        browser.url = server.base
        return Person(server, {"user_id": alice.id, "device_id": device, "access_token": given["access_token"]}), browser

    (hers, browser), (thief, _) = await session("HERSHERSHE"), await session("THIEFTHIEF")
    await hers.call("POST", "/keys/device_signing/upload", {"master_key": cross_key(alice, "master", "one")})

    async def refused(who: Person, mark: str, **auth: Any) -> dict[str, Any]:
        with pytest.raises(Refused) as caught:
            await who.call("POST", "/keys/device_signing/upload", {"master_key": cross_key(alice, "master", mark), **auth})
        return dict(caught.value.body)

    waits = await refused(thief, "evil")
    asked = await refused(hers, "two")
    await browser.open(asked["params"]["m.oauth"]["url"])
    assert "HERSHERSHE" in browser.page and "THIEFTHIEF" not in browser.page
    await browser.submit("/account/reset-keys")
    await refused(thief, "evil", auth={"session": waits["session"]})
    await refused(thief, "evil")
    await hers.call("POST", "/keys/device_signing/upload", {"master_key": cross_key(alice, "master", "two")})

    # the address of the page alone: who waits is named, and chosen where it is not one alone
    await refused(hers, "three")
    await browser.open("/account?action=org.matrix.cross_signing_reset")
    assert "THIEFTHIEF" in browser.page and "HERSHERSHE" in browser.page and "/account/reset-keys" not in browser.page
    await browser.open("/account?action=org.matrix.cross_signing_reset&device_id=HERSHERSHE")
    await browser.submit("/account/reset-keys")
    await refused(thief, "evil")
    await hers.call("POST", "/keys/device_signing/upload", {"master_key": cross_key(alice, "master", "three")})


async def test_the_old_single_sign_on(server: Server, alice: Person) -> None:
    flows = (await alice.call("GET", "/login"))["flows"]
    assert {"m.login.password", "m.login.sso", "m.login.token"} <= {f["type"] for f in flows}
    back = "https://old-client.example.org/#/back"
    browser = await Browser(server).sign_in(
        alice.id, PASSWORD, f"/_matrix/client/v3/login/sso/redirect?{urlencode({'redirectUrl': back})}"
    )
    assert browser.heading == "Go on to old-client.example.org?"
    await browser.submit("/login/continue")
    assert browser.url.startswith("https://old-client.example.org/?loginToken=")
    body = {"type": "m.login.token", "token": browser.query["loginToken"]}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
    assert status == 200 and json.loads(raw)["user_id"] == alice.id
    assert (await server.raw("POST", "/_matrix/client/v3/login", body))[0] == 403  # once
    for bad in ("javascript:alert(1)", "data:text/html,x", "", "https:///x", "http://["):
        status, _, _ = await server.raw("GET", f"/_matrix/client/v3/login/sso/redirect?{urlencode({'redirectUrl': bad})}")
        assert status == 400


async def test_another_device_by_a_token(server: Server, alice: Person) -> None:
    with pytest.raises(Refused) as refused:
        await alice.call("POST", "/_matrix/client/v1/login/get_token", {})
    auth = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": alice.id},
        "password": PASSWORD,
        "session": refused.value.body["session"],
    }
    given = await alice.call("POST", "/_matrix/client/v1/login/get_token", {"auth": auth})
    status, raw, _ = await server.raw(
        "POST", "/_matrix/client/v3/login", {"type": "m.login.token", "token": given["login_token"]}
    )
    assert status == 200 and json.loads(raw)["user_id"] == alice.id


async def test_meeting_for_a_qr_code(server: Server) -> None:
    old = "/_matrix/client/unstable/org.matrix.msc4108/rendezvous"
    plain = {"Content-Type": "text/plain"}
    status, raw, headers = await server.raw("POST", old, b"hello", None, plain)
    assert status == 201
    path, tag = json.loads(raw)["url"].removeprefix(server.base), headers["ETag"]
    status, raw, headers = await server.raw("GET", path)
    assert (status, raw, headers["ETag"]) == (200, b"hello", tag) and headers["Content-Type"].startswith("text/plain")
    assert (await server.raw("GET", path, None, None, {"If-None-Match": tag}))[0] == 304
    status, _, headers = await server.raw("PUT", path, b"answer", None, {**plain, "If-Match": tag})
    assert status == 202
    status, raw, _ = await server.raw("PUT", path, b"late", None, {**plain, "If-Match": tag})
    assert status == 412 and json.loads(raw)["org.matrix.msc4108.errcode"] == "M_CONCURRENT_WRITE"
    assert (await server.raw("POST", old, b"x" * 5000, None, plain))[0] == 413
    assert (await server.raw("DELETE", path))[0] == 204 and (await server.raw("GET", path))[0] == 404

    new = "/_matrix/client/unstable/io.element.msc4388/rendezvous"
    assert json.loads((await server.raw("GET", new))[1]) == {"create_available": True}
    made = json.loads((await server.raw("POST", new, {"data": "one"}))[1])
    one = f"{new}/{made['id']}"
    found = json.loads((await server.raw("GET", one))[1])
    assert (
        found["data"] == "one" and found["sequence_token"] == made["sequence_token"] and 0 < found["expires_in_ms"] <= 300_000
    )
    status, raw, _ = await server.raw("PUT", one, {"data": "two", "sequence_token": made["sequence_token"]})
    assert status == 200
    again = await server.raw("PUT", one, {"data": "two", "sequence_token": made["sequence_token"]})
    assert again[0] == 200 and json.loads(again[1]) == json.loads(raw)  # a repetition
    status, raw, _ = await server.raw("PUT", one, {"data": "three", "sequence_token": made["sequence_token"]})
    assert (status, json.loads(raw)["errcode"]) == (409, "M_CONCURRENT_WRITE")
    assert (await server.raw("DELETE", one))[0] == 200 and (await server.raw("GET", one))[0] == 404


async def test_creating_an_account_on_the_page(new_server: NewServer) -> None:
    server = await new_server(registration=Registration(by_token=True))
    await server.node.accounts.registration_tokens.add("invited", 1, None)
    browser = await Browser(server).open(authorize(await client_id(server), prompt="create"))
    assert browser.heading == "Create an account"
    await browser.submit("/register", username="Zoé", password="long enough", token="invited")
    assert browser.status == 400 and "User names" in browser.page
    await browser.submit("/register", username="zoe", password="long enough", token="wrong")
    assert browser.status == 400
    await browser.submit("/register", username="zoe", password="long enough", token="invited")
    assert browser.heading == "Allow Element?" and "access to your account zoe:" in browser.page
    closed = await new_server(registration=Registration())
    assert (await Browser(closed).open("/register")).status == 403


async def test_only_our_own_client_is_not_asked_about(server: Server, alice: Person) -> None:
    """Any site may register an application that leads back to us, and send people here with a challenge of its own."""
    home = f"{server.base}/"
    _, answer = await register(
        server, client_name="Ours", client_uri=home, redirect_uris=[home], tos_uri=home, grant_types=["authorization_code"]
    )
    page = authorize(answer["client_id"], redirect_uri=home)
    browser = await Browser(server).sign_in(alice.id, PASSWORD, page)
    for theirs in (None, "", "x" * 43):
        browser.cookies.update({} if theirs is None else {"chappe_challenge": theirs})
        assert (await browser.open(page)).heading == "Allow Ours?", theirs
    browser.cookies["chappe_challenge"] = CHALLENGE  # our own client, in this browser
    await browser.open(page)
    assert browser.url.startswith(home) and browser.query["code"]


def test_the_page_says_what_is_confirmed() -> None:
    """Whatever is asked for by `require_owner`: who is sent a link to the page shall see what somebody else has begun."""
    purposes = set()
    for path in (Path(__file__).parents[2] / "src/chappe").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in (
                "require_owner",
                "require_for_first_keys",
                "_require_maker",
            ):
                purposes.add(ast.unparse(node.args[1]).lstrip("f").strip("'").partition(" ")[0])
    assert len(purposes - {"purpose"}) == 15
    assert {f"uia_{purpose}" for purpose in purposes - {"purpose"}} <= TEXTS.keys()


async def test_what_was_begun_long_ago_is_not_confirmed(server: Server, alice: Person) -> None:
    with pytest.raises(Refused) as refused:
        await alice.call("POST", "/_matrix/client/v1/login/get_token", {})
    page = f"/_matrix/client/v3/auth/m.login.sso/fallback/web?session={refused.value.body['session']}"
    browser = await Browser(server).sign_in(alice.id, PASSWORD, page)
    assert "sign another device in to your account." in browser.page and "somebody sent you this link" in browser.page
    await server.node.database.execute("UPDATE uia_sessions SET created = now() - interval '11 minutes'")
    await browser.submit("/_matrix/client/v3/auth/m.login.sso/fallback/web")
    assert browser.status == 403
    assert (await browser.open(page)).status == 403


async def test_who_signed_in_on_a_page_may_confirm_on_one(server: Server, alice: Person) -> None:
    """A client of the OAuth 2.0 API never sees a password."""
    client = await client_id(server)
    code, _ = await code_for(server, client, alice)
    _, given = await token(server, **exchange(client, code))
    hers = Person(server, {"user_id": alice.id, "device_id": "ABCDEFGHIJ", "access_token": given["access_token"]})
    await alice.another_device("OLDONE")
    with pytest.raises(Refused) as refused:
        await hers.call("DELETE", "/devices/OLDONE", {})
    session = refused.value.body["session"]
    assert refused.value.body["flows"] == [{"stages": ["m.login.password"]}, {"stages": ["m.login.sso"]}]
    page = f"/_matrix/client/v3/auth/m.login.sso/fallback/web?session={session}"
    browser = await Browser(server).sign_in(alice.id, PASSWORD, page)
    await browser.submit("/_matrix/client/v3/auth/m.login.sso/fallback/web")
    assert "go back to the application" in browser.page
    await hers.call("DELETE", "/devices/OLDONE", {"auth": {"session": session}})


async def test_confirming_on_a_page_what_a_client_wants_to_do(server: Server, alice: Person, bob: Person) -> None:
    """User-Interactive Authentication of an account with a second factor: `m.login.sso` and its page."""
    other = await alice.another_device("OLDONE")
    secret, _ = await server.node.second_factors.begin_totp(FreshProof(alice.id, SIGNED_IN), "Chappe")
    now = server.node.now_ms() // 30_000
    assert await server.node.second_factors.confirm_totp(FreshProof(alice.id, SIGNED_IN), totp(base64.b32decode(secret), now))
    with pytest.raises(Refused) as refused:
        await alice.call("DELETE", "/devices/OLDONE", {})
    asked = refused.value.body
    assert asked["flows"] == [{"stages": ["m.login.sso"]}]
    session = asked["session"]
    password = {"type": "m.login.password", "user": alice.id, "password": PASSWORD, "session": session}
    with pytest.raises(Refused):
        await alice.call("DELETE", "/devices/OLDONE", {"auth": password})  # the password alone does not do
    page = f"/_matrix/client/v3/auth/m.login.sso/fallback/web?session={session}"
    stranger = await Browser(server).sign_in(bob.id, PASSWORD, page)
    assert stranger.status == 403
    browser = await Browser(server).sign_in(alice.id, PASSWORD, page)
    await browser.submit("/login/second-factor", code=totp(base64.b32decode(secret), now + 1))
    assert browser.heading == "Confirm the action" and "sign out your device OLDONE." in browser.page
    with pytest.raises(Refused):
        await alice.call("DELETE", "/devices/OLDONE", {"auth": {"session": session}})  # not yet
    await browser.submit("/_matrix/client/v3/auth/m.login.sso/fallback/web")
    assert "go back to the application" in browser.page
    with pytest.raises(Refused):
        await alice.call("DELETE", "/devices/OTHER", {"auth": {"session": session}})  # for this one action
    await alice.call("DELETE", "/devices/OLDONE", {"auth": {"session": session}})
    with pytest.raises(Refused):
        await other.call("GET", "/account/whoami")
    assert (await Browser(server).open("/_matrix/client/v3/auth/m.login.password/fallback/web?session=x")).status == 400
