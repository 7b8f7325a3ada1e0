"""Pushers against a real gateway, a browser's subscription and a mailbox."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.jwk import ECKey

from chappe.config import Push, QuietHours
from chappe.homeserver.outbound.web_push import encrypt
from chappe.matrix.identifiers import UserId
from tests.neighbours import Gateway, Mailbox, plain
from tests.support import Person, Refused, Server, segment, until

NewServer = Callable[..., Awaitable[Server]]
LOCAL = Push(allowed_private_hosts=["127.0.0.1"])


def pusher(gateway: Gateway, key: str, **changes: Any) -> dict[str, Any]:
    data = {"url": gateway.url, **changes.pop("data", {})}
    return {
        "kind": "http",
        "app_id": "org.example.app",
        "pushkey": key,
        "app_display_name": "App",
        "device_display_name": "Phone",
        "lang": "fr",
        "data": data,
        **changes,
    }


async def a_room_of(*people: Person, **options: Any) -> str:
    room = await people[0].create_room(preset="public_chat", **options)
    for person in people[1:]:
        await person.join(room)
    return room


async def gathered(server: Server) -> None:
    """Returns once everything that has happened has been looked at."""
    goal = server.node.clock.watermark

    async def there() -> bool:
        return bool(await server.node.database.fetchval("SELECT position >= $1 FROM progress WHERE name = 'push'", goal))

    await until(there)


async def test_a_message_is_pushed_with_its_room_and_sender(new_server: NewServer, gateway: Gateway) -> None:
    server = await new_server(push=LOCAL)
    alice, bob = await server.person("alice"), await server.person("bob")
    room = await a_room_of(alice, bob, name="Cabinet")
    await bob.call("POST", "/pushers/set", pusher(gateway, "full"))
    await bob.call("POST", "/pushers/set", pusher(gateway, "ids", data={"format": "event_id_only"}))
    assert [p["pushkey"] for p in (await bob.call("GET", "/pushers"))["pushers"]] == ["full", "ids"]
    event = await alice.say(room, "bob: bonjour")
    await until(lambda: len(gateway.events()) == 2)
    full = next(n for n in gateway.got if n["devices"][0]["pushkey"] == "full")
    assert full["content"]["body"] == "bob: bonjour" and full["sender"] == alice.id and full["room_name"] == "Cabinet"
    assert full["id"] == full["event_id"] == event
    assert full["sender_display_name"] == "alice" and full["counts"] == {"unread": 1} and full["prio"] == "high"
    short = next(n for n in gateway.got if n["devices"][0]["pushkey"] == "ids")
    assert short["event_id"] == event and short["room_id"] == room and not {"id", "content", "sender"} & short.keys()
    await bob.receipt(room, event)  # the badge goes
    await until(lambda: sum(n["counts"]["unread"] == 0 for n in gateway.got) == 2)
    await alice.call("PUT", f"/rooms/{segment(room)}/typing/{alice.id}", {"typing": True, "timeout": 1000})
    await bob.say(room, "one's own is not pushed")
    await bob.call("POST", "/pushers/set", {**pusher(gateway, "ids"), "kind": None})
    last = await alice.say(room, "encore")
    await until(lambda: last in gateway.events())
    assert gateway.events("ids") == [event]


async def test_invitations_muted_rooms_and_switched_off_pushers(new_server: NewServer, gateway: Gateway) -> None:
    server = await new_server(push=LOCAL)
    alice, bob = await server.person("alice"), await server.person("bob")
    await bob.call("POST", "/pushers/set", pusher(gateway, "k"))
    room = await alice.create_room()
    await alice.invite(room, bob)
    await until(lambda: gateway.got)
    assert gateway.got[0]["type"] == "m.room.member" and gateway.got[0]["user_is_target"] is True
    await bob.join(room)
    await bob.call("PUT", f"/pushrules/global/room/{segment(room)}", {"actions": []})
    await alice.say(room, "muted")
    await gathered(server)
    await bob.call("DELETE", f"/pushrules/global/room/{segment(room)}")
    heard = await alice.say(room, "heard")
    await until(lambda: heard in gateway.events())
    assert len(gateway.events()) == 2
    await bob.call("POST", "/pushers/set", pusher(gateway, "k", enabled=False))
    await alice.say(room, "off")
    await gathered(server)
    await bob.call("POST", "/pushers/set", pusher(gateway, "k"))
    again = await alice.say(room, "on")
    await until(lambda: again in gateway.events())
    assert len(gateway.events()) == 3


async def test_a_rejected_key_goes_and_so_does_the_pusher_of_a_device_that_signs_out(
    new_server: NewServer, gateway: Gateway
) -> None:
    server = await new_server(push=LOCAL)
    alice, bob = await server.person("alice"), await server.person("bob")
    room = await a_room_of(alice, bob)
    gateway.rejects.add("old phone")
    await bob.call("POST", "/pushers/set", pusher(gateway, "old phone"))
    other = await bob.another_device()
    await other.call("POST", "/pushers/set", pusher(gateway, "tablet"))
    await alice.say(room, "x")
    await until(lambda: len(gateway.events()) == 2)

    async def left() -> bool:
        return [p["pushkey"] for p in (await bob.call("GET", "/pushers"))["pushers"]] == ["tablet"]

    await until(left)
    await other.call("POST", "/logout")
    assert (await bob.call("GET", "/pushers"))["pushers"] == []
    # a key that moves to another account leaves the first one
    await alice.call("POST", "/pushers/set", pusher(gateway, "shared"))
    await bob.call("POST", "/pushers/set", pusher(gateway, "shared"))
    assert (await alice.call("GET", "/pushers"))["pushers"] == []


@pytest.mark.parametrize(
    ("kind", "of", "changes", "leaves"),
    [
        ("http", "http", {}, True),
        ("http", "http", {"append": True}, False),
        ("http", "http", {"app_id": "org.example.other"}, False),
        ("http", "http", {"kind": None}, False),
        ("email", "http", {}, False),  # everybody knows an address
        ("email", "http", {"kind": None}, False),
        ("webpush", "webpush", {}, True),
        ("webpush", "webpush", {"auth": "another secret"}, False),
        ("webpush", "http", {}, False),
    ],
)
async def test_whose_pusher_somebody_else_takes_away(
    new_server: NewServer, mailbox: Mailbox, gateway: Gateway, kind: str, of: str, changes: dict[str, Any], leaves: bool
) -> None:
    """The same application, at the place whose key it has; nobody's by name."""
    server = await new_server(push=LOCAL, email=mailbox.settings())
    alice, bob = await server.person("alice"), await server.person("bob")
    key = {"email": "alice@example.org", "http": "shared", "webpush": base64url(b"\4" + b"k" * 64)}[kind]

    async def set_pusher(who: Person, sort: str, secret: str = "the secret", **more: Any) -> None:
        data = {"endpoint": "https://push.example/1", "auth": base64url(secret.encode().ljust(16)[:16])}
        body = pusher(gateway, key, kind=sort, **({"data": data} if sort == "webpush" else {}))
        await who.call("POST", "/pushers/set", body | more)

    if kind == "email":
        await server.node.bind_threepid(UserId(alice.id), "email", key, 1)
    await set_pusher(alice, kind)
    more = {name: value for name, value in changes.items() if name != "auth"}
    await set_pusher(bob, of, changes.get("auth", "the secret"), **more)
    assert bool((await alice.call("GET", "/pushers"))["pushers"]) is not leaves


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_an_address_that_has_changed_hands_takes_its_pusher_along(new_server: NewServer, mailbox: Mailbox) -> None:
    server = await new_server(email=mailbox.settings())
    node = server.node
    alice, bob = await server.person("alice"), await server.person("bob")
    mail = {
        "kind": "email",
        "app_id": "m.email",
        "pushkey": "post@example.org",
        "app_display_name": "E-mail",
        "device_display_name": "x",
        "lang": "fr",
        "data": {},
    }
    for who in (alice, bob):
        await node.database.execute("DELETE FROM threepids WHERE address = 'post@example.org'")
        await node.bind_threepid(UserId(who.id), "email", "post@example.org", 1)
        await who.call("POST", "/pushers/set", mail)
    assert (await alice.call("GET", "/pushers"))["pushers"] == []


async def test_ten_thousand_pushes_to_a_slow_then_failing_then_recovering_gateway(
    new_server: NewServer, gateway: Gateway
) -> None:
    """None is lost, none comes twice, and somebody at another gateway waits for nothing."""
    server = await new_server(push=LOCAL)
    elsewhere = await Gateway().start()
    try:
        alice, bob = await server.person("alice"), await server.person("bob")
        room = await a_room_of(alice, bob)
        people = [f"@crowd{n}:localhost" for n in range(100)]
        for name in people:
            await server.node.accounts.register(name, None)  # type: ignore[arg-type]
            await server.node.membership.join(name, room)  # type: ignore[arg-type]
        for name in people:
            await server.node.pushers.set(name, "D", pusher(gateway, f"key of {name}"))
        await bob.call("POST", "/pushers/set", pusher(elsewhere, "bob"))
        gateway.delay = 0.05
        said = [await alice.say(room, f"message {n}") for n in range(30)]
        await until(lambda: len(elsewhere.events()) == 30)  # while the other gateway has hardly begun
        assert len(gateway.events()) < 3000
        gateway.failing = True
        said += [await alice.say(room, f"message {n}") for n in range(30, 100)]
        await until(lambda: len(elsewhere.events()) == 100)
        await until(lambda: gateway.refused > 100)
        gateway.delay, gateway.failing = 0.0, False
        await until(lambda: len(gateway.events()) >= 10_000, 120)
        counts = Counter((n["devices"][0]["pushkey"], n["event_id"]) for n in gateway.got if "event_id" in n)
        assert len(counts) == 10_000 and set(counts.values()) == {1}
        for name in (people[0], people[57]):
            assert gateway.events(f"key of {name}") == said  # in order
        assert elsewhere.events() == said
    finally:
        await elsewhere.stop()


async def test_quiet_hours_of_a_user_and_of_a_domain(new_server: NewServer, gateway: Gateway) -> None:
    always = QuietHours(start="00:00", end="00:00", timezone="UTC", allow_highlights=False)
    server = await new_server(push=Push(allowed_private_hosts=["127.0.0.1"], quiet_hours={"localhost": always}))
    alice, bob, carol = [await server.person(name) for name in ("alice", "bob", "carol")]
    room = await a_room_of(alice, bob, carol)
    for person in (bob, carol):
        await person.call("POST", "/pushers/set", pusher(gateway, person.id))
    hour = datetime.now(UTC).hour
    own = {"start": f"{(hour + 2) % 24:02}:00", "end": f"{(hour + 3) % 24:02}:00", "timezone": "UTC"}
    await carol.call("PUT", f"/user/{carol.id}/account_data/org.chappe.quiet_hours", own)
    event = await alice.say(room, "nachtruhe")
    await gathered(server)
    await until(lambda: gateway.events(carol.id) == [event])
    await until(lambda: [n for n in gateway.got if n["devices"][0]["pushkey"] == bob.id])  # the number, without a sound
    assert gateway.events(bob.id) == [] and gateway.got[-1]["counts"]["unread"] == 1
    mention = {"m.mentions": {"user_ids": [carol.id]}}
    now = {"start": "00:00", "end": "00:00", "timezone": "UTC", "allow_highlights": True}
    await carol.call("PUT", f"/user/{carol.id}/account_data/org.chappe.quiet_hours", now)
    await alice.say(room, "quiet")
    await gathered(server)
    loud = await alice.say(room, "urgent", **mention)
    await until(lambda: gateway.events(carol.id) == [event, loud])


async def test_a_digest_by_mail_of_what_stays_unread(new_server: NewServer) -> None:
    mailbox = Mailbox().start()
    try:
        server = await new_server(email=mailbox.settings())
        alice, bob = await server.person("alice"), await server.person("bob")
        room = await a_room_of(alice, bob, name="Préfecture")
        mail = {
            "kind": "email",
            "app_id": "m.email",
            "pushkey": "bob@example.org",
            "app_display_name": "E-mail",
            "device_display_name": "bob@example.org",
            "lang": "fr",
            "data": {},
        }
        with pytest.raises(Refused) as refused:
            await bob.call("POST", "/pushers/set", mail)
        assert refused.value.errcode == "M_INVALID_PARAM"  # not an address of his
        await server.node.bind_threepid(bob.id, "email", "bob@example.org", 1)  # type: ignore[arg-type]
        await bob.call("POST", "/pushers/set", mail)
        read = await alice.say(room, "lu tout de suite")
        await bob.receipt(room, read)
        await alice.say(room, "réunion à 10 h\r\nBcc: x@example.org")
        database = server.node.database
        await until(lambda: database.fetchval("SELECT count(*) = 2 FROM push_queue"))
        await database.execute("UPDATE push_queue SET created_ts = created_ts - 3600000")

        async def an_hour_passes() -> bool:  # again and again: a look that was under way may have put the next one off
            await database.execute("UPDATE pushers SET due_ts = 0")
            server.node.push_deliverer.wake()
            return bool(mailbox.mails)

        await until(an_hour_passes)
        sent = await mailbox.next("bob@example.org")
        text = plain(sent)
        assert "1 message non lu dans Préfecture" in sent["Subject"]
        assert "alice : réunion à 10 h" in text and "lu tout de suite" not in text and sent["Bcc"] is None
    finally:
        mailbox.stop()


async def test_a_digest_tells_of_invitations_that_stand(new_server: NewServer, mailbox: Mailbox) -> None:
    """Not of one that was withdrawn meanwhile, was declined, or is by somebody who is ignored since."""
    server = await new_server(email=mailbox.settings())
    alice, bob, mallory = [await server.person(name) for name in ("alice", "bob", "mallory")]
    await server.node.bind_threepid(bob.id, "email", "bob@example.org", 1)  # type: ignore[arg-type]
    mail = {
        "kind": "email",
        "app_id": "m.email",
        "pushkey": "bob@example.org",
        "app_display_name": "E-mail",
        "device_display_name": "bob@example.org",
        "lang": "fr",
        "data": {},
    }
    await bob.call("POST", "/pushers/set", mail)
    rooms = {name: await alice.create_room(name=name, invite=[bob.id]) for name in ("Retiré", "Décliné", "Conseil")}
    await mallory.create_room(name="Masqué", invite=[bob.id])
    await until(lambda: server.node.database.fetchval("SELECT count(*) = 4 FROM push_queue"))
    await alice.act("kick", rooms["Retiré"], bob)
    await bob.leave(rooms["Décliné"])
    ignored = {"ignored_users": {mallory.id: {}}}
    await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/m.ignored_user_list", ignored)
    await server.node.database.execute("UPDATE push_queue SET created_ts = created_ts - 3600000")

    async def an_hour_passes() -> bool:
        await server.node.database.execute("UPDATE pushers SET due_ts = 0")
        server.node.push_deliverer.wake()
        return bool(mailbox.mails)

    await until(an_hour_passes)
    text = plain(await mailbox.next("bob@example.org"))
    assert "Conseil – alice : vous invite dans ce salon" in text
    assert not [name for name in ("Retiré", "Décliné", "Masqué") if name in text] and "chiffré" not in text


def unsealed(body: bytes, private: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What a browser makes of a message (RFC 8291, 3.4), written from the other side."""
    salt, length = body[:16], body[20]
    theirs, sealed = body[21 : 21 + length], body[21 + length :]
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    mine = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
    secret = HKDF(hashes.SHA256(), 32, auth, b"WebPush: info\0" + mine + theirs).derive(shared)
    key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
    nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
    return AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\x02")


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_web_push_straight_to_a_browser(new_server: NewServer, gateway: Gateway) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    server = await new_server(push=LOCAL)
    alice, bob = await server.person("alice"), await server.person("bob")
    room = await a_room_of(alice, bob)
    private, auth = ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef"
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    browser = pusher(gateway, b64(public), kind="webpush", data={"endpoint": f"{gateway.base}/browser", "auth": b64(auth)})
    await bob.call("POST", "/pushers/set", browser)
    event = await alice.say(room, "dans le navigateur")
    await until(lambda: gateway.raw)
    headers, body = gateway.raw[0]
    message = orjson.loads(unsealed(body, private, auth))
    assert message["event_id"] == event and message["content"]["body"] == "dans le navigateur"
    assert headers["Content-Encoding"] == "aes128gcm" and headers["TTL"]
    vapid = (await bob.call("GET", "/capabilities"))["capabilities"]["m.webpush"]["vapid"]
    token, _, key = headers["Authorization"].removeprefix("vapid t=").partition(", k=")
    assert key == vapid
    point = base64.urlsafe_b64decode(vapid + "=")
    signer = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])})
    assert jwt.decode(token, signer, algorithms=["ES256"]).claims["aud"] == gateway.base
    gateway.status = 410  # the browser has unsubscribed
    await alice.say(room, "trop tard")

    async def gone() -> bool:
        return (await bob.call("GET", "/pushers"))["pushers"] == []

    await until(gone)


def test_the_test_vector_of_rfc_8291() -> None:
    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    number = int.from_bytes(raw("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    sealed = encrypt(
        b"When I grow up, I want to be a watermelon",
        raw("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        raw("BTBZMqHH6r4Tts7J_aSIgg"),
        ec.derive_private_key(number, ec.SECP256R1()),
        raw("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert b64(sealed) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95"
        "bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"data": {"url": "http://10.0.0.1/_matrix/push/v1/notify"}}, "M_FORBIDDEN"),
        ({"data": {"url": "http://169.254.169.254/_matrix/push/v1/notify"}}, "M_FORBIDDEN"),
        ({"data": {"url": "file:///_matrix/push/v1/notify"}}, "M_INVALID_PARAM"),
        ({"data": {"url": "https://example.org/elsewhere"}}, "M_INVALID_PARAM"),
        ({"data": {"url": "http://[/_matrix/push/v1/notify"}}, "M_INVALID_PARAM"),
        ({"data": {}}, "M_INVALID_PARAM"),
        ({"data": None}, "M_MISSING_PARAM"),
        ({"kind": "pigeon"}, "M_INVALID_PARAM"),
        ({"pushkey": "x" * 513}, "M_INVALID_PARAM"),
        ({"app_id": 7}, "M_MISSING_PARAM"),
        ({"append": "yes"}, "M_BAD_JSON"),
        ({"kind": "webpush", "data": {"endpoint": "https://example.org/x", "auth": "AAAA"}}, "M_INVALID_PARAM"),
    ],
)
async def test_pushers_that_cannot_be(alice: Person, change: dict[str, Any], errcode: str) -> None:
    body = {
        "kind": "http",
        "app_id": "a",
        "pushkey": "k",
        "app_display_name": "A",
        "device_display_name": "D",
        "lang": "en",
        "data": {"url": "https://example.org/_matrix/push/v1/notify"},
        **change,
    }
    with pytest.raises(Refused) as refused:
        await alice.call("POST", "/pushers/set", body)
    assert refused.value.errcode == errcode


async def test_one_bad_notification_holds_up_none_behind_it(new_server: NewServer, gateway: Gateway) -> None:
    server = await new_server(push=LOCAL)
    alice, bob = await server.person("alice"), await server.person("bob")
    room = await a_room_of(alice, bob)
    await gathered(server)  # a pusher that is there in time is told of what was before it, too
    await bob.call("POST", "/pushers/set", pusher(gateway, "k"))
    database = server.node.database
    gateway.failing = True
    bad = await alice.say(room, "cannot be made")
    await until(lambda: database.fetchval("SELECT count(*) = 1 FROM push_queue"))
    await database.execute("UPDATE push_queue SET tweaks = 'no JSON' WHERE event_id = $1", bad)
    good = await alice.say(room, "arrives")
    # not both: on a slow machine the bad one is tried again, and given up, before the good one is here
    await until(lambda: database.fetchval("SELECT count(*) = 1 FROM push_queue WHERE event_id = $1", good))
    gateway.failing = False

    async def has_arrived() -> bool:
        await database.execute("UPDATE pushers SET due_ts = 0")  # an attempt under way puts the next one off as it fails
        server.node.push_deliverer.wake()
        return good in gateway.events()

    await until(has_arrived)
    assert bad not in gateway.events()
    assert await database.fetchval("SELECT count(*) = 0 FROM push_queue WHERE event_id = $1", bad)
