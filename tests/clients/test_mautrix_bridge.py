"""mautrix as an application service, unmodified: ghosts, timestamps, typing, transactions, rooms of version 12."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from mautrix.appservice import AppService
from mautrix.appservice.state_store import ASStateStore
from mautrix.client.state_store.memory import MemoryStateStore
from mautrix.types import EventType, MessageType, PresenceState, TextMessageEventContent, UserID

from tests.process import free_port
from tests.support import Person, Refused, Server, bodies, segment, until

pytestmark = [pytest.mark.filterwarnings("ignore")]
NewServer = Callable[..., Awaitable[Server]]


class MemoryStore(MemoryStateStore, ASStateStore):
    def __init__(self) -> None:
        ASStateStore.__init__(self)
        MemoryStateStore.__init__(self)


def registration(path: Path, port: int, **changes: Any) -> str:
    value = {
        "id": "bridge",
        "url": f"http://127.0.0.1:{port}",
        "as_token": "as secret",
        "hs_token": "hs secret",
        "sender_localpart": "bot",
        "rate_limited": False,
        "receive_ephemeral": True,
        "org.matrix.msc3202": True,
        "io.element.msc4190": True,
        "protocols": ["irc"],
        "namespaces": {
            "users": [{"regex": "@_irc_.*:localhost", "exclusive": True}],
            "aliases": [{"regex": "#_irc_.*:localhost", "exclusive": True}],
            "rooms": [],
        },
        **changes,
    }
    file = path / f"{value['id']}.yaml"
    file.write_text(yaml.safe_dump(value))
    return str(file)


@pytest.fixture
async def bridge(new_server: NewServer, tmp_path: Path) -> AsyncIterator[tuple[Server, AppService]]:
    port = free_port()
    server = await new_server(application_services=[registration(tmp_path, port)])
    service = AppService(
        server=server.base,
        domain="localhost",
        as_token="as secret",
        hs_token="hs secret",
        bot_localpart="bot",
        id="bridge",
        state_store=MemoryStore(),
        ephemeral_events=True,
        encryption_events=True,
    )
    await service.start("127.0.0.1", port)
    yield server, service
    await service.stop()


async def test_ghosts_typing_and_timestamps(bridge: tuple[Server, AppService]) -> None:
    server, service = bridge
    alice = await server.person("alice")
    heard: list[Any] = []

    async def listen(event: Any) -> None:
        heard.append(event)

    service.matrix_event_handler(listen)
    await service.intent.ensure_registered()
    ghost = service.intent.user(UserID("@_irc_zoe:localhost"))
    room = await ghost.create_room(alias_localpart="_irc_lab", name="#lab", invitees=[UserID(alice.id)])
    assert ":" not in room  # version 12
    await alice.join(room)
    await alice.say(room, "bonjour IRC")
    await until(lambda: any(getattr(e.content, "body", None) == "bonjour IRC" for e in heard))
    then = 1_500_000_000_000
    content = TextMessageEventContent(msgtype=MessageType.TEXT, body="vieux message")
    await ghost.send_message(room, content, timestamp=then)
    events = (await alice.messages(room))["chunk"]
    old = next(e for e in events if e["content"].get("body") == "vieux message")
    assert old["origin_server_ts"] == then and old["sender"] == "@_irc_zoe:localhost"
    await ghost.set_displayname("Zoé (IRC)")
    await ghost.set_typing(room, timeout=20_000)
    sync = await alice.sync()
    typing = [e for e in sync["rooms"]["join"][room]["ephemeral"]["events"] if e["type"] == "m.typing"]
    assert typing[0]["content"]["user_ids"] == ["@_irc_zoe:localhost"]
    await alice.call("PUT", f"/rooms/{segment(room)}/typing/{alice.id}", {"typing": True, "timeout": 20_000})
    await alice.receipt(room, old["event_id"])
    await until(lambda: {EventType.TYPING, EventType.RECEIPT} <= {e.type for e in heard})
    await service.intent.set_presence(PresenceState.ONLINE)
    # who is not of the bridge cannot be it, nor take its names
    with pytest.raises(Exception, match=r"namespace|not registered"):
        await service.intent.user(UserID("@alice:localhost")).whoami()
    body = {"username": "_irc_mallory", "password": "correct horse", "auth": {"type": "m.login.dummy"}}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register", body)
    assert status == 400
    with pytest.raises(Refused) as refused:
        await alice.call("PUT", f"/directory/room/{segment('#_irc_other:localhost')}", {"room_id": room})
    assert refused.value.errcode == "M_EXCLUSIVE"


async def test_what_is_asked_for_is_made(bridge: tuple[Server, AppService]) -> None:
    server, service = bridge
    alice = await server.person("alice")
    asked: list[str] = []

    async def user(user_id: str) -> Any:
        asked.append(user_id)
        await service.intent.user(UserID(user_id)).ensure_registered()
        return {}

    async def alias(name: str) -> Any:
        asked.append(name)
        await service.intent.create_room(alias_localpart=name[1:].split(":")[0])
        return {"made": True}

    service.query_user, service.query_alias = user, alias
    assert (await alice.call("GET", f"/profile/{segment('@_irc_new:localhost')}"))["displayname"]
    found = await alice.call("GET", f"/directory/room/{segment('#_irc_fresh:localhost')}")
    assert found["room_id"].startswith("!") and asked == ["@_irc_new:localhost", "#_irc_fresh:localhost"]


async def test_a_service_that_was_away_gets_everything_once(new_server: NewServer, tmp_path: Path) -> None:
    taken: dict[str, bytes] = {}
    repeated: list[str] = []
    state = {"fail": 0}

    async def transaction(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer hs secret"
        txn, body = request.match_info["txn"], await request.read()
        if txn in taken:
            repeated.append(txn)
            assert taken[txn] == body  # byte for byte
        taken[txn] = body
        if state["fail"]:
            state["fail"] -= 1
            return web.Response(status=500)
        return web.json_response({})

    async def other(request: web.Request) -> web.Response:
        if request.path.endswith("/ping"):
            return web.json_response({})
        if "/protocol/" in request.path:
            return web.json_response(
                {
                    "user_fields": ["nick"],
                    "location_fields": ["channel"],
                    "icon": "mxc://localhost/x",
                    "field_types": {},
                    "instances": [{"desc": "Libera", "network_id": "libera", "fields": {}}],
                }
            )
        return web.json_response([{"alias": "#_irc_lab:localhost", "protocol": "irc", "fields": {}}])

    application = web.Application()
    application.router.add_put("/_matrix/app/v1/transactions/{txn}", transaction)
    application.router.add_route("*", "/{rest:.*}", other)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    server = await new_server(application_services=[registration(tmp_path, port)])
    alice = await server.person("alice")
    service = Person(server, {"user_id": "@bot:localhost", "device_id": "", "access_token": "as secret"})
    room = await alice.create_room(preset="public_chat")
    await service.join(room)
    for n in range(30):
        await alice.say(room, f"message {n}")  # while the service is away
    state["fail"] = 2
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:

        def texts() -> list[str]:
            import json

            return bodies([e for body in taken.values() for e in json.loads(body)["events"]])

        await until(lambda: len(texts()) >= 30)
        assert texts() == [f"message {n}" for n in range(30)] and len(repeated) == 2
        # what clients see of it
        assert (await service.call("POST", "/_matrix/client/v1/appservice/bridge/ping", {"transaction_id": "t"}))[
            "duration_ms"
        ] >= 0
        protocols = await alice.call("GET", "/thirdparty/protocols")
        assert protocols["irc"]["instances"][0]["instance_id"] == "bridge|libera"
        assert (await alice.call("GET", "/thirdparty/protocol/irc"))["user_fields"] == ["nick"]
        assert len(await alice.call("GET", "/thirdparty/location/irc", channel="#lab")) == 1
        assert len(await alice.call("GET", "/thirdparty/user/irc", nick="zoe")) == 1
        assert len(await alice.call("GET", "/thirdparty/location", alias="#_irc_lab:localhost")) == 1
        assert len(await alice.call("GET", "/thirdparty/user", userid="@_irc_zoe:localhost")) == 1
        await service.call("PUT", f"/directory/list/appservice/libera/{segment(room)}", {"visibility": "public"})
        listed = await alice.call("POST", "/publicRooms", {"third_party_instance_id": "bridge|libera"})
        assert [r["room_id"] for r in listed["chunk"]] == [room]
        own, everywhere = [
            [r["room_id"] for r in (await alice.call("POST", "/publicRooms", body))["chunk"]]
            for body in ({}, {"include_all_networks": True})
        ]
        assert room not in own and room in everywhere
        with pytest.raises(Refused) as both:
            body = {"include_all_networks": True, "third_party_instance_id": "bridge|libera"}
            await alice.call("POST", "/publicRooms", body)
        assert both.value.status == 400
        # aliases of its namespace lead wherever it says, whether it is in the room or not
        apart = await alice.create_room()
        reserved, other = (f"/directory/room/{segment(name)}" for name in ("#_irc_apart:localhost", "#apart:localhost"))
        await service.call("PUT", reserved, {"room_id": apart})
        assert (await alice.call("GET", reserved))["room_id"] == apart
        with pytest.raises(Refused) as outside:
            await service.call("PUT", other, {"room_id": apart})
        assert outside.value.errcode == "M_FORBIDDEN"
        # an encrypting service: a device without signing in, messages to it in transactions
        await service.call(
            "POST", "/register", {"type": "m.login.application_service", "username": "_irc_zoe", "inhibit_login": True}
        )
        ghost = {"user_id": "@_irc_zoe:localhost"}
        status, _, _ = await server.raw(
            "PUT", "/_matrix/client/v3/devices/GHOST?user_id=%40_irc_zoe%3Alocalhost", {}, "as secret"
        )
        assert status == 201
        assert (await service.call("GET", "/account/whoami", device_id="GHOST", **ghost))["device_id"] == "GHOST"
        with pytest.raises(Refused) as refused:
            await service.call("GET", "/account/whoami", device_id="NOT", **ghost)
        assert refused.value.errcode == "M_UNKNOWN_DEVICE"
        await alice.call("PUT", "/sendToDevice/m.test/t1", {"messages": {"@_irc_zoe:localhost": {"GHOST": {"a": 1}}}})
        await until(lambda: any(b'"to_device_id":"GHOST"' in body for body in taken.values()))
        assert await server.node.database.fetchval("SELECT count(*) FROM to_device") == 0
        session = await service.call(
            "POST", "/login", {"type": "m.login.application_service", "identifier": {"type": "m.id.user", "user": "_irc_zoe"}}
        )
        assert session["user_id"] == "@_irc_zoe:localhost"
        with pytest.raises(Refused):
            await alice.call("POST", "/_matrix/client/v1/appservice/bridge/ping", {})
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)
