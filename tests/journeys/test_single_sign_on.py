"""Signing in elsewhere: a real OpenID Connect provider (oidc-provider), a real directory (slapd)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import ldap3
import pytest

from chappe.config import IdentityProvider, Ldap, Listener, SecondFactor
from chappe.homeserver.accounts.fresh_proof import SIGNED_IN, FreshProof
from chappe.homeserver.accounts.second_factors import totp
from tests.browser import Browser
from tests.clients.node import node
from tests.homeserver.test_guesses import FREE
from tests.process import free_port
from tests.support import PASSWORD, Person, Server, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("js")]
NewServer = Callable[..., Awaitable[Server]]
SLAPD = shutil.which("slapd") or ("/usr/sbin/slapd" if Path("/usr/sbin/slapd").exists() else None)


class Stage:
    """A server that offers one provider. `settings` change how it is used."""

    def __init__(self, new_server: NewServer) -> None:
        self._new_server, self.port, self.own = new_server, free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.own}"

    async def server(self, **settings: Any) -> Server:
        provider = IdentityProvider(
            id="proconnect",
            name="ProConnect",
            issuer=f"http://127.0.0.1:{self.port}",
            client_id="chappe",
            client_secret="secret of chappe",
            display_name="{given_name} {usual_name}",
            rewrite=[(r"(.*)@old\.example\.org", r"\1@example.org")],
            **settings,
        )
        return await self._new_server(listeners=[Listener(port=self.own)], identity_providers=[provider])


@pytest.fixture
async def stage(new_server: NewServer) -> AsyncIterator[Stage]:
    made = Stage(new_server)
    callback = f"{made.base}/login/oidc/proconnect"
    async with node("provider.mjs", str(made.port), f"{callback}/callback", f"{callback}/backchannel-logout"):
        yield made


async def through_the_provider(server: Server, who: str, url: str = "/login/oidc/proconnect?next=%2Faccount") -> Browser:
    browser = Browser(server, roams=True)
    await browser.open(url)
    assert "password" in browser.page, browser.page[:500]
    await browser.submit(None, login=who, password="anything")
    if not browser.url.startswith(server.base):
        await browser.submit(None)  # consent
    return browser


async def test_an_account_is_made_then_found_again(stage: Stage) -> None:
    server = await stage.server()
    assert "Continue with ProConnect" in (await Browser(server).open("/login")).page
    browser = await through_the_provider(server, "zoe")
    assert browser.heading == "My account" and "@zoe:localhost" in browser.page and "zoe@example.org" in browser.page
    assert (await server.node.profiles.of("@zoe:localhost"))["displayname"] == "zoe Martin"
    again = await through_the_provider(server, "zoe")
    assert "@zoe:localhost" in again.page
    # the old API leads to the same account
    redirect = f"/_matrix/client/v3/login/sso/redirect/proconnect?{urlencode({'redirectUrl': 'http://client.example.org/x'})}"
    legacy = Browser(server, roams=True)
    await legacy.open(redirect)
    await legacy.submit(None, login="zoe", password="x")
    if not legacy.url.startswith(server.base):
        await legacy.submit(None)
    legacy.roams = False
    await legacy.submit("/login/continue")
    status, raw, _ = await server.raw(
        "POST", "/_matrix/client/v3/login", {"type": "m.login.token", "token": legacy.query["loginToken"]}
    )
    assert json.loads(raw)["user_id"] == "@zoe:localhost"


async def test_matching_by_address_and_what_is_refused(stage: Stage) -> None:
    server = await stage.server(create_accounts=False)
    alice = await server.person("alice")
    await server.node.bind_threepid(alice.id, "email", "amartin@example.org", 1)  # type: ignore[arg-type]
    assert "@alice:localhost" in (await through_the_provider(server, "amartin")).page  # by its rewritten address
    stranger = await through_the_provider(server, "stranger")
    assert stranger.status == 403 and "no account here" in stranger.page
    unproven = await through_the_provider(server, "unproven")
    assert unproven.status == 403
    # answers that do not fit: another browser's, one used twice, one made up
    victim = Browser(server, roams=True)
    await victim.open("/login/oidc/proconnect?next=%2Faccount", follow=False)
    await victim.open(victim.answer_headers["Location"])
    await victim.submit(None, login="amartin", password="x", follow="")
    planted = Browser(server)
    await planted.open(victim.url if victim.url.startswith(server.base) else "/login/oidc/proconnect/callback?state=x&code=y")
    await planted.open("/login/oidc/proconnect/callback?state=made-up&code=y")
    assert planted.status == 403 and "chappe_session" not in planted.cookies
    assert (await Browser(server).open("/login/oidc/proconnect/callback?error=access_denied")).status == 403
    assert (await Browser(server).open("/login/oidc/unknown")).status == 404


async def test_signing_out_at_the_provider_ends_everything_here(stage: Stage) -> None:
    from tests.homeserver.test_oauth import authorize, client_id, exchange, token

    server = await stage.server()
    client = await client_id(server)
    browser = await through_the_provider(server, "zoe", f"/login/oidc/proconnect?{urlencode({'next': authorize(client)})}")
    assert browser.heading == "Allow Element?"
    browser.roams = False
    await browser.submit("/oauth2/authorize")
    status, given = await token(server, **exchange(client, browser.query["code"]))
    assert status == 200
    session = Person(server, {"user_id": "@zoe:localhost", "device_id": "", "access_token": given["access_token"]})
    await session.call("GET", "/account/whoami")
    target = "https://client.example.org/done"
    await browser.open(f"{server.base}/_matrix/client/v3/login/sso/redirect?{urlencode({'redirectUrl': target})}")
    await browser.submit("/login/continue")
    body = {"type": "m.login.token", "token": browser.query["loginToken"]}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
    assert status == 200
    legacy = json.loads(raw)["access_token"]
    browser.roams = True
    await browser.open(f"http://127.0.0.1:{stage.port}/session/end")
    await browser.submit(None, logout="yes")

    async def gone() -> bool:
        return (await server.raw("GET", "/_matrix/client/v3/account/whoami", None, given["access_token"]))[0] == 401

    await until(gone)
    assert (await server.raw("GET", "/_matrix/client/v3/account/whoami", None, legacy))[0] == 401
    assert (await browser.open(f"{server.base}/account")).heading.startswith("Sign in")
    for bad in ("x.y.z", "", given["access_token"]):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"logout_token": bad}).encode()
        status, _, _ = await server.raw("POST", "/login/oidc/proconnect/backchannel-logout", body, None, headers)
        assert status == 400


# ------------------------------------------------------------------------------------------------------------- LDAP

LDIF = """
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: cn=chappe,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: chappe
userPassword: service

dn: uid=jdupont,dc=example,dc=org
objectClass: inetOrgPerson
uid: jdupont
cn: Jeanne Dupont
sn: Dupont
displayName: Jeanne Dupont
mail: jeanne.dupont@example.org
userPassword: mot de passe
"""


@pytest.fixture
async def directory(tmp_path: Path) -> AsyncIterator[Ldap]:
    async with running_directory(tmp_path) as found:
        yield found


@contextlib.asynccontextmanager
async def running_directory(tmp_path: Path, schema: str = "", access: str = "", more: str = "") -> AsyncIterator[Ldap]:
    """`more`: lines of the person's entry."""
    if SLAPD is None:
        pytest.skip("slapd is not installed (tests/install_components.sh)")
    data = tmp_path / "ldap"
    data.mkdir()
    conf = tmp_path / "slapd.conf"
    conf.write_text(f"""include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
{schema}
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw admin
directory {data}
{access}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=chappe,dc=example,dc=org" read by * none
""")
    ldif = tmp_path / "init.ldif"
    ldif.write_text(LDIF + more)
    subprocess.run([str(Path(SLAPD).with_name("slapadd")), "-f", conf, "-l", ldif], check=True, capture_output=True)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        SLAPD,
        "-f",
        str(conf),
        "-h",
        f"ldap://127.0.0.1:{port}",
        "-d",
        "0",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.05)
    yield Ldap(
        uri=f"ldap://127.0.0.1:{port}", base="dc=example,dc=org", bind_dn="cn=chappe,dc=example,dc=org", bind_password="service"
    )
    process.kill()
    await process.wait()


async def test_passwords_of_a_directory(new_server: NewServer, directory: Ldap) -> None:
    server = await new_server(ldap=[directory])
    browser = await Browser(server).sign_in("jdupont", "mot de passe")
    assert (
        browser.heading == "My account" and "@jdupont:localhost" in browser.page and "jeanne.dupont@example.org" in browser.page
    )
    assert (await server.node.profiles.of("@jdupont:localhost"))["displayname"] == "Jeanne Dupont"
    for login in ("jdupont", "@jdupont:localhost", "JDUPONT"):
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": login}, "password": "mot de passe"}
        status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
        assert status == 200 and json.loads(raw)["user_id"] == "@jdupont:localhost", raw
    assert "@jdupont" in (await Browser(server).sign_in("jeanne.dupont@example.org", "mot de passe")).page
    # wrong, empty (which a directory would take for anonymous), and filters in a name
    for login, password in (
        ("jdupont", "wrong"),
        ("jdupont", ""),
        ("*", "mot de passe"),
        ("jdupont)(uid=*", "mot de passe"),
        ("", "x"),
    ):
        assert (await Browser(server).sign_in(login, password)).status == 403
    local = await server.person("local")  # accounts with a password of their own stay
    assert (await Browser(server).sign_in(local.id, PASSWORD)).heading == "My account"
    broken = await new_server(ldap=[Ldap(uri="ldap://127.0.0.1:1", base="dc=example,dc=org")])
    answer = await Browser(broken).sign_in("jdupont", "x")
    assert answer.status == 503 and urlsplit(answer.url).path == "/login"


def by_name(name: str) -> dict[str, str]:
    return {"type": "m.id.user", "user": name}


def by_address(address: str, **more: str) -> dict[str, str]:
    return {"type": "m.id.thirdparty", "medium": "email", "address": address, **more}


async def _log_in(server: Server, identifier: dict[str, str], password: str) -> int:
    body = {"type": "m.login.password", "identifier": identifier, "password": password}
    return (await server.raw("POST", "/_matrix/client/v3/login", body))[0]


# by all of these slapd finds one entry
ONE_PERSON = [
    by_name("jdupont"),
    by_name("JDUPONT"),
    by_name("  jdupont "),
    by_name("@jdupont:localhost"),
    by_name("\uff4adupont"),
    by_name("@JDupont:localhost"),
    by_address("jeanne.dupont@example.org"),
    by_address("Jeanne.Dupont@example.org"),
]


async def test_guesses_at_one_person_count_together_however_they_are_named(new_server: NewServer, directory: Ldap) -> None:
    """Before the first sign-in and after it: six from one network are let through, by whatever names."""
    for has_signed_in in (False, True):
        server = await new_server(ldap=[directory], rate_limits_enabled=True, limits=FREE)
        if has_signed_in:
            assert await _log_in(server, by_name("jdupont"), "mot de passe") == 200
        guesses = [await _log_in(server, name, f"guess {n}") for n, name in enumerate(ONE_PERSON[:6])]
        assert guesses == [403] * 6
        right = [await _log_in(server, name, "mot de passe") for name in ONE_PERSON]
        assert right == [429] * len(ONE_PERSON), "as nobody who guesses on may learn it"
        browser = await Browser(server).sign_in("jeanne.dupont@example.org", "mot de passe")
        assert browser.status == 429


async def test_whose_name_is_counted_is_whom_the_directory_is_asked_for(new_server: NewServer, directory: Ldap) -> None:
    server = await new_server(ldap=[directory])
    for identifier in (
        by_name("@jdupont:anything.example"),
        by_address("nobody@x.example", user="jdupont"),
        {"type": "m.id.phone", "country": "FR", "phone": "1", "user": "jdupont"},
        by_name("@jdupont:localhost:8448"),
    ):
        assert await _log_in(server, identifier, "mot de passe") == 403, identifier
    assert await _log_in(server, by_name("jdupont"), "mot de passe") == 200


async def test_a_directory_s_password_does_not_replace_a_second_factor(new_server: NewServer, directory: Ldap) -> None:
    """At `/login` as on the pages: with one of one's own, or where the domain requires one."""
    server = await new_server(ldap=[directory])
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "jdupont"}, "password": "mot de passe"}
    login, database = "/_matrix/client/v3/login", server.node.database
    assert (await server.raw("POST", login, body))[0] == 200
    before = await database.fetchval("SELECT count(*) FROM access_tokens")
    proof, factors = FreshProof("@jdupont:localhost", SIGNED_IN), server.node.second_factors
    secret, now = base64.b32decode((await factors.begin_totp(proof, "Chappe"))[0]), server.node.now_ms() // 30_000
    assert await factors.confirm_totp(proof, totp(secret, now - 1))
    status, raw, _ = await server.raw("POST", login, body)
    assert status == 403 and "second factor" in json.loads(raw)["error"]
    assert (await server.raw("POST", login, {**body, "password": "wrong"}))[0] == 403
    assert await database.fetchval("SELECT count(*) FROM access_tokens") == before
    browser = await Browser(server).sign_in("jdupont", "mot de passe")
    assert urlsplit(browser.url).path == "/login/second-factor"
    assert urlsplit((await browser.open("/account")).url).path == "/login/second-factor"
    assert (await browser.submit("/login/second-factor", code=totp(secret, now))).heading == "My account"
    strict = await new_server(ldap=[directory], second_factor=SecondFactor(required_domains=["localhost"]))
    status, raw, _ = await strict.raw("POST", login, body)
    assert status == 403 and "second factor" in json.loads(raw)["error"]
    assert await strict.node.database.fetchval("SELECT count(*) FROM access_tokens") == 0


# What Active Directory has: no `entryUUID`, and an `objectGUID` of 16 bytes.
HIDDEN = "access to attrs=entryUUID by * none"
GUID = """attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP top AUXILIARY MAY objectGUID )"""
JEANNE, JEAN = uuid4(), uuid4()
DN = "uid=jdupont,dc=example,dc=org"
TWO_DAYS_MS = 2 * 86_400_000


@pytest.fixture
async def active_directory(tmp_path: Path) -> AsyncIterator[Ldap]:
    guid = f"objectClass: user\nobjectGUID:: {base64.b64encode(JEANNE.bytes_le).decode()}\n"
    async with running_directory(tmp_path, GUID, HIDDEN, guid) as found:
        yield found


def change(directory: Ldap, **attributes: Any) -> None:
    connection = ldap3.Connection(directory.uri, "cn=admin,dc=example,dc=org", "admin", auto_bind=True)
    assert connection.modify(
        DN, {name: [(ldap3.MODIFY_REPLACE, [] if value is None else [value])] for name, value in attributes.items()}
    )
    connection.unbind()


async def who(server: Server) -> str:
    """Whose account jdupont's password opens; else the error."""
    body = {"type": "m.login.password", "identifier": by_name("jdupont"), "password": "mot de passe"}
    _, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
    answer = json.loads(raw)
    return str(answer.get("user_id", answer.get("errcode")))


async def subjects(server: Server) -> list[tuple[str, str]]:
    rows = await server.node.database.fetch("SELECT subject, user_id FROM upstream_links ORDER BY linked_ts")
    return [(row["subject"], row["user_id"]) for row in rows]


async def test_people_of_active_directory_are_known_by_their_guid(new_server: NewServer, active_directory: Ldap) -> None:
    server = await new_server(ldap=[active_directory])
    assert await who(server) == "@jdupont:localhost"
    assert await subjects(server) == [(str(JEANNE), "@jdupont:localhost")]


async def test_whoever_was_linked_by_place_is_linked_by_guid_from_then_on(
    new_server: NewServer, active_directory: Ldap
) -> None:
    server = await new_server(ldap=[active_directory])
    await who(server)
    await server.node.database.execute("UPDATE upstream_links SET subject = $1", DN)  # as it was before
    assert await who(server) == "@jdupont:localhost"
    assert await subjects(server) == [(str(JEANNE), "@jdupont:localhost")]


async def test_a_namesake_at_the_same_place_is_somebody_else(new_server: NewServer, active_directory: Ldap) -> None:
    server = await new_server(ldap=[active_directory])
    assert await who(server) == "@jdupont:localhost"
    change(active_directory, objectGUID=JEAN.bytes_le)  # with the address as well, which was given again
    assert await who(server) == "M_FORBIDDEN"
    change(active_directory, mail="jean.dupont@example.org")
    assert await who(server) == "@jdupont2:localhost"
    assert await subjects(server) == [(str(JEANNE), "@jdupont:localhost"), (str(JEAN), "@jdupont2:localhost")]


async def test_an_entry_that_is_younger_than_the_link_is_somebody_else(
    new_server: NewServer, tmp_path: Path, active_directory: Ldap
) -> None:
    """Linked by place before, and the namesake comes before the person did; and where a directory has nothing that stays."""
    (tmp_path / "plain").mkdir()
    async with running_directory(tmp_path / "plain", access=HIDDEN) as plain:
        for directory in (active_directory, plain):
            server = await new_server(ldap=[directory])
            assert await who(server) == await who(server) == "@jdupont:localhost"
            await server.node.database.execute(
                "UPDATE upstream_links SET subject = $1, linked_ts = linked_ts - $2", DN, TWO_DAYS_MS
            )
            assert await who(server) == "M_FORBIDDEN", "the address is of the account that was here before"
            change(directory, mail="jean.dupont@example.org")
            assert await who(server) == await who(server) == "@jdupont2:localhost"
