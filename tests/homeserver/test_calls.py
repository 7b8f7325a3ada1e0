"""Tokens for calls by way of LiveKit, in every dialect that clients speak (MSC4143, MSC4195)."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from chappe.config import Calls
from chappe.homeserver.modules.calls.names import identity_of_device, livekit_alias
from chappe.matrix.errors import Forbidden
from tests.livekit import BINARY, FakeLiveKit, RealLiveKit, calls, claims, livekit, settings
from tests.support import Person, Server, refused, segment

__all__ = ["calls", "livekit"]  # fixtures

SLOT, MEMBER = "m.call#ROOM", "xyzABCDEF10123"
SERVICE = "/_chappe/livekit/paris"
V1, UNSTABLE = "/_matrix/client/v1", "/_matrix/client/unstable/io.element.msc4195"
Ask = Callable[[Person, str], Any]


async def openid(person: Person) -> dict[str, Any]:
    return await person.call("POST", f"/user/{segment(person.id)}/openid/request_token", {})  # type: ignore[no-any-return]


def _hash(*parts: str) -> str:
    """As the proposals have it, by hand: canonical JSON of texts, unpadded base64."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def test_the_vectors_of_the_proposal() -> None:
    assert livekit_alias("!roomid:example.com", "slot1234") == "O8437W3+jmzMVjoIP3tNwbm+XxHQk2iKpOA7aqw3qSc"
    identity = identity_of_device("@alice:example.com", "DEVICE123", "memberABC")
    assert identity == "J+T45tGruxc+HrUOqJJlyQSV33m728Cme4+vt8/SWrU"


# ------------------------------------------------------------------------------------------------------ the dialects


async def sfu_get(person: Person, room: str) -> Any:
    body = {"room": room, "openid_token": await openid(person), "device_id": person.device}
    return await person.call("POST", f"{SERVICE}/sfu/get", body)


async def get_token(person: Person, room: str) -> Any:
    member = {"id": MEMBER, "claimed_user_id": person.id, "claimed_device_id": person.device}
    body = {"room_id": room, "slot_id": SLOT, "openid_token": await openid(person), "member": member}
    return await person.call("POST", f"{SERVICE}/get_token", body)


def client_server(prefix: str) -> Ask:
    async def ask(person: Person, room: str) -> Any:
        url = (await person.call("GET", f"{V1}/rtc/transports"))["rtc_transports"][0]["url"]
        body = {"url": url, "room_id": room, "slot_id": SLOT, "member_id": MEMBER}
        return await person.call("POST", f"{prefix}/rtc/livekit/get_token", body)

    return ask


def of_july(prefix: str) -> Ask:
    async def ask(person: Person, room: str) -> Any:
        member = {"id": MEMBER, "claimed_device_id": person.device}
        body = {"room_id": room, "slot_id": SLOT, "member": member, "server_name": "localhost"}
        return await person.call("POST", f"{prefix}/rtc/livekit/get_token", body)

    return ask


# how it is asked, whether the address of the SFU is in the answer, what the participant is called
DIALECTS: dict[str, tuple[Ask, bool, Callable[[Person], str]]] = {
    "/sfu/get": (sfu_get, True, lambda p: f"{p.id}:{p.device}"),
    "/get_token": (get_token, True, lambda p: _hash(p.id, p.device, MEMBER)),
    "client-server": (client_server(V1), False, lambda p: _hash(p.id, MEMBER)),
    "client-server, unstable": (client_server(UNSTABLE), False, lambda p: _hash(p.id, MEMBER)),
    "client-server of July": (of_july(V1), True, lambda p: _hash(p.id, p.device, MEMBER)),
    "client-server of July, unstable": (of_july(UNSTABLE), True, lambda p: _hash(p.id, p.device, MEMBER)),
}


@pytest.mark.parametrize("name", DIALECTS)
async def test_each_dialect(calls: Server, livekit: FakeLiveKit, name: str) -> None:
    ask, tells_url, identity = DIALECTS[name]
    alice, bob = await calls.person(), await calls.person()
    room = await alice.create_room()
    answer = await ask(alice, room)
    assert answer.keys() == ({"jwt", "url"} if tells_url else {"jwt"})
    assert answer.get("url", f"ws://127.0.0.1:{livekit.port}") == f"ws://127.0.0.1:{livekit.port}"
    said = claims(answer["jwt"])
    assert said["sub"] == identity(alice) and said["exp"] - said["nbf"] == 300
    assert said["video"] == {
        "room": _hash(room, SLOT),
        "roomJoin": True,
        "roomCreate": False,
        "canPublish": True,
        "canPublishData": True,
        "canSubscribe": True,
        "canUpdateOwnMetadata": True,
    }
    assert livekit.enter(answer["jwt"])(), "the room is there, made by the server"
    error = await refused(ask(bob, room))
    assert (error.status, error.errcode) == (403, "M_FORBIDDEN")
    error = await refused(ask(bob, "!nowhere:localhost"))
    assert (error.status, error.errcode) == (403, "M_FORBIDDEN")
    await alice.call("POST", f"/rooms/{segment(room)}/leave", {})
    assert (await refused(ask(alice, room))).status == 403


async def test_where_clients_find_it(calls: Server, livekit: FakeLiveKit) -> None:
    alice = await calls.person()
    url, service = f"ws://127.0.0.1:{livekit.port}", f"{calls.base}{SERVICE}"
    deployed = {"type": "livekit", "url": url, "livekit_service_url": service}
    for path in (f"{V1}/rtc/transports", "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports"):
        assert await alice.call("GET", path) == {"rtc_transports": [{"type": "m.livekit", "url": url}, deployed]}
    found = (await alice.call("GET", "/.well-known/matrix/client"))["org.matrix.msc4143.rtc_foci"]
    assert found == [{"type": "livekit", "livekit_service_url": service}]
    features = (await alice.call("GET", "/_matrix/client/versions"))["unstable_features"]
    assert features["org.matrix.msc4143"] is True and features["io.element.msc4195"] is True
    assert (await calls.raw("OPTIONS", f"{SERVICE}/sfu/get"))[2]["Access-Control-Allow-Origin"] == "*"
    assert (await calls.raw("GET", f"{V1}/rtc/transports"))[0] == 401


async def test_where_there_is_no_sfu(alice: Person) -> None:
    """404 and M_UNRECOGNIZED: clients then look elsewhere."""
    room = await alice.create_room()
    asks = [alice.call("GET", f"{V1}/rtc/transports"), sfu_get(alice, room), get_token(alice, room), of_july(V1)(alice, room)]
    for error in [await refused(ask) for ask in asks]:
        assert (error.status, error.errcode) == (404, "M_UNRECOGNIZED")
    quiet = await alice.call("GET", f"{V1}/rtc/transports?org.chappe.quiet=true")  # no error in a browser's console
    assert quiet["errcode"] == "M_UNRECOGNIZED"


@pytest.mark.parametrize("name", DIALECTS)
async def test_each_asks_the_policy_once(calls: Server, name: str) -> None:
    asked: list[tuple[str, str]] = []

    async def refuse(user_id: str, room_id: str) -> None:
        asked.append((user_id, room_id))
        raise Forbidden("by policy")

    calls.node.policy.__dict__["may_call"] = refuse
    alice = await calls.person()
    room = await alice.create_room()
    error = await refused(DIALECTS[name][0](alice, room))
    assert (error.status, error.body["error"]) == (403, "by policy")
    assert asked == [(alice.id, room)]


# -------------------------------------------------------------------------------------------------- what is not believed


async def test_nobody_comes_in_as_somebody_else(calls: Server) -> None:
    alice, mallory = await calls.person(), await calls.person()
    room = await alice.create_room(preset="public_chat")
    await mallory.join(room)
    token = await openid(mallory)
    member = {"id": MEMBER, "claimed_user_id": alice.id, "claimed_device_id": mallory.device}
    body = {"room_id": room, "slot_id": SLOT, "openid_token": token, "member": member}
    assert (await refused(mallory.call("POST", f"{SERVICE}/get_token", body))).errcode == "M_FORBIDDEN"
    member |= {"claimed_user_id": mallory.id, "claimed_device_id": alice.device}
    assert (await refused(mallory.call("POST", f"{SERVICE}/get_token", body))).errcode == "M_FORBIDDEN"
    legacy = {"room": room, "openid_token": token, "device_id": alice.device}
    assert (await refused(mallory.call("POST", f"{SERVICE}/sfu/get", legacy))).errcode == "M_FORBIDDEN"
    july = {"room_id": room, "slot_id": SLOT, "member": {"id": MEMBER, "claimed_device_id": alice.device}}
    assert (await refused(mallory.call("POST", f"{V1}/rtc/livekit/get_token", july))).errcode == "M_FORBIDDEN"
    guess = {**legacy, "openid_token": {**token, "access_token": "guess"}, "device_id": mallory.device}
    assert (await refused(mallory.call("POST", f"{SERVICE}/sfu/get", guess))).status == 401


@pytest.mark.parametrize(
    ("change", "status", "errcode"),
    [
        ({"url": "wss://elsewhere.example"}, 400, "M_INVALID_PARAM"),
        ({"server_name": "Not a name"}, 400, "M_INVALID_PARAM"),
        ({"server_name": "elsewhere.example"}, 403, "M_FORBIDDEN"),  # nobody of it is in the room: it is not even asked
        ({"member_id": None}, 400, "M_MISSING_PARAM"),
        ({"member_id": "x" * 256}, 400, "M_BAD_JSON"),
        ({"slot_id": ""}, 400, "M_BAD_JSON"),
    ],
)
async def test_what_is_refused(calls: Server, livekit: FakeLiveKit, change: Any, status: int, errcode: str) -> None:
    alice = await calls.person()
    room = await alice.create_room()
    body = {"url": f"ws://127.0.0.1:{livekit.port}", "room_id": room, "slot_id": SLOT, "member_id": MEMBER, **change}
    error = await refused(alice.call("POST", f"{V1}/rtc/livekit/get_token", body))
    assert (error.status, error.errcode) == (status, errcode)


@pytest.mark.parametrize("trouble", ["is away", "fails", "hangs", "sends elsewhere"])
async def test_an_sfu_in_trouble(calls: Server, livekit: FakeLiveKit, trouble: str) -> None:
    alice = await calls.person()
    room = await alice.create_room()
    if trouble == "is away":
        await livekit.stop()
    livekit.status, livekit.hangs = (500 if trouble == "fails" else 200), trouble == "hangs"
    other = await FakeLiveKit().start()
    if trouble == "sends elsewhere":
        livekit.elsewhere = f"http://127.0.0.1:{other.port}/twirp/livekit.RoomService/CreateRoom"
    error = await refused(sfu_get(alice, room))
    await other.stop()
    assert (error.status, error.errcode) == (502, "M_UNKNOWN") and other.requests == 0


async def test_each_domain_has_its_sfus(new_server: Any) -> None:
    names = ["paris", "lyon", "brest"]
    sfus = [settings(1 + n, name, region=name, url=f"wss://{name}.example") for n, name in enumerate(names)]
    server = await new_server(calls=Calls(livekit=sfus, regions={"localhost": "lyon"}))
    alice = await server.person()
    told = (await alice.call("GET", f"{V1}/rtc/transports"))["rtc_transports"]
    assert [one["type"] for one in told] == ["m.livekit"] * 3 + ["livekit"] * 3
    assert {one["url"] for one in told} == {f"wss://{name}.example" for name in names}
    assert told[0]["url"] == "wss://lyon.example" and told[3]["livekit_service_url"].endswith("/_chappe/livekit/lyon")


async def test_members_may_call_in_rooms_that_are_made_and_upgraded_here(alice: Person, bob: Person) -> None:
    kind, slot = "org.matrix.msc3401.call.member", "org.matrix.msc4143.rtc.slot"
    room = await alice.create_room(preset="public_chat", room_version="11")
    await bob.join(room)
    await bob.set_state(room, kind, {"application": "m.call"}, f"_{bob.id}_{bob.device}")
    assert (await refused(bob.set_state(room, slot, {"application": {"type": "m.call"}}, SLOT))).errcode == "M_FORBIDDEN"
    await alice.set_state(room, slot, {"application": {"type": "m.call"}}, SLOT)
    levels = await alice.state(room, "m.room.power_levels")
    del levels["events"][kind]  # a room of before
    await alice.set_state(room, "m.room.power_levels", levels)
    new = (await alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "12"}))["replacement_room"]
    await bob.join(new)
    await bob.set_state(new, kind, {"application": "m.call"}, f"_{bob.id}_{bob.device}")
    assert await bob.state(new, slot, SLOT) == {"application": {"type": "m.call"}}


# ---------------------------------------------------------------------------------------------------------- the real one

needs_livekit = pytest.mark.skipif(not BINARY.exists(), reason="LiveKit was not built: tests/install_components.sh")


@pytest_asyncio.fixture
async def real(tmp_path: Any) -> AsyncIterator[RealLiveKit]:
    running = await RealLiveKit(tmp_path).start()
    yield running
    await running.stop()


async def connected(port: int, token: str) -> aiohttp.ClientWebSocketResponse | int:
    """A connection as clients have it, or the status with which LiveKit refused it."""
    session = aiohttp.ClientSession()
    try:
        socket = await session.ws_connect(
            f"ws://127.0.0.1:{port}/rtc?access_token={token}&auto_subscribe=1&sdk=js&protocol=16&version=2.15.0"
        )
    except aiohttp.WSServerHandshakeError as error:
        await session.close()
        return error.status
    socket.session_of_test = session  # type: ignore[attr-defined]
    return socket


async def close(socket: Any) -> None:
    await socket.close()
    await socket.session_of_test.close()


@needs_livekit
@pytest.mark.parametrize("name", DIALECTS)
async def test_the_real_livekit_takes_them(new_server: Any, real: RealLiveKit, name: str) -> None:
    server = await new_server(calls=Calls(livekit=[settings(real.port)]))
    alice = await server.person()
    room = await alice.create_room()
    ask, _, identity = DIALECTS[name]
    token = (await ask(alice, room))["jwt"]
    socket = await connected(real.port, token)
    assert not isinstance(socket, int), socket
    answer = await socket.receive_bytes(timeout=30)  # a JoinResponse, which says who has joined what
    assert identity(alice).encode() in answer and _hash(room, SLOT).encode() in answer
    await close(socket)
    # whoever has a token makes no rooms and ends none
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for method, body in (("CreateRoom", {"name": "mine"}), ("DeleteRoom", {"room": _hash(room, SLOT)})):
            path = f"http://127.0.0.1:{real.port}/twirp/livekit.RoomService/{method}"
            async with session.post(path, json=body) as refusal:
                assert refusal.status in (401, 403), await refusal.text()
