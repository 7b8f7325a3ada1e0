"""E-mail addresses, proven through a real SMTP server: registering, resetting, adding; and what attackers try."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chappe.config import Brand, Registration
from tests.browser import Browser
from tests.neighbours import Mailbox, link_in, plain
from tests.support import PASSWORD, Person, Refused, Server, until

NewServer = Callable[..., Awaitable[Server]]
V3 = "/_matrix/client/v3"


@pytest.fixture
async def server(new_server: NewServer, mailbox: Mailbox) -> Server:
    brand = Brand(name="Messagerie du Test", colour="#336699", sender="messagerie@example.org", language="fr")
    return await new_server(email=mailbox.settings(), brands={"localhost": brand}, registration=Registration(open=True))


async def ask(server: Server, path: str, body: Any, token: str | None = None) -> tuple[int, Any]:
    status, raw, _ = await server.raw("POST", V3 + path, body, token)
    return status, json.loads(raw)


def request(address: str, secret: str = "secret1", attempt: int = 1, **more: Any) -> dict[str, Any]:
    return {"client_secret": secret, "email": address, "send_attempt": attempt, **more}


async def confirm(server: Server, link: str) -> Browser:
    browser = await Browser(server).open(link)
    assert browser.heading == "Confirm your address"
    return await browser.submit("/verify-email")


async def test_registering_with_an_address(server: Server, mailbox: Mailbox) -> None:
    status, answer = await ask(server, "/register/email/requestToken", request("Zoe@Example.org"))
    assert status == 200
    mail = await mailbox.next("zoe@example.org")
    assert mail["Subject"] == "Confirmez votre adresse – Messagerie du Test" and mail["From"] == "messagerie@example.org"
    creds = {"sid": answer["sid"], "client_secret": "secret1"}
    body = {"username": "zoe", "password": PASSWORD, "auth": {"type": "m.login.email.identity", "threepid_creds": creds}}
    status, refused = await ask(server, "/register", body)
    assert status == 401 and refused["errcode"] == "M_UNAUTHORIZED"
    link = link_in(mail)
    await Browser(server).open(link)  # a program that looks at links confirms nothing
    assert (await ask(server, "/register", body))[0] == 401
    assert "confirmed" in (await confirm(server, link)).page
    body["auth"]["session"] = refused["session"]  # type: ignore[index]
    status, session = await ask(server, "/register", body)
    assert status == 200
    zoe = Person(server, session)
    assert [t["address"] for t in (await zoe.call("GET", "/account/3pid"))["threepids"]] == ["zoe@example.org"]
    body["username"], body["auth"] = "zoe2", {"type": "m.login.email.identity", "threepid_creds": creds}
    assert (await ask(server, "/register", body))[0] == 401  # a proof serves once
    login = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.thirdparty", "medium": "email", "address": "zoe@EXAMPLE.org"},
        "password": PASSWORD,
    }
    assert (await ask(server, "/login", login))[1]["user_id"] == zoe.id


async def test_resetting_a_forgotten_password(server: Server, mailbox: Mailbox) -> None:
    alice = await server.person("alice")
    await server.node.bind_threepid(alice.id, "email", "alice@example.org", 1)  # type: ignore[arg-type]
    _, answer = await ask(server, "/account/password/email/requestToken", request("alice@example.org"))
    body: dict[str, Any] = {"new_password": "another password"}
    status, asked = await ask(server, "/account/password", body)
    assert status == 401 and asked["flows"] == [{"stages": ["m.login.email.identity"]}]
    auth = {
        "type": "m.login.email.identity",
        "threepid_creds": {"sid": answer["sid"], "client_secret": "secret1"},
        "session": asked["session"],
    }
    assert (await ask(server, "/account/password", {**body, "auth": auth}))[0] == 401
    await confirm(server, link_in(await mailbox.next("alice@example.org")))
    wrong = {**auth, "threepid_creds": {**auth["threepid_creds"], "client_secret": "other"}}  # type: ignore[dict-item]
    assert (await ask(server, "/account/password", {**body, "auth": wrong}))[1]["errcode"] == "M_NO_VALID_SESSION"
    assert (await ask(server, "/account/password", {**body, "auth": auth}))[0] == 200
    with pytest.raises(Refused):
        await alice.call("GET", "/account/whoami")
    told = await mailbox.next("alice@example.org")
    assert "mot de passe" in told["Subject"]
    assert (await ask(server, "/login", {"type": "m.login.password", "user": "alice", "password": "another password"}))[
        0
    ] == 200


async def test_resetting_on_the_page(server: Server, mailbox: Mailbox) -> None:
    alice = await server.person("alice")
    await server.node.bind_threepid(alice.id, "email", "alice@example.org", 1)  # type: ignore[arg-type]
    browser = await Browser(server).open("/forgot-password")
    await browser.submit("/forgot-password", email="alice@example.org")
    assert browser.heading == "Check your mail"
    link = link_in(await mailbox.next("alice@example.org"))
    await browser.open(link)
    await browser.submit("/verify-email")
    assert browser.heading == "New password"
    await browser.submit("/reset-password", password="")
    assert browser.status == 400
    await browser.submit("/reset-password", password="chosen on the page")
    assert "has changed" in browser.page
    assert (await browser.sign_in("alice@example.org", "chosen on the page")).heading == "My account"
    await browser.open(link)
    await browser.submit("/verify-email")
    assert browser.status == 400  # the link has been used


async def test_adding_and_removing_an_address(server: Server, mailbox: Mailbox) -> None:
    alice, bob = await server.person("alice"), await server.person("bob")
    _, answer = await ask(server, "/account/3pid/email/requestToken", request("alice@example.org"), alice.token)
    await confirm(server, link_in(await mailbox.next("alice@example.org")))
    body: dict[str, Any] = {"sid": answer["sid"], "client_secret": "secret1"}
    with pytest.raises(Refused) as refused:
        await alice.call("POST", "/account/3pid/add", body)
    body["auth"] = {
        "type": "m.login.password",
        "user": alice.id,
        "password": PASSWORD,
        "session": refused.value.body["session"],
    }
    await alice.call("POST", "/account/3pid/add", body)
    assert (await alice.call("GET", "/account/3pid"))["threepids"][0]["address"] == "alice@example.org"
    # what belongs to somebody cannot be taken, and the answer does not say that it does
    before = len(mailbox.mails)
    status, answer = await ask(server, "/account/3pid/email/requestToken", request("alice@example.org", "secret2"), bob.token)
    assert status == 200 and answer["sid"]
    assert "déjà" in (await mailbox.next("alice@example.org"))["Subject"] and len(mailbox.mails) == before
    await alice.prove("/account/3pid/delete", {"medium": "email", "address": "alice@example.org"})
    assert (await alice.call("GET", "/account/3pid"))["threepids"] == []
    # the other forms
    _, answer = await ask(server, "/account/3pid/email/requestToken", request("two@example.org", "secret3"), alice.token)
    await confirm(server, link_in(await mailbox.next("two@example.org")))
    proof = {"sid": answer["sid"], "client_secret": "secret3", "id_server": "localhost", "id_access_token": "x"}
    with pytest.raises(Refused) as not_hers:  # what makes an address findable does not add it
        await alice.call("POST", "/account/3pid/bind", proof)
    assert not_hers.value.status == 403
    await server.node.bind_threepid(alice.id, "email", "two@example.org", 1)  # type: ignore[arg-type]
    await alice.call("POST", "/account/3pid/bind", proof)
    await alice.call("POST", "/account/3pid/unbind", {"medium": "email", "address": "two@example.org"})
    _, answer = await ask(server, "/account/3pid/email/requestToken", request("three@example.org", "secret4"), alice.token)
    await confirm(server, link_in(await mailbox.next("three@example.org")))
    old = {"three_pid_creds": {"sid": answer["sid"], "client_secret": "secret4"}}
    with pytest.raises(Refused) as refused:
        await alice.call("POST", "/account/3pid", old)
    auth = {"type": "m.login.password", "user": alice.id, "password": PASSWORD, "session": refused.value.body["session"]}
    await alice.call("POST", "/account/3pid", {**old, "auth": auth})
    browser = await Browser(server).sign_in(alice.id, PASSWORD)
    assert "three@example.org" in browser.page
    await browser.submit("/account/addresses", email="four@example.org")
    await browser.open(link_in(await mailbox.next("four@example.org")))
    await browser.submit("/verify-email")
    assert browser.heading == "My account" and "four@example.org" in browser.page
    await browser.submit("/account/addresses/remove")
    assert len((await alice.call("GET", "/account/3pid"))["threepids"]) == 3, "it was not asked first"
    await browser.submit("/account/addresses/remove")
    assert len((await alice.call("GET", "/account/3pid"))["threepids"]) == 2


@pytest.mark.parametrize(
    "address",
    [
        "attacker@evil.org <x@elysee.example>",
        "attacker@evil.org@presidence.example",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example\n",
        '"a b"@c.example',
        "a@localhost",
        "@b.example",
        "a@",
        "a b@c.example",
        "a@b..example",
        "a@-b.example",
        "a.@b.example",
        "a@b.example(comment)",
        "é@b.example",
        "a" * 65 + "@b.example",
        "x@" + "a" * 300 + ".example",
        "",
    ],
)
async def test_what_is_no_address(server: Server, mailbox: Mailbox, address: str) -> None:
    """The first two opened a closed messenger to strangers in 2019."""
    for path in ("/register/email/requestToken", "/account/password/email/requestToken", "/account/3pid/email/requestToken"):
        status, answer = await ask(server, path, request(address))
        assert (status, answer["errcode"]) == (400, "M_INVALID_PARAM")
    assert await server.node.database.fetchval("SELECT count(*) FROM outgoing_mail") == 0 and mailbox.mails == []


async def test_known_and_unknown_addresses_look_alike(server: Server, mailbox: Mailbox) -> None:
    """The same answer and the same work (one mail each); only the mailbox learns more."""
    alice = await server.person("alice")
    await server.node.bind_threepid(alice.id, "email", "known@example.org", 1)  # type: ignore[arg-type]
    counts = {}
    for path in ("/register/email/requestToken", "/account/password/email/requestToken"):
        for address in ("known@example.org", "unknown@example.org"):
            before = server.node.database.statements
            status, answer = await ask(server, path, request(address, f"s{len(counts)}"))
            assert status == 200 and list(answer) == ["sid"]
            counts[path, address] = server.node.database.statements - before
            mail = await mailbox.next(address)
            proves = "/verify-email" in plain(mail)  # another link only leads to where one begins
            assert proves is ((address == "known@example.org") is (path == "/account/password/email/requestToken"))
    assert len(set(counts.values())) == 1, counts


async def test_attempts_links_and_guesses(server: Server, mailbox: Mailbox) -> None:
    first = (await ask(server, "/register/email/requestToken", request("a@example.org")))[1]["sid"]
    assert (await ask(server, "/register/email/requestToken", request("a@example.org")))[1]["sid"] == first  # the same attempt
    link = link_in(await mailbox.next("a@example.org"))
    second = await ask(server, "/register/email/requestToken", request("a@example.org", attempt=2))
    assert second[1]["sid"] == first
    newer = link_in(await mailbox.next("a@example.org"))
    await Browser(server).open(link)
    stale = await (await Browser(server).open(link)).submit("/verify-email")
    assert stale.status == 400  # the newer link replaces it
    wrong = link.split("token=")[0] + "token=guess"
    for _ in range(10):
        assert (await (await Browser(server).open(wrong)).submit("/verify-email")).status == 400
    assert (await (await Browser(server).open(newer)).submit("/verify-email")).status == 400  # too many guesses
    for bad in ("https://evil.example.org/", "javascript:alert(1)", "//evil.example.org", "http://["):
        status, answer = await ask(server, "/register/email/requestToken", request("b@example.org", next_link=bad))
        assert (status, answer["errcode"]) == (400, "M_INVALID_PARAM")
    good = request("c@example.org", next_link=f"{server.base}/account")
    assert (await ask(server, "/register/email/requestToken", good))[0] == 200
    assert parse_qs(urlsplit(link).query)["client_secret"] == ["secret1"]


async def test_mail_waits_for_a_server_that_is_away(server: Server, mailbox: Mailbox) -> None:
    mailbox.refuse = ["451 later", "550 never"]
    await ask(server, "/register/email/requestToken", request("late@example.org"))
    database = server.node.database
    await until(lambda: database.fetchval("SELECT attempts = 1 FROM outgoing_mail"))
    await database.execute("UPDATE outgoing_mail SET due_ts = 0")
    await until(lambda: database.fetchval("SELECT count(*) = 0 FROM outgoing_mail"))  # refused for good
    mailbox.refuse = ["451 later"]
    await ask(server, "/register/email/requestToken", request("late@example.org", attempt=2))
    await until(lambda: database.fetchval("SELECT attempts = 1 FROM outgoing_mail"))
    await database.execute("UPDATE outgoing_mail SET due_ts = 0")
    await mailbox.next("late@example.org")


async def test_invitations_by_mail(server: Server, mailbox: Mailbox) -> None:
    alice = await server.person("alice")
    room = await alice.create_room(name="Cabinet\r\nBcc: x@y.example")
    body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": "new@example.org"}
    await alice.call("POST", f"/rooms/{room}/invite", body)
    mail = await mailbox.next("new@example.org")
    assert mail["Subject"].startswith("alice vous invite") and "Cabinet Bcc: x y example" in plain(mail) and mail["Bcc"] is None


async def test_without_mail(new_server: NewServer) -> None:
    silent = await new_server()
    status, answer = await ask(silent, "/register/email/requestToken", request("a@example.org"))
    assert (status, answer["errcode"]) == (400, "M_THREEPID_MEDIUM_NOT_SUPPORTED")
    assert "does not send mail" in (await Browser(silent).open("/forgot-password")).page
    for path in ("/register/msisdn/requestToken", "/account/password/msisdn/requestToken", "/account/3pid/msisdn/requestToken"):
        body = {"client_secret": "s", "country": "FR", "phone_number": "0601020304", "send_attempt": 1}
        assert (await ask(silent, path, body))[1]["errcode"] == "M_THREEPID_MEDIUM_NOT_SUPPORTED"


async def test_an_attempt_and_its_mail_are_one_commit(server: Server, mailbox: Mailbox) -> None:
    """What failed between the two has not been an attempt: the repetition gets its mail."""
    database = server.node.database
    await database.execute("ALTER TABLE outgoing_mail RENAME TO away")
    status, _ = await ask(server, "/register/email/requestToken", request("zoe@example.org"))
    assert status == 500
    await database.execute("ALTER TABLE away RENAME TO outgoing_mail")
    for _ in range(2):
        assert (await ask(server, "/register/email/requestToken", request("zoe@example.org")))[0] == 200
    assert link_in(await mailbox.next("zoe@example.org"))
    await until(lambda: database.fetchval("SELECT NOT EXISTS (SELECT 1 FROM outgoing_mail)"))
    assert not mailbox.mails
