"""Nothing that a user or a peer sends holds the event loop: each hostile input at its limit, and what the watchdog saw."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
import pytest_asyncio

from chappe.homeserver.http.rate_limits import SLOTS, RateLimits
from chappe.homeserver.http.router import SMALL_LIMIT
from chappe.homeserver.load.parsing import MAX_VALUES, off_the_loop
from chappe.homeserver.load.watchdog import TOO_LONG_SECONDS, Watchdog
from chappe.homeserver.modules.bots.webhooks import MAX_TEXT, Card, Post, _contents
from chappe.homeserver.modules.end_to_end_encryption.keys import MAX_ASKED, MAX_SIGNED
from chappe.homeserver.modules.url_previews.page import MAX_TAG, open_graph
from chappe.homeserver.rooms.create_room import MAX_INITIAL_STATE
from chappe.homeserver.rooms.server_acl import MOST_PATTERNS, ServerAcl
from chappe.matrix.errors import LimitExceeded
from tests.homeserver.test_media import png
from tests.support import Person, Server, joined, segment


@pytest_asyncio.fixture
async def steady() -> AsyncIterator[None]:
    """Collects garbage as a server does, not as a test run with millions of objects does."""
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


async def held(server: Server, act: Callable[[], Awaitable[Any]], tries: int = 3) -> float:
    """How long the loop computed at a stretch at most while something was done: the best of some, on a busy machine."""
    found = []
    gc.collect()
    gc.freeze()  # what the test itself has made is not walked through while the server is watched
    for _ in range(tries):
        await asyncio.sleep(0.06)  # the beat that began before
        server.node.watchdog.forget()
        await act()
        await asyncio.sleep(0.06)
        found.append(server.node.watchdog.longest_busy)
        if found[-1] < TOO_LONG_SECONDS:
            break
    return min(found)


async def test_the_watchdog_counts_and_tells_who_held_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog()
    watchdog.start()
    try:
        await asyncio.sleep(0.06)
        with caplog.at_level(logging.WARNING):
            await asyncio.create_task(_hold_the_loop(), name="the holder")
            await asyncio.sleep(0.06)
        assert watchdog.blocked == 1
        assert watchdog.longest >= watchdog.longest_busy > TOO_LONG_SECONDS
        # another server of the tests may watch the same loop
        told = [getattr(r, "fields", {}) for r in caplog.records if r.getMessage() == "the event loop was held"]
        assert all(fields["holder"].startswith("the holder: ") for fields in told) and told
        assert all("_hold_the_loop" in fields["holder"] for fields in told)
    finally:
        watchdog.stop()


async def _hold_the_loop() -> None:
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
        pass


async def test_the_metrics_tell(server: Server) -> None:
    _, raw, _ = await server.raw("GET", "/metrics")
    assert b"chappe_loop_blocked_total " in raw
    assert b"chappe_loop_blocked_longest_seconds" in raw


# ------------------------------------------------------------------------------------------------------------ patterns


@pytest.mark.usefixtures("steady")
async def test_a_push_rule_does_not(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(invite=[bob.id])
    await bob.join(room)
    for i in range(40):
        rule = {"pattern": f"*a*a*a*a*a?a*b{i}", "actions": ["notify"]}
        await bob.call("PUT", f"/pushrules/global/content/x{i}", rule)
    for _ in range(3):
        await alice.call(
            "PUT", f"/rooms/{segment(room)}/send/m.room.message/{time.time_ns()}", {"msgtype": "m.text", "body": "a" * 60_000}
        )
    assert await held(server, lambda: bob.call("GET", "/sync")) < TOO_LONG_SECONDS


@pytest.mark.usefixtures("steady")
async def test_a_filter_does_not(server: Server, alice: Person) -> None:
    room = await alice.create_room()
    for i in range(20):
        kind = "a" * 250 + str(i)
        await alice.call("PUT", f"/rooms/{segment(room)}/send/{kind}/{i}", {})
    patterns = ["*" + "a*" * i + "b" for i in range(100)]
    wanted = orjson.dumps({"types": patterns, "not_types": patterns}).decode()
    path = f"/rooms/{segment(room)}/messages"
    assert await held(server, lambda: alice.call("GET", path, dir="b", limit=100, filter=wanted)) < TOO_LONG_SECONDS


@pytest.mark.usefixtures("steady")
async def test_an_invitation_filter_does_not(server: Server, bob: Person) -> None:
    eve = await server.person("a" * 60)
    content = {"enabled": True, "blocked_users": ["@" + "*a" * 100 + f"b{i}" for i in range(3000)]}
    await bob.call("PUT", f"/user/{bob.id}/account_data/org.matrix.msc4155.invite_permission_config", content)
    assert await held(server, lambda: eve.create_room(invite=[bob.id])) < TOO_LONG_SECONDS


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize("part", ["[", "[a](https://", "**", "_a", "`", "# ", "\n- ", "[a]("])
async def test_the_markdown_of_a_webhook_does_not(server: Server, part: str) -> None:
    text = part * (MAX_TEXT // len(part))
    assert await held(server, lambda: _contents(Post(markdown=text, card=Card("A", text=text)))) < TOO_LONG_SECONDS


@pytest.mark.usefixtures("steady")
async def test_a_content_type_does_not(server: Server, alice: Person) -> None:
    async def upload() -> None:
        kind = "a/b" + ";x= " * 60 + '"'
        status, _, _ = await server.raw("POST", "/_matrix/media/v3/upload", b"x", alice.token, {"Content-Type": kind})
        assert status == 400

    assert await held(server, upload) < TOO_LONG_SECONDS


@pytest.mark.usefixtures("steady")
async def test_an_access_list_does_not(server: Server) -> None:
    """At its limit: what no list may hold more of; what is distinct; what is the same; what a part of a name is enough for."""
    lists = (
        [f"*a*{i}*b" for i in range(MOST_PATTERNS)],
        [f"*?zq{i}*" for i in range(MOST_PATTERNS)],
        ["*?zq*"] * 7000,
        [f"*zq{i}*" for i in range(6000)],
    )
    for deny in lists:

        async def ask(deny: list[str] = deny) -> None:
            acl = ServerAcl({"allow": ["*"], "deny": deny})
            for _ in range(100):
                assert acl.allows("a" * 200 + ".example")

        assert await held(server, ask) < TOO_LONG_SECONDS, deny[0]


# -------------------------------------------------------------------------------------------------------------- bodies

# Everything that takes more than the ordinary, in KiB. The reason stands beside each endpoint.
_C, _F = "/_matrix/client/v3", "/_matrix/federation"
_DELAYED = "/rooms/{roomId}/delayed_event/{eventType}/{txnId}"
LARGE = {
    "POST /_chappe/hooks/{webhookId}/{secret}": 12288,
    "PUT /_matrix/client/unstable/org.matrix.msc4140" + _DELAYED: 256,
    f"PUT {_C}{_DELAYED}": 256,
    f"POST {_C}/createRoom": 256,
    f"POST {_C}/rooms/{{roomId}}/send/{{eventType}}": 256,
    f"PUT {_C}/rooms/{{roomId}}/send/{{eventType}}/{{txnId}}": 256,
    "PUT /_chappe/client/v1/sealed_index/{part}": 1024,
    f"PUT {_C}/rooms/{{roomId}}/state/{{eventType}}": 256,
    f"PUT {_C}/rooms/{{roomId}}/state/{{eventType}}/": 256,
    f"PUT {_C}/rooms/{{roomId}}/state/{{eventType}}/{{stateKey}}": 256,
    f"PUT {_C}/profile/{{userId}}/{{keyName}}": 256,
    "PUT /_matrix/client/unstable/uk.tcpip.msc4133/profile/{userId}/{keyName}": 256,
    "PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device": 256,
    "POST /_matrix/client/unstable/org.matrix.simplified_msc3575/sync": 1024,
    f"POST {_C}/keys/claim": 1024,
    f"POST {_C}/keys/query": 1024,
    f"POST {_C}/keys/upload": 256,
    f"POST {_C}/keys/upload/{{deviceId}}": 256,
    f"POST {_C}/keys/signatures/upload": 256,
    "POST /_matrix/client/unstable/keys/signatures/upload": 256,
    f"PUT {_C}/sendToDevice/{{eventType}}/{{txnId}}": 4096,
    f"PUT {_C}/room_keys/keys": 10240,
    f"PUT {_C}/room_keys/keys/{{roomId}}": 10240,
    f"PUT {_C}/user/{{userId}}/account_data/{{type}}": 1025,
    f"PUT {_C}/user/{{userId}}/rooms/{{roomId}}/account_data/{{type}}": 1025,
    f"PUT {_F}/v1/send/{{txnId}}": 10240,
    f"PUT {_F}/v1/exchange_third_party_invite/{{roomId}}": 256,
    f"PUT {_F}/v1/invite/{{roomId}}/{{eventId}}": 1024,
    f"PUT {_F}/v2/invite/{{roomId}}/{{eventId}}": 1024,
    f"PUT {_F}/v2/send_join/{{roomId}}/{{eventId}}": 256,
    f"PUT {_F}/v2/send_leave/{{roomId}}/{{eventId}}": 256,
    f"PUT {_F}/v1/send_join/{{roomId}}/{{eventId}}": 256,
    f"PUT {_F}/v1/send_leave/{{roomId}}/{{eventId}}": 256,
    f"PUT {_F}/v1/send_knock/{{roomId}}/{{eventId}}": 256,
    f"POST {_F}/v1/user/keys/claim": 1024,
    f"POST {_F}/v1/user/keys/query": 1024,
    "POST /_matrix/identity/v2/lookup": 256,
    "POST /_matrix/media/v3/upload": 1 << 30,
    "PUT /_matrix/media/v3/upload/{serverName}/{mediaId}": 1 << 30,
}


def large_endpoints(server: Server) -> dict[tuple[str, str], int]:
    return {
        (r.endpoint.method, r.endpoint.path): r.endpoint.body_limit
        for r in server.node.routes()
        if r.endpoint.body_limit > SMALL_LIMIT and "/r0/" not in r.endpoint.path
    }


async def test_large_bodies_are_few_and_known(server: Server) -> None:
    assert SMALL_LIMIT == 1 << 16
    assert {f"{method} {path}": limit >> 10 for (method, path), limit in large_endpoints(server).items()} == LARGE


def hostile_body(limit: int) -> bytes:
    """As many values as may be in a body of the size, then as long as it may be."""
    values = min(MAX_VALUES // 2 - 10, (limit - 100) // 3)
    start = b'{"a":[' + b",".join([b"{}"] * values) + b'],"b":"'
    return start + b"x" * (min(limit, 12 << 20) - len(start) - 2) + b'"}'


@pytest.mark.usefixtures("steady")
async def test_large_bodies_do_not(server: Server, alice: Person) -> None:
    room = await alice.create_room()
    for (method, path), limit in large_endpoints(server).items():
        if "/federation/" in path or ("/upload" in path and "/media" in path):
            continue  # not reached without a signature; not read into memory
        target = path.replace("{roomId}", segment(room)).replace("{userId}", segment(alice.id))
        target = "/".join("x" if part.startswith("{") else part for part in target.split("/"))
        body = hostile_body(limit)

        async def send(method: str = method, target: str = target, body: bytes = body) -> None:
            status, answer, _ = await server.raw(method, target, body, alice.token)
            assert status < 500, (target, answer)

        assert await held(server, send) < TOO_LONG_SECONDS, path


async def test_a_body_of_too_many_values_is_refused_before_it_is_read(alice: Person) -> None:
    body = b'{"messages":{"@a:x":{"d":[' + b",".join([b"{}"] * MAX_VALUES) + b"]}}}"
    status, answer, _ = await alice.server.raw("PUT", "/_matrix/client/v3/sendToDevice/m.x/1", body, alice.token)
    assert (status, orjson.loads(answer)["errcode"]) == (413, "M_TOO_LARGE")


async def test_a_small_body_is_small(server: Server) -> None:
    body = b'{"refresh_token":"' + b"x" * SMALL_LIMIT + b'"}'
    status, answer, _ = await server.raw("POST", "/_matrix/client/v3/refresh", body)
    assert (status, orjson.loads(answer)["errcode"]) == (413, "M_TOO_LARGE")


@pytest.mark.usefixtures("steady")
async def test_a_search_term_does_not(server: Server, alice: Person) -> None:
    room = await alice.create_room()
    await alice.say(room, "a " * 30_000)
    body = {"search_categories": {"room_events": {"search_term": "a " * 30_000}}}
    assert await held(server, lambda: alice.server.raw("POST", "/_matrix/client/v3/search", body, alice.token)) < (
        TOO_LONG_SECONDS
    )


PAGES = [
    b"<",
    b"<meta ",
    b"<!--",
    b"<![",
    b'<a x="',
    b'<meta property="a" content="b">',
    b"<title>&lt",
    b"</",
    b"<script></scrip ",
]


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize("part", PAGES)
async def test_the_page_of_a_link_does_not(server: Server, part: bytes) -> None:
    page = part * ((2 << 20) // len(part))
    assert await held(server, lambda: off_the_loop(len(page), open_graph, page, "utf-8")) < TOO_LONG_SECONDS


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<head><title>A &amp; b</title><body><meta property=og:title content=no>", {"og:title": "A & b"}),
        ("<meta property='og:title' content='&eacute;'></head><meta property=og:url content=no>", {"og:title": "é"}),
        ("<!-- <title>no</title> --><TITLE lang=fr>Oui</TITLE>", {"og:title": "Oui"}),
        ("<script>'<title>no</title>'</script><title>yes</title>", {"og:title": "yes"}),
        ('<meta content="x > y" name=description /><title></title>', {"og:description": "x > y"}),
        ("<title>never closed", {}),
        ("<meta content='never closed", {}),
        ("<![", {}),
        ("", {}),
        (f"<meta x='{'y' * MAX_TAG}' property=og:title content=far><title>near</title>", {"og:title": "near"}),
    ],
)
def test_what_a_page_says_of_itself(page: str, expected: dict[str, str]) -> None:
    assert open_graph(page.encode(), "utf-8") == expected


# ---------------------------------------------------------------------------------------------------------- rate limits


def test_the_memory_of_the_limiter_has_a_bound() -> None:
    limits = RateLimits({"login": (0.001, 2), "hook": (1, 1)}, lambda: 0.0, kept=100)
    limits.check("login", "@victim:x")
    for i in range(1000):
        with contextlib.suppress(LimitExceeded):
            limits.check("hook", f"{i}" + "x" * 60_000)
    assert len(limits) == 101
    limits.check("login", "@victim:x")
    with pytest.raises(LimitExceeded):  # the flood of another action has put nothing out
        limits.check("login", "@victim:x")
    assert all(type(key) is int for key in limits._buckets["hook"])


def test_what_was_put_out_of_memory_is_still_counted() -> None:
    now = [0.0]
    limits = RateLimits({"login": (1.0, 3)}, lambda: now[0], kept=10)
    for _ in range(3):
        limits.check("login", "@victim:x")
    for i in range(50_000):
        with contextlib.suppress(LimitExceeded):  # those that share a place with others are counted with them
            limits.check("login", str(i))
    assert len(limits._buckets["login"]) == 10 and len(limits._put_out["login"]) <= SLOTS
    with pytest.raises(LimitExceeded):
        limits.check("login", "@victim:x")
    now[0] = 3.0
    for _ in range(3):
        limits.check("login", "@victim:x")
    with pytest.raises(LimitExceeded):
        limits.check("login", "@victim:x")
    now[0] = 6.0
    for i in range(50_000):
        limits.check("login", f"later {i}")
        now[0] += 0.5
    assert len(limits._put_out["login"]) < SLOTS // 10, "what is full again is forgotten"


def test_what_costs_more_than_the_burst_leaves_a_debt() -> None:
    now = [0.0]
    limits = RateLimits({"lookup": (1.0, 10)}, lambda: now[0])
    limits.check("lookup", "a", 30)
    now[0] = 20.0
    with pytest.raises(LimitExceeded):
        limits.check("lookup", "a", 1)
    now[0] = 31.0
    limits.check("lookup", "a", 1)


async def test_unknown_hooks_are_limited_by_address(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server(rate_limits_enabled=True)
    statuses = []
    for i in range(120):
        statuses.append((await server.raw("POST", f"/_chappe/hooks/{i}/s", {"text": "x"}))[0])
    assert statuses.count(404) >= 100 and 429 in statuses
    assert len(server.node.limits._buckets["webhook"]) == 0


async def test_a_user_name_has_an_end(server: Server) -> None:
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "x" * 256}, "password": "x"}
    assert (await server.raw("POST", "/_matrix/client/v3/login", body))[0] == 400


# ------------------------------------------------------------------------------------------------ what is well-formed

SIGNATURE, KEY = "s" * 86, "k" * 43


def one_time_keys(alice: Person, turn: int) -> Any:
    signed = {"key": KEY, "signatures": {alice.id: {f"ed25519:{alice.device}": SIGNATURE}}}
    return {"one_time_keys": {f"signed_curve25519:{turn}A{n}": signed for n in range(1000)}}


def device_keys(alice: Person, turn: int) -> Any:
    keys = {f"curve25519:{n}": KEY for n in range(2500)}
    return {
        "device_keys": {
            "user_id": alice.id,
            "device_id": alice.device,
            "algorithms": [str(turn)],
            "keys": keys,
            "signatures": {alice.id: {f"ed25519:{n}": SIGNATURE for n in range(500)}},
        }
    }


def everybody(alice: Person, turn: int) -> Any:
    return {"device_keys": {f"@person-{turn}-{n:0>60}:localhost": [] for n in range(MAX_ASKED - 1)} | {alice.id: []}}


def many_devices(alice: Person, turn: int) -> Any:
    return {"device_keys": {alice.id: [f"{turn}-{n:0>60}" for n in range(MAX_ASKED)]}}


def keys_of_everybody(alice: Person, turn: int) -> Any:
    wanted = {"DEVICE": "signed_curve25519"}
    people = {f"@p-{turn}-{n:0>50}:localhost": wanted for n in range(MAX_ASKED // 2)}
    return {"one_time_keys": people | {alice.id: {f"D{n:0>60}": "signed_curve25519" for n in range(MAX_ASKED // 2)}}}


def signatures(alice: Person, turn: int) -> Any:
    signed = {"user_id": alice.id, "device_id": "D", "signatures": {alice.id: {f"ed25519:{turn}": SIGNATURE}}}
    return {alice.id: {f"D{turn}-{n}": signed for n in range(MAX_SIGNED)}}


def a_room(alice: Person, turn: int) -> Any:
    states = [{"type": "test.state", "state_key": f"{n}", "content": {"a": f"{turn}" * 700}} for n in range(MAX_INITIAL_STATE)]
    return {"initial_state": states}


WELL_FORMED: list[tuple[str, Callable[[Person, int], Any], int]] = [  # path, body, in KiB at least
    ("/keys/upload", one_time_keys, 200),
    ("/keys/upload", device_keys, 150),
    ("/keys/query", everybody, 700),
    ("/keys/query", many_devices, 600),
    ("/keys/claim", keys_of_everybody, 800),
    ("/keys/signatures/upload", signatures, 150),
    ("/createRoom", a_room, 200),
]


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize(("path", "body", "size"), WELL_FORMED, ids=[f.__name__ for _, f, _ in WELL_FORMED])
async def test_what_is_as_large_as_may_be_and_good_does_not(
    alice: Person, path: str, body: Callable[[Person, int], Any], size: int
) -> None:
    bodies = [orjson.dumps(body(alice, turn)) for turn in range(3)]
    assert size << 10 < len(bodies[0])

    async def send() -> None:
        status, answer, _ = await alice.server.raw("POST", "/_matrix/client/v3" + path, bodies.pop(), alice.token)
        assert status == 200, answer[:500]

    assert await held(alice.server, send) < TOO_LONG_SECONDS


@pytest.mark.usefixtures("steady")
async def test_a_large_picture_does_not(alice: Person) -> None:
    picture = png(6000, 4000)

    async def send() -> None:
        answer = await alice.server.raw(
            "POST", "/_matrix/media/v3/upload?filename=x.png", picture, alice.token, {"Content-Type": "image/png"}
        )
        uri = orjson.loads(answer[1])["content_uri"].removeprefix("mxc://")
        path = f"/_matrix/client/v1/media/thumbnail/{uri}?width=800&height=600&method=scale"
        assert (await alice.server.raw("GET", path, None, alice.token))[0] == 200

    assert await held(alice.server, send) < TOO_LONG_SECONDS


@pytest.mark.usefixtures("steady")
async def test_a_room_of_much_state_does_not(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    for start in range(0, 2000, 100):
        await asyncio.gather(
            *(
                alice.call("PUT", f"/rooms/{segment(room)}/state/test.state/{n}", {"n": ["x" * 10] * 100})
                for n in range(start, start + 100)
            )
        )

    async def everything() -> None:
        assert len(await alice.call("GET", f"/rooms/{segment(room)}/state")) > 2000
        assert joined(await alice.call("GET", "/sync"), room)
        await bob.join(room)
        await bob.call("POST", f"/rooms/{segment(room)}/leave", {})

    assert await held(alice.server, everything) < TOO_LONG_SECONDS
