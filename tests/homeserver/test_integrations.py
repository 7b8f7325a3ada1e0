"""Bots and webhooks; the identity service; files in an S3."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import boto3
import pytest
from aiohttp import web
from moto.server import ThreadedMotoServer

from chappe.config import Bots, IdentityService, Limit, Limits, Media, Push
from chappe.homeserver.accounts.endings import THE_WHOLE
from chappe.homeserver.outbound.blob_store import open_blobs
from chappe.homeserver.senders.webhooks import signature
from chappe.matrix.identifiers import UserId
from tests.browser import Browser
from tests.neighbours import Mailbox, link_in, plain
from tests.support import Person, Refused, Server, bodies, refused, segment, until

NewServer = Callable[..., Awaitable[Server]]
CHAPPE = "/_chappe/client/v1"


# --------------------------------------------------------------------------------------------------- bots, webhooks


async def test_a_bot_has_an_owner_a_scope_and_an_end(server: Server, alice: Person) -> None:
    room, other = await alice.create_room(preset="public_chat"), await alice.create_room(preset="public_chat")
    made = await alice.prove(f"{CHAPPE}/bots", {"name": "Météo", "purpose": "Prévisions", "rooms": [room]})
    bot = Person(server, made)
    profile = await alice.call("GET", f"/profile/{segment(bot.id)}")
    assert profile["org.chappe.bot"] == {"kind": "bot", "owner": alice.id, "purpose": "Prévisions"}  # members see what it is
    await bot.join(room)
    await bot.say(room, "Beau temps")
    assert (await refused(bot.join(other))).errcode == "M_FORBIDDEN"
    assert [b["user_id"] for b in (await alice.call("GET", f"{CHAPPE}/bots"))["bots"]] == [bot.id]
    await server.node.accounts.set_state(bot.id, expires_ts=1)
    assert (await refused(bot.say(room, "x"))).errcode == "ORG_MATRIX_EXPIRED_ACCOUNT"
    mallory = await server.person()
    assert (await refused(mallory.call("DELETE", f"{CHAPPE}/bots/{segment(bot.id)}"))).errcode == "M_NOT_FOUND"
    await alice.call("DELETE", f"{CHAPPE}/bots/{segment(bot.id)}")
    assert (await refused(bot.call("GET", "/account/whoami"))).status == 401
    for bad in ({"name": "", "purpose": "x"}, {"name": "x"}, {"name": "x", "purpose": "x", "expires_ts": 1}):
        assert (await refused(alice.prove(f"{CHAPPE}/bots", bad))).status == 400


async def test_a_bot_that_has_lost_its_keys_has_others_once_its_owner_gives_it_a_device(server: Server, alice: Person) -> None:
    path = "/keys/device_signing/upload"
    keys = [{"master_key": {"usage": ["master"], "keys": {f"ed25519:{key}": key}}} for key in ("a" * 43, "b" * 43)]
    bot = Person(server, await alice.prove(f"{CHAPPE}/bots", {"name": "Météo", "purpose": "x"}))
    first, other = ({"master_key": {**one["master_key"], "user_id": bot.id}} for one in keys)
    await server.node.database.execute("UPDATE devices SET created = now() - interval '1 hour'")
    await bot.call("POST", path, first)
    assert (await refused(bot.call("POST", path, other))).status == 401, "its token replaces nothing"
    token = f"{CHAPPE}/bots/{segment(bot.id)}/token"
    bot = Person(server, await alice.prove(token, {}))
    assert (await refused(bot.call("POST", path, other))).status == 401, "nor does a new one of a device that may have them"
    await bot.call("POST", "/logout", {})
    bot = Person(server, await alice.prove(token, {}))
    await bot.call("POST", path, other)
    shown = (await alice.call("POST", "/keys/query", {"device_keys": {bot.id: []}}))["master_keys"][bot.id]
    assert shown["keys"] == other["master_key"]["keys"]


async def test_signed_out_everywhere_bots_and_webhooks_wait_for_their_owner(new_server: NewServer, mailbox: Mailbox) -> None:
    server = await new_server(email=mailbox.settings())
    alice, bob = await server.person("alice"), await server.person()
    await server.node.bind_threepid(UserId(alice.id), "email", "alice@example.org", 1)
    room = await alice.create_room(preset="public_chat")
    hooks = f"{CHAPPE}/rooms/{segment(room)}/webhooks"
    bot = Person(server, await alice.prove(f"{CHAPPE}/bots", {"name": "Météo", "purpose": "x"}))
    assert "Météo" in plain(await mailbox.next("alice@example.org"))
    hook = await alice.prove(hooks, {"direction": "incoming", "name": "CI", "purpose": "x"})
    assert "CI" in plain(await mailbox.next("alice@example.org"))
    token = f"{CHAPPE}/bots/{segment(bot.id)}/token"
    renewed = Person(server, await alice.prove(token, {}))
    assert "Météo" in plain(await mailbox.next("alice@example.org"))
    assert renewed.device == bot.device, "with its keys"
    assert (await refused(bot.call("GET", "/account/whoami"))).status == 401
    await bob.join(room)
    openid = await renewed.call("POST", f"/user/{segment(bot.id)}/openid/request_token", {})

    await alice.call("POST", "/logout/all", {})
    alice = await alice.another_device()
    assert (await refused(renewed.call("GET", "/account/whoami"))).errcode == "M_UNKNOWN_TOKEN"
    userinfo = f"/_matrix/federation/v1/openid/userinfo?access_token={openid['access_token']}"
    assert (await server.raw("GET", userinfo))[0] == 401
    assert (await server.raw("POST", hook["path"], {"text": "x"}))[0] == 404
    assert [one["enabled"] for one in (await alice.call("GET", hooks))["webhooks"]] == [False]
    assert (await refused(bob.prove(token, {}))).errcode == "M_NOT_FOUND"
    assert (await refused(alice.prove(f"{CHAPPE}/bots/{segment(hook['user_id'])}/token", {}))).status == 404
    await Person(server, await alice.prove(token, {})).call("GET", "/account/whoami")
    power = await alice.state(room, "m.room.power_levels")
    await alice.set_state(room, "m.room.power_levels", power | {"users": power.get("users", {}) | {bob.id: 100}})
    enable = f"{hooks}/{hook['id']}/enable"
    assert (await refused(bob.prove(enable, {}))).errcode == "M_NOT_FOUND", "they run the room, but have not made it"
    await alice.prove(enable, {})
    assert (await server.raw("POST", hook["path"], {"text": "x"}))[0] == 200


async def test_a_token_alone_makes_nothing_that_acts_beside_its_device(server: Server, alice: Person) -> None:
    """It would outlive the device: whoever has stolen one is signed out there, and not everywhere."""
    room = await alice.create_room(preset="public_chat")
    hooks, bots = f"{CHAPPE}/rooms/{segment(room)}/webhooks", f"{CHAPPE}/bots"
    incoming = {"direction": "incoming", "name": "CI", "purpose": "x"}
    bot = (await alice.prove(bots, {"name": "Météo", "purpose": "x"}))["user_id"]
    hook = (await alice.prove(hooks, incoming))["id"]
    await server.node.webhooks.disable_all(alice.id)
    stolen = await alice.another_device()
    before = (await alice.call("GET", bots), await alice.call("GET", hooks))
    doors = {
        bots: {"name": "Horloge", "purpose": "x"},
        f"{bots}/{segment(bot)}/token": {},
        hooks: incoming,
        f"{hooks}/{hook}/enable": {},
    }
    out = {**incoming, "direction": "outgoing", "url": "https://thief.example/"}
    for path, body in [*doors.items(), (hooks, out)]:
        no = await refused(stolen.call("POST", path, body))
        assert no.status == 401 and no.body["flows"] == [{"stages": ["m.login.password"]}], path
        auth = {"type": "m.login.password", "user": alice.id, "password": "wrong", "session": no.body["session"]}
        assert (await refused(stolen.call("POST", path, {**body, "auth": auth}))).status == 401, path
    assert (await alice.call("GET", bots), await alice.call("GET", hooks)) == before


async def test_an_incoming_webhook(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    path = f"{CHAPPE}/rooms/{segment(room)}/webhooks"
    wanted = {"direction": "incoming", "name": "CI", "purpose": "Résultats"}
    assert (await refused(bob.prove(path, wanted))).errcode == "M_FORBIDDEN"
    hook = await alice.prove(path, wanted)
    posts = [
        {"text": "<b>brut</b>"},
        {"markdown": "**Échec** de [x](https://example.org) <script>alert(1)</script> [y](javascript:alert(1))"},
        {
            "card": {
                "title": "Build <1>",
                "text": "rouge",
                "url": "https://ci.example.org/1",
                "fields": [{"name": "branche", "value": "main"}],
            }
        },
        {"files": [{"name": "a.txt", "content": base64.b64encode(b"data").decode(), "content_type": "text/plain"}]},
    ]
    for body in posts:
        status, raw, _ = await server.raw("POST", hook["path"], body)
        assert status == 200, raw
    events = [
        e
        for e in reversed((await bob.messages(room, limit=20))["chunk"])
        if e["sender"] == hook["user_id"] and e["type"] == "m.room.message"
    ]
    text, mark, card, file = (e["content"] for e in events)
    assert text["body"] == "<b>brut</b>" and "formatted_body" not in text
    html = mark["formatted_body"]
    assert (
        '<strong>Échec</strong> de <a href="https://example.org">x</a>' in html
        and "<script" not in html
        and 'href="javascript' not in html
    )
    assert "Build &lt;1&gt;" in card["formatted_body"] and "branche : main" in card["body"]
    assert file["msgtype"] == "m.file" and file["org.chappe.bot"]["owner"] == alice.id
    for bad, status in (
        ({}, 400),
        ({"text": 7}, 400),
        ({"files": [{"name": "x", "content": "%%"}]}, 400),
        ({"card": {"title": "x", "url": "javascript:x"}}, 400),
        ({"text": "x" * 40_000}, 400),
    ):
        assert (await server.raw("POST", hook["path"], bad))[0] == status
    assert (await server.raw("POST", f"/_chappe/hooks/{hook['id']}/wrong", {"text": "x"}))[0] == 404
    listed = (await bob.call("GET", path))["webhooks"]
    assert listed[0]["owner"] == alice.id and "secret" not in json.dumps(listed)
    await alice.call("DELETE", f"{path}/{hook['id']}")
    assert (await server.raw("POST", hook["path"], {"text": "x"}))[0] == 404
    encrypted = await alice.create_room(
        initial_state=[{"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}]
    )
    assert (await refused(alice.prove(f"{CHAPPE}/rooms/{segment(encrypted)}/webhooks", wanted))).errcode == "M_FORBIDDEN"


async def test_asked_for_at_once_there_are_no_more_than_one_may_have(server: Server, alice: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    hooks = f"{CHAPPE}/rooms/{segment(room)}/webhooks"
    out = {"direction": "outgoing", "name": "CI", "purpose": "x", "url": "https://ci.example.org/"}
    for path, body, most in ((f"{CHAPPE}/bots", {"name": "Météo", "purpose": "x"}, 10), (hooks, out, 20)):
        asked = [alice.prove(path, body) for _ in range(most + 10)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        no = [answer for answer in answers if isinstance(answer, Refused)]
        assert len(no) == 10 and {answer.errcode for answer in no} == {"M_FORBIDDEN"}, no
        (listed,) = (await alice.call("GET", path)).values()
        assert len(listed) == most


@pytest.mark.parametrize("first", ["incoming", "outgoing"])
@pytest.mark.parametrize("second", ["incoming", "outgoing"])
async def test_nobody_has_more_webhooks_whichever_way_they_go(new_server: NewServer, first: str, second: str) -> None:
    """And in whichever rooms: an outgoing one sends all that is said in its room."""
    alice = await (await new_server(bots=Bots(max_webhooks_per_user=1))).person()

    async def makes(direction: str) -> None:
        room = await alice.create_room(preset="public_chat")
        wanted = {"direction": direction, "name": "CI", "purpose": "x", "url": "https://ci.example.org/"}
        await alice.prove(f"{CHAPPE}/rooms/{segment(room)}/webhooks", wanted)

    await makes(first)
    assert (await refused(makes(second))).errcode == "M_FORBIDDEN"


async def test_a_name_of_a_bot_is_what_one_sees(server: Server, alice: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    hooks = f"{CHAPPE}/rooms/{segment(room)}/webhooks"
    out = {"direction": "outgoing", "url": "https://ci.example.org/"}
    for name in ("a\nb", "a\u202eb", "a\u200bb", "a\u2028b", "Anne ［Culture］", "Anne [Culture]", "=?utf-8?q?Anne?="):
        for path, more in ((f"{CHAPPE}/bots", {}), (hooks, out), (hooks, {"direction": "incoming"})):
            no = await refused(alice.prove(path, {"name": name, "purpose": "x", **more}))
            assert (no.status, no.errcode) == (400, "M_INVALID_PARAM"), (name, path)


class Receiver:
    """Of an outgoing webhook: what it got, and what it answers (200 once `answers` are used up)."""

    def __init__(self, *answers: int) -> None:
        self.got: list[tuple[Any, bytes]] = []
        self.answers = [*answers]

    async def _receive(self, request: web.Request) -> web.Response:
        self.got.append((request.headers, await request.read()))
        return web.Response(status=self.answers.pop() if self.answers else 200)

    async def __aenter__(self) -> Receiver:
        application = web.Application()
        application.router.add_post("/hook", self._receive)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


@pytest.mark.parametrize("way_out", ["leave", "kick", "ban", "power"])
async def test_a_webhook_is_still_when_its_owner_could_not_make_it(new_server: NewServer, way_out: str) -> None:
    """Out of the room, or in it without its power. Those who run it see that, and can end it."""
    server = await new_server(push=Push(allowed_private_hosts=["127.0.0.1"]))
    alice, bob = await server.person("alice"), await server.person("bob")
    async with Receiver(500) as receiver:
        room = await alice.create_room(
            preset="public_chat", power_level_content_override={"users": {bob.id: 100}}, room_version="12"
        )
        await bob.join(room)
        hooks = f"{CHAPPE}/rooms/{segment(room)}/webhooks"
        out = {"direction": "outgoing", "name": "Tickets", "purpose": "x", "url": receiver.url}
        told = await bob.prove(hooks, out)
        other = await alice.prove(hooks, {**out, "name": "Of somebody who stays"})
        hook = await bob.prove(hooks, {"direction": "incoming", "name": "CI", "purpose": "x"})
        assert (await server.raw("POST", hook["path"], {"text": "heard"}))[0] == 200
        await until(lambda: len(receiver.got) == 2)  # one of them is to be sent again
        if way_out == "leave":
            await bob.leave(room)
        elif way_out == "power":
            levels = await alice.state(room, "m.room.power_levels")
            await alice.set_state(room, "m.room.power_levels", {**levels, "users": {bob.id: 99}})
        else:
            await alice.act(way_out, room, bob)
        status, raw, _ = await server.raw("POST", hook["path"], {"text": "not heard"})
        assert (status, json.loads(raw)["errcode"]) == (403, "M_FORBIDDEN")
        receiver.got.clear()
        await server.node.database.execute("UPDATE webhook_queue SET due_ts = 0")
        await alice.say(room, "a secret")
        last = await alice.say(room, "the last")
        await until(lambda: any(json.loads(body)["event"]["event_id"] == last for _, body in receiver.got))

        async def nothing_waits() -> bool:
            return not await server.node.database.fetchval("SELECT count(*) FROM webhook_queue")

        await until(nothing_waits)
        assert {json.loads(body)["webhook"] for _, body in receiver.got} == {other["id"]}
        assert "not heard" not in bodies((await alice.messages(room))["chunk"])
        listed = {one["id"]: one["may_act"] for one in (await alice.call("GET", hooks))["webhooks"]}
        assert listed == {told["id"]: False, other["id"]: True, hook["id"]: False}
        for method, path in (("DELETE", f"{hooks}/{hook['id']}"), ("POST", f"{hooks}/{hook['id']}/enable")):
            assert (await refused(bob.call(method, path))).errcode == "M_FORBIDDEN"
        for ended in (told, hook):
            await alice.call("DELETE", f"{hooks}/{ended['id']}")
        assert [one["id"] for one in (await alice.call("GET", hooks))["webhooks"]] == [other["id"]]


async def test_an_outgoing_webhook_is_signed_and_tried_again(new_server: NewServer) -> None:
    async with Receiver(500) as receiver:
        got = receiver.got
        server = await new_server(push=Push(allowed_private_hosts=["127.0.0.1"]))
        alice = await server.person("alice")
        room = await alice.create_room()
        path = f"{CHAPPE}/rooms/{segment(room)}/webhooks"
        wanted = {"direction": "outgoing", "name": "Tickets", "purpose": "x", "url": receiver.url}
        for bad in (
            "http://example.org/x",
            "https://10.0.0.1/x",
            "https://[::1]/x",
            "file:///etc/passwd",
            "https://[",
            "http://127.0.0.1.example.org/x",
            None,
        ):
            assert (await refused(alice.prove(path, {**wanted, "url": bad}))).status in (400, 403)
        hook = await alice.prove(path, wanted)
        event = await alice.say(room, "créer un ticket")
        await until(lambda: len(got) == 1)
        await server.node.database.execute("UPDATE webhook_queue SET due_ts = 0")
        await until(lambda: len(got) == 2)
        headers, body = got[1]
        assert got[0][1] == body and got[0][0]["X-Chappe-Delivery"] == headers["X-Chappe-Delivery"]
        assert json.loads(body)["event"]["event_id"] == event
        seconds = int(headers["X-Chappe-Signature"].split(",")[0].removeprefix("t="))
        assert headers["X-Chappe-Signature"] == signature(hook["secret"], seconds, body)


# ------------------------------------------------------------------------------------------------- identity service


async def test_an_address_is_written_to_as_often_by_whichever_door(new_server: NewServer, mailbox: Mailbox) -> None:
    server = await new_server(
        rate_limits_enabled=True,
        limits=Limits(email=Limit(0.0001, 1)),
        email=mailbox.settings(),
        identity_service=IdentityService(),
    )
    alice, browser = await server.person("alice"), Browser(server)
    openid = await alice.call("POST", f"/user/{segment(alice.id)}/openid/request_token", {})
    token = (await alice.call("POST", "/_matrix/identity/v2/account/register", openid))["token"]
    me = Person(server, {"user_id": alice.id, "device_id": "", "access_token": token})

    def api(who: Person, path: str) -> Callable[[str], Awaitable[int]]:
        async def ask(address: str) -> int:
            try:
                await who.call("POST", path, {"client_secret": "s1", "email": address, "send_attempt": 1})
            except Refused as error:
                return error.status
            return 200

        return ask

    def page(path: str) -> Callable[[str], Awaitable[int]]:
        async def ask(address: str) -> int:
            await browser.open(path)
            await browser.submit(path, email=address)
            return browser.status

        return ask

    doors = {
        "registering": api(alice, "/register/email/requestToken"),
        "a password": api(alice, "/account/password/email/requestToken"),
        "an address more": api(alice, "/account/3pid/email/requestToken"),
        "the identity service": api(me, "/_matrix/identity/v2/validate/email/requestToken"),
        "the page of a password": page("/forgot-password"),
    }
    for first, ask in doors.items():
        address = f"{secrets.token_hex(8)}@example.org"
        assert await ask(address) == 200, first
        for second, again in doors.items():
            assert await again(address) == 429, f"{first}, then {second}"


async def test_the_identity_service(new_server: NewServer) -> None:
    mailbox = Mailbox().start()
    try:
        terms = IdentityService(terms_url="https://example.org/terms")
        server = await new_server(email=mailbox.settings(), identity_service=terms)
        alice, bob = await server.person("alice"), await server.person("bob")
        await server.node.bind_threepid(bob.id, "email", "bob@example.org", 1)  # type: ignore[arg-type]
        base = "/_matrix/identity/v2"
        assert (await alice.call("GET", "/_matrix/identity/versions"))["versions"] and await alice.call("GET", base) == {}
        openid = await alice.call("POST", f"/user/{segment(alice.id)}/openid/request_token", {})
        token = (await alice.call("POST", f"{base}/account/register", openid))["token"]
        me = Person(server, {"user_id": alice.id, "device_id": "", "access_token": token})
        assert (await refused(me.call("GET", f"{base}/hash_details"))).errcode == "M_TERMS_NOT_SIGNED"
        url = (await me.call("GET", f"{base}/terms"))["policies"]["terms_of_service"]["fr"]["url"]
        await me.call("POST", f"{base}/terms", {"user_accepts": [url]})
        assert (await me.call("GET", f"{base}/account"))["user_id"] == alice.id
        details = await me.call("GET", f"{base}/hash_details")

        def digest(address: str) -> str:
            raw = hashlib.sha256(f"{address} email {details['lookup_pepper']}".encode()).digest()
            return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

        wanted = {
            "addresses": [digest("bob@example.org"), digest("nobody@example.org")],
            "algorithm": "sha256",
            "pepper": details["lookup_pepper"],
        }
        assert (await me.call("POST", f"{base}/lookup", wanted))["mappings"] == {digest("bob@example.org"): bob.id}
        assert (await refused(me.call("POST", f"{base}/lookup", {**wanted, "pepper": "old"}))).errcode == "M_INVALID_PEPPER"
        assert (await refused(me.call("POST", f"{base}/lookup", {**wanted, "algorithm": "none"}))).errcode == "M_INVALID_PARAM"
        assert (
            await refused(me.call("POST", f"{base}/lookup", {**wanted, "addresses": ["x"] * 1001}))
        ).errcode == "M_INVALID_PARAM"
        assert (await refused(alice.call("POST", f"{base}/lookup", wanted))).status == 401  # another kind of token
        body = {"client_secret": "s1", "email": "alice@example.org", "send_attempt": 1}
        sid = (await me.call("POST", f"{base}/validate/email/requestToken", body))["sid"]
        from urllib.parse import parse_qs, urlsplit

        query = parse_qs(urlsplit(link_in(await mailbox.next("alice@example.org"))).query)
        proof = {"sid": sid, "client_secret": "s1"}
        assert (await refused(me.call("GET", f"{base}/3pid/getValidated3pid", **proof))).errcode == "M_SESSION_NOT_VALIDATED"
        submit = f"{base}/validate/email/submitToken"
        assert (await refused(me.call("POST", submit, {**proof, "token": "x"}))).errcode == "M_TOKEN_INCORRECT"  # 1.18
        await me.call("POST", submit, {**proof, "token": query["token"][0]})
        assert (await me.call("GET", f"{base}/3pid/getValidated3pid", **proof))["address"] == "alice@example.org"
        assert (await refused(me.call("POST", f"{base}/3pid/bind", {**proof, "mxid": bob.id}))).status == 403
        # what makes an address findable does not add it to the account
        assert (await refused(me.call("POST", f"{base}/3pid/bind", {**proof, "mxid": alice.id}))).status == 403
        await server.node.bind_threepid(alice.id, "email", "alice@example.org", 1)  # type: ignore[arg-type]
        bound = await me.call("POST", f"{base}/3pid/bind", {**proof, "mxid": alice.id})
        assert bound["mxid"] == alice.id and "localhost" in bound["signatures"]
        room = await alice.create_room()
        stored = await me.call(
            "POST",
            f"{base}/store-invite",
            {"medium": "email", "address": "new@example.org", "room_id": room, "sender": alice.id},
        )
        assert stored["display_name"] == "n...@e..." and stored["public_keys"]
        await mailbox.next("new@example.org")
        key = base64.b64encode(b"k" * 32).decode().rstrip("=")
        signed = await me.call("POST", f"{base}/sign-ed25519", {"mxid": alice.id, "token": stored["token"], "private_key": key})
        assert signed["mxid"] == alice.id and signed["signatures"]
        taken = {"medium": "email", "address": "bob@example.org", "room_id": room, "sender": alice.id}
        assert (await refused(me.call("POST", f"{base}/store-invite", taken))).errcode == "M_THREEPID_IN_USE"
        key_id = server.node.domains.signing_key("localhost").key_id
        public = (await me.call("GET", f"{base}/pubkey/{segment(key_id)}"))["public_key"]
        assert (await me.call("GET", f"{base}/pubkey/isvalid", public_key=public)) == {"valid": True}
        assert (await refused(me.call("GET", f"{base}/pubkey/ed25519:no"))).errcode == "M_NOT_FOUND"
        hers = {"mxid": alice.id, "threepid": {"medium": "email", "address": "alice@example.org"}}
        assert (await refused(me.call("POST", f"{base}/3pid/unbind", hers))).status == 403  # nor does it take it away
        other = {"mxid": alice.id, "threepid": {"medium": "email", "address": "old@example.org"}}
        await me.call("POST", f"{base}/3pid/unbind", other)
        await me.call("POST", f"{base}/account/logout", {})
        assert (await refused(me.call("GET", f"{base}/account"))).errcode == "M_UNAUTHORIZED"
    finally:
        mailbox.stop()


# -------------------------------------------------------------------------------------------------------------- S3


@pytest.fixture
def s3() -> Any:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    ).create_bucket(Bucket="files")
    yield url
    server.stop()


@pytest.mark.filterwarnings("ignore")
async def test_files_move_to_an_s3_and_are_served_from_there(new_server: NewServer, s3: str, new_database: Any) -> None:
    access: dict[str, Any] = {"s3_endpoint": s3, "s3_access_key": "k", "s3_secret_key": "s"}
    url = await new_database()
    before = await new_server(url, media=Media(**access))
    alice = await before.person("alice")
    old = json.loads((await before.raw("POST", "/_matrix/media/v3/upload?filename=a.txt", b"old" * 1000, alice.token))[1])[
        "content_uri"
    ]
    target = open_blobs(before.config.media, "", "s3://files/chappe")
    copied = [key async for key, _ in before.node.blobs.copy_all(target)]
    assert len(copied) == 1 and [key async for key, _ in before.node.blobs.copy_all(target)] == []
    await before.stop()
    before.session = None
    after = await new_server(url, media=Media(location="s3://files/chappe", presigned=True, **access))
    alice.server = after
    path = "/_matrix/client/v1/media/download/" + old.removeprefix("mxc://")
    assert (await after.raw("GET", path, None, alice.token))[1] == b"old" * 1000
    new = json.loads((await after.raw("POST", "/_matrix/media/v3/upload", b"new", alice.token))[1])["content_uri"]
    status, _, headers = await after.raw(
        "GET", "/_matrix/client/v1/media/download/" + new.removeprefix("mxc://") + "?allow_redirect=true", None, alice.token
    )
    assert status == 307 and headers["Location"].startswith(s3)
    assert after.session is not None
    async with after.session.get(headers["Location"]) as answer:
        assert await answer.read() == b"new"
    await after.node.media.delete([("localhost", new.rsplit("/", 1)[1])], right=THE_WHOLE)
    assert (await after.raw("GET", "/_matrix/client/v1/media/download/" + new.removeprefix("mxc://"), None, alice.token))[
        0
    ] == 404
