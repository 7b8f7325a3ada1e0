"""What adds or takes away a way into an account: every door × nothing but a token or an old cookie. And the owner is told."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.config import Registration
from chappe.homeserver.accounts.browser_sessions import FRESH_MS
from chappe.homeserver.accounts.second_factors import totp
from chappe.matrix.identifiers import UserId
from tests.browser import Browser
from tests.neighbours import Mailbox, plain
from tests.support import PASSWORD, Person, Refused, Server

NewServer = Callable[..., Awaitable[Server]]
V3, IDENTITY = "/_matrix/client/v3", "/_matrix/identity/v2"
KEY = base64.b64encode(b"k" * 32).decode().rstrip("=")


@pytest.fixture
async def server(new_server: NewServer, mailbox: Mailbox) -> Server:
    return await new_server(email=mailbox.settings(), registration=Registration(open=True))


@pytest.fixture
async def alice(server: Server, mailbox: Mailbox) -> Person:
    alice = await server.person("alice")
    await server.node.bind_threepid(UserId(alice.id), "email", "alice@example.org", 1)
    return alice


async def fingerprint(server: Server, user_id: str) -> list[str]:
    """Every way into an account."""
    found = []
    for table, columns in (
        ("users", "password_hash"),
        ("threepids", "address"),
        ("totp_secrets", "confirmed, secret"),
        ("passkeys", "credential_id"),
        ("recovery_codes", "code_hash"),
        ("cross_signing_keys", "*"),
        ("upstream_links", "*"),
    ):
        rows = await server.node.database.fetch(f"SELECT {columns} FROM {table} WHERE user_id = $1", user_id)
        found += sorted(f"{table} {dict(row)}" for row in rows)
    return found


async def proven(server: Server, purpose: str, address: str, secret: str) -> dict[str, str]:
    """A proof that the address is one's own: what an attacker has of a mailbox of theirs."""
    sid = f"sid{secret}"
    await server.node.database.execute(
        """INSERT INTO validation_sessions (sid, client_secret, medium, address, purpose, server_name, token_hash, send_attempt,
                                            validated_ts, expires_ts)
           VALUES ($1, $2, 'email', $3, $4, 'localhost', '', 1, 1, $5)""",
        sid,
        secret,
        address,
        purpose,
        server.node.now_ms() + 3_600_000,
    )
    return {"sid": sid, "client_secret": secret}


def keys_of(user_id: str) -> dict[str, Any]:
    return {f"{usage}_key": {"user_id": user_id, "usage": [usage], "keys": {f"ed25519:{KEY}": KEY}} for usage in ("master",)}


async def test_a_token_alone_opens_no_door(server: Server, alice: Person) -> None:
    await server.node.keys.upload_cross_signing_keys(UserId(alice.id), keys_of(alice.id))
    other = base64.b64encode(b"o" * 32).decode().rstrip("=")
    openid = await alice.call("POST", f"/user/{alice.id}/openid/request_token", {})
    _, raw, _ = await server.raw("POST", f"{IDENTITY}/account/register", openid)
    identity = json.loads(raw)["token"]
    mine = {"medium": "email", "address": "alice@example.org"}
    doors: dict[str, tuple[str, Any, str, tuple[int, ...]]] = {
        "add an address": (f"{V3}/account/3pid/add", await proven(server, "add", "e1@evil.example", "a"), alice.token, (401,)),
        "add an address, the old way": (
            f"{V3}/account/3pid",
            {"three_pid_creds": await proven(server, "add", "e2@evil.example", "b")},
            alice.token,
            (401,),
        ),
        "bind an address": (
            f"{V3}/account/3pid/bind",
            await proven(server, "add", "e3@evil.example", "c"),
            alice.token,
            (403,),
        ),
        "bind what the identity service proved": (
            f"{V3}/account/3pid/bind",
            await proven(server, "identity", "e4@evil.example", "d"),
            alice.token,
            (403,),
        ),
        "bind at the identity service": (
            f"{IDENTITY}/3pid/bind",
            {**await proven(server, "identity", "e5@evil.example", "e"), "mxid": alice.id},
            identity,
            (403,),
        ),
        "remove an address": (f"{V3}/account/3pid/delete", mine, alice.token, (401,)),
        "unbind at the identity service": (f"{IDENTITY}/3pid/unbind", {"mxid": alice.id, "threepid": mine}, identity, (403,)),
        "unbind an address": (f"{V3}/account/3pid/unbind", mine, alice.token, (200,)),  # says yes, and takes nothing away
        "change the password": (f"{V3}/account/password", {"new_password": "another one"}, alice.token, (401,)),
        "reset the password": (f"{V3}/account/password", {"new_password": "another one"}, "", (401,)),
        "replace the keys": (
            f"{V3}/keys/device_signing/upload",
            {"master_key": {"user_id": alice.id, "usage": ["master"], "keys": {f"ed25519:{other}": other}}},
            alice.token,
            (401,),
        ),
        "let another device in": ("/_matrix/client/v1/login/get_token", {}, alice.token, (401,)),
        "end the account": (f"{V3}/account/deactivate", {}, alice.token, (401,)),
    }
    before = await fingerprint(server, alice.id)
    for name, (path, body, token, expected) in doors.items():
        status, raw, _ = await server.raw("POST", path, body, token or None)
        assert status in expected, (name, status, raw)
        assert await fingerprint(server, alice.id) == before, name


async def test_an_old_cookie_alone_opens_no_door(server: Server, alice: Person) -> None:
    """Of every page's form that changes a way in: the person signs in again first."""
    browser = await Browser(server).sign_in(alice.id, PASSWORD)
    session = await server.node.database.fetchval("SELECT id_hash FROM browser_sessions")
    await proven(server, "add", "evil@evil.example", session.hex())
    form_token = browser.page.split('name="form_token" value="')[1].split('"')[0]
    await server.node.database.execute("INSERT INTO totp_secrets VALUES ($1, $2)", alice.id, b"0123456789" * 2)
    await server.node.database.execute("UPDATE browser_sessions SET authenticated_ts = authenticated_ts - $1", FRESH_MS + 1000)
    before = await fingerprint(server, alice.id)
    right = totp(b"0123456789" * 2, server.node.now_ms() // 30_000)
    for path, form in (
        ("/account/addresses", {"email": "evil@evil.example"}),
        (f"/account/addresses/added?sid=sid{session.hex()}", None),
        ("/account/addresses/remove", {"address": "alice@example.org"}),
        ("/account/second-factor", None),
        ("/account/second-factor", {"code": right}),
        ("/account/second-factor/remove", {}),
        ("/account/recovery-codes", {}),
        ("/account/passkeys", None),
        ("/account/passkeys", {"credential": "{}", "name": "x"}),
        ("/account/passkeys/remove", {"id": "00"}),
        ("/account/reset-keys", {}),
        ("/account?action=org.matrix.cross_signing_reset", None),
        ("/account/deactivate", {"confirm": alice.id}),
        ("/account?action=org.matrix.account_deactivate", None),
    ):
        given = None if form is None else {**form, "form_token": form_token}
        await browser.open(path, given, follow=False)
        where = browser.answer_headers.get("Location", "")
        assert browser.status == 303 and where.startswith("/login?") and "again=1" in where, (path, browser.status, where)
        assert await fingerprint(server, alice.id) == before, path
    await browser.open("/account/password", {"current": "guess", "password": "another one", "form_token": form_token})
    assert browser.status == 400 and await fingerprint(server, alice.id) == before
    assert await server.node.database.fetchval("SELECT count(*) FROM uia_sessions") == 0, "no replacement is allowed"


@pytest.mark.parametrize(
    ("path", "body"), [("/_matrix/client/v1/login/get_token", {}), (f"{V3}/delete_devices", {"devices": ["NONE"]})]
)
async def test_a_proof_serves_once(server: Server, alice: Person, path: str, body: dict[str, Any]) -> None:
    """Several requests that bring the same one at once: whichever is first has it, the others are asked anew."""
    status, raw, _ = await server.raw("POST", path, body, alice.token)
    assert status == 401
    session = json.loads(raw)["session"]
    auth = {"type": "m.login.password", "user": alice.id, "password": PASSWORD, "session": session}
    answers = await asyncio.gather(*(server.raw("POST", path, {**body, "auth": auth}, alice.token) for _ in range(8)))
    assert [status for status, _, _ in answers].count(200) == 1
    for status, raw, _ in answers:
        assert status in (200, 400, 401)
        if status == 401:
            asked = json.loads(raw)
            assert asked["session"] != session and asked["completed"] == []


async def test_the_owner_is_told(server: Server, mailbox: Mailbox, alice: Person) -> None:
    body = {"medium": "email", "address": "new@example.org"}
    add: dict[str, Any] = await proven(server, "add", "new@example.org", "a")
    await alice.prove("/account/3pid/add", add)
    assert "new@example.org" in plain(await mailbox.next("alice@example.org"))
    await mailbox.next("new@example.org")
    await alice.prove("/account/3pid/delete", body)
    for address in ("alice@example.org", "new@example.org"):
        mail = await mailbox.next(address)
        assert "retirée" in mail["Subject"] and "new@example.org" in plain(mail)
    browser = await Browser(server).sign_in(alice.id, PASSWORD)
    await browser.open("/account/second-factor")
    secret = base64.b32decode(browser.page.split("secret=")[1].split("&")[0])
    await browser.submit("/account/second-factor", code=totp(secret, server.node.now_ms() // 30_000))
    assert "ajouté" in plain(await mailbox.next("alice@example.org"))
    await browser.open("/account")
    await browser.submit("/account/second-factor/remove")
    assert browser.heading == "Switch the authenticator application off?"
    await browser.submit("/account/second-factor/remove")
    assert "retiré" in plain(await mailbox.next("alice@example.org"))
    await browser.open("/account/password")
    await browser.submit("/account/password", current=PASSWORD, password="another one")
    assert "mot de passe" in (await mailbox.next("alice@example.org"))["Subject"]


async def test_what_is_nobody_s_has_no_password_and_no_address(server: Server, mailbox: Mailbox, alice: Person) -> None:
    root = await server.person("root")
    await server.node.accounts.change(root.id, is_admin=True)
    bot = (await alice.prove("/_chappe/client/v1/bots", {"name": "Robot", "purpose": "x"}))["user_id"]
    await server.node.accounts.register(UserId("@permanence:localhost"), None, kind="function")
    for user_id in (bot, "@permanence:localhost"):
        before = await fingerprint(server, user_id)
        for path, body in (
            (f"/_synapse/admin/v1/reset_password/{user_id}", {"new_password": "another one"}),
            (f"/_synapse/admin/v2/users/{user_id}", {"password": "another one"}),
            (f"/_synapse/admin/v2/users/{user_id}", {"threepids": [{"medium": "email", "address": "x@example.org"}]}),
            (f"/_synapse/admin/v2/users/{user_id}", {"user_type": None, "password": "another one"}),
            (f"/_synapse/admin/v2/users/{user_id}", {"user_type": None}),
        ):
            method = "POST" if "reset_password" in path else "PUT"
            with pytest.raises(Refused) as refused:
                await root.call(method, path, body)
            assert refused.value.status == 403, (path, body)
            assert await fingerprint(server, user_id) == before
        await server.node.database.execute(
            "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE user_id = $1) WHERE user_id = $2",
            alice.id,
            user_id,
        )
        login = {"type": "m.login.password", "user": user_id, "password": PASSWORD}
        assert (await server.raw("POST", f"{V3}/login", login))[0] == 403
