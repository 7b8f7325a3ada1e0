"""Calls across servers (MSC4195): who is of another server hears and sees, and is heard by way of their own."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import pytest_asyncio

from chappe.config import Calls, Limit, Limits
from tests.federation.conftest import Peer
from tests.federation.foreign import Foreign
from tests.federation.test_rooms import enter
from tests.homeserver.test_calls import MEMBER, SERVICE, SLOT, UNSTABLE, V1, openid
from tests.homeserver.test_calls import _hash as hashed
from tests.livekit import FakeLiveKit, claims, livekit, settings
from tests.support import Person, Server, refused, segment, until

__all__ = ["livekit"]  # fixtures

GET = "/rtc/livekit/get_token"


@pytest_asyncio.fixture
async def pair(peer: Peer, livekit: FakeLiveKit) -> tuple[Server, Person, Person, str]:
    """Alice of a server with an SFU, and Bob of one without, in a room of hers."""
    here, there = await peer(calls=Calls(livekit=[settings(livekit.port)])), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    await until(lambda: _is_in(alice, room, bob))
    return here, alice, bob, room


async def _is_in(looks: Person, room: str, who: Person) -> bool:
    return who.id in (await looks.call("GET", f"/rooms/{segment(room)}/joined_members"))["joined"]


def deployed(here: Server, livekit: FakeLiveKit, room: str, **changes: Any) -> dict[str, Any]:
    body = {"url": f"ws://127.0.0.1:{livekit.port}", "server_name": here.config.server_name, "room_id": room}
    return {**body, "slot_id": SLOT, "member_id": MEMBER, **changes}


def of_july(here: Server, livekit: FakeLiveKit, room: str, device: str) -> dict[str, Any]:
    member = {"id": MEMBER, "claimed_device_id": device}
    return {"server_name": here.config.server_name, "room_id": room, "slot_id": SLOT, "member": member}


@pytest.mark.parametrize("prefix", [V1, UNSTABLE])
@pytest.mark.parametrize("form", ["deployed", "of July"])
async def test_a_token_of_another_server(pair: Any, livekit: FakeLiveKit, prefix: str, form: str) -> None:
    here, alice, bob, room = pair
    is_deployed = form == "deployed"
    body = deployed(here, livekit, room) if is_deployed else of_july(here, livekit, room, bob.device)
    answer = await bob.call("POST", f"{prefix}{GET}", body)
    assert answer.keys() == ({"jwt"} if is_deployed else {"jwt", "url"})
    said = claims(answer["jwt"])
    assert said["sub"] == (hashed(bob.id, MEMBER) if is_deployed else hashed(bob.id, bob.device, MEMBER))
    grants = said["video"]
    assert grants["room"] == hashed(room, SLOT) and grants["canSubscribe"] is True
    assert (grants["canPublish"], grants["canPublishData"], grants["roomCreate"]) == (False, False, False)
    assert livekit.rooms == {}, "nobody of another server makes rooms"


async def test_whoever_leaves_is_put_out_there(pair: Any, livekit: FakeLiveKit) -> None:
    here, alice, bob, room = pair
    await alice.call("POST", f"{V1}{GET}", deployed(here, livekit, room))
    token = (await bob.call("POST", f"{V1}{GET}", deployed(here, livekit, room)))["jwt"]
    is_in = livekit.enter(token)
    await bob.leave(room)
    await until(lambda: not is_in())
    error = await refused(bob.call("POST", f"{V1}{GET}", deployed(here, livekit, room)))
    assert (error.status, error.errcode) == (403, "M_FORBIDDEN")


@pytest.mark.parametrize("path", ["/sfu/get", "/get_token"])
async def test_the_token_service_of_another_server(pair: Any, livekit: FakeLiveKit, path: str) -> None:
    here, alice, bob, room = pair
    token = await openid(bob)
    if path == "/sfu/get":
        body = {"room": room, "openid_token": token, "device_id": bob.device}
        identity = f"{bob.id}:{bob.device}"
    else:
        member = {"id": MEMBER, "claimed_user_id": bob.id, "claimed_device_id": bob.device}
        body = {"room_id": room, "slot_id": SLOT, "openid_token": token, "member": member}
        identity = hashed(bob.id, bob.device, MEMBER)
    status, raw, _ = await here.raw("POST", SERVICE + path, body)
    assert status == 200, raw
    said = claims(orjson.loads(raw)["jwt"])
    assert (said["sub"], said["video"]["canPublish"]) == (identity, False)
    elsewhere = await alice.create_room()
    where = "room" if path == "/sfu/get" else "room_id"
    status, raw, _ = await here.raw("POST", SERVICE + path, {**body, where: elsewhere})
    assert (status, orjson.loads(raw)["errcode"]) == (403, "M_FORBIDDEN")
    if path == "/sfu/get":
        status, raw, _ = await here.raw("POST", SERVICE + path, {**body, "device_id": "8448:DEVICE"})
        assert (status, orjson.loads(raw)["errcode"]) == (400, "M_INVALID_PARAM")


# ----------------------------------------------------------------------------------------------------- hostile servers


async def _asks(foreign: Foreign, here: Server, **content: Any) -> tuple[int, str]:
    status, answer = await foreign.asks(here, "POST", f"/_matrix/federation/v1{GET}", content)
    return status, answer.get("errcode", "")


async def test_what_a_server_may_not_ask(pair: Any, foreign: Foreign, livekit: FakeLiveKit) -> None:
    here, alice, bob, room = pair
    body = {"url": f"ws://127.0.0.1:{livekit.port}", "room_id": room, "slot_id": SLOT, "member_id": MEMBER}
    mallory = f"@mallory:{foreign.name}"
    for change, expected in (
        ({"user_id": mallory}, (403, "M_FORBIDDEN")),  # not in the room
        ({"user_id": alice.id}, (403, "M_FORBIDDEN")),
        ({"user_id": bob.id}, (403, "M_FORBIDDEN")),
        ({"user_id": mallory, "room_id": "!unknown:localhost"}, (403, "M_FORBIDDEN")),
        ({"user_id": mallory, "url": "wss://elsewhere.example"}, (400, "M_INVALID_PARAM")),
        ({"user_id": "mallory"}, (400, "M_INVALID_PARAM")),
        ({"user_id": mallory, "member_id": 7}, (400, "M_BAD_JSON")),
        ({"user_id": mallory, "member_id": None}, (400, "M_MISSING_PARAM")),
        ({}, (400, "M_MISSING_PARAM")),
    ):
        assert await _asks(foreign, here, **{**body, **change}) == expected, change


async def test_the_acl_of_a_room_counts(pair: Any, livekit: FakeLiveKit) -> None:
    here, alice, bob, room = pair
    denied = {"allow": ["*"], "deny": [bob.id.split(":")[1], bob.id.split(":")[1] + ":*"], "allow_ip_literals": True}
    await alice.set_state(room, "m.room.server_acl", denied)
    error = await refused(bob.call("POST", f"{V1}{GET}", deployed(here, livekit, room)))
    assert (error.status, error.errcode) == (403, "M_FORBIDDEN")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (orjson.dumps({"jwt": "x" * 9000}), (502, "M_UNKNOWN")),
        (orjson.dumps({"jwt": 7}), (502, "M_UNKNOWN")),
        (orjson.dumps([]), (502, "M_UNKNOWN")),
        (b"{" * 100_000, (502, "M_UNKNOWN")),
    ],
)
async def test_what_a_server_may_not_answer(
    peer: Peer, foreign: Foreign, livekit: FakeLiveKit, answer: bytes, expected: Any
) -> None:
    here = await peer()
    alice = await here.person("alice")
    room = await alice.create_room(preset="public_chat")
    servers = here.node.rooms.servers
    servers.others = lambda room: frozenset([foreign.name])  # type: ignore[method-assign]  # as if somebody of it had joined
    foreign.answers[GET] = answer
    body = {"url": "wss://sfu.example", "server_name": foreign.name, "room_id": room, "slot_id": SLOT, "member_id": MEMBER}
    error = await refused(alice.call("POST", f"{V1}{GET}", body))
    assert (error.status, error.errcode) == expected


async def test_how_often_a_server_may_ask(peer: Peer, foreign: Foreign, livekit: FakeLiveKit) -> None:
    limits = Limits(call_from=Limit(0.001, 3))
    here = await peer(calls=Calls(livekit=[settings(livekit.port)]), rate_limits_enabled=True, limits=limits)
    body = {"user_id": f"@m:{foreign.name}", "room_id": "!x:localhost", "slot_id": SLOT, "member_id": MEMBER}
    assert [(await _asks(foreign, here, **body))[0] for _ in range(5)] == [403, 403, 403, 429, 429]


async def test_whose_token_it_is_is_asked_of_servers_in_the_room_only(pair: Any, foreign: Foreign) -> None:
    here, alice, _, room = pair
    token = {"access_token": "x", "matrix_server_name": foreign.name, "token_type": "Bearer", "expires_in": 1}
    body = {"room": room, "openid_token": token, "device_id": "D"}
    status, raw, _ = await here.raw("POST", f"{SERVICE}/sfu/get", body)
    assert (status, orjson.loads(raw)["errcode"]) == (403, "M_FORBIDDEN")
    assert not any("openid" in path for path in foreign.asked)
