"""A leave that is left with the server (MSC4140, MSC4195): put off while the SFU sees somebody, sent when it sees them no more."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from livekit.api.access_token import AccessToken

from chappe.config import Calls
from chappe.homeserver.actions import delegate_leave
from tests.homeserver.test_calls import (
    MEMBER,
    SERVICE,
    SLOT,
    UNSTABLE,
    V1,
    _hash,
    close,
    connected,
    get_token,
    needs_livekit,
    openid,
    sfu_get,
)
from tests.livekit import KEY, SECRET, FakeLiveKit, RealLiveKit, calls, claims, livekit, settings
from tests.support import Person, Refused, Server, refused, segment, until

__all__ = ["calls", "livekit"]  # fixtures

CALL = "org.matrix.msc3401.call.member"
LEAVE, HOUR = "/rtc/livekit/delegate_delayed_leave", 3_600_000
DELAYED = "/_matrix/client/v1/delayed_events"


async def joins(person: Person, room: str, delay: int = HOUR) -> str:
    """The delayed event that takes somebody's membership of the call back, and then the membership."""
    key = f"_{person.id}_{person.device}"
    path = f"/rooms/{segment(room)}/state/{CALL}/{segment(key)}"
    delay_id = (await person.call("PUT", path, {}, **{"org.matrix.msc4140.delay": delay}))["delay_id"]
    await person.set_state(room, CALL, {"application": "m.call"}, key)
    return str(delay_id)


async def is_member(person: Person, room: str) -> bool:
    return bool(await person.state(room, CALL, f"_{person.id}_{person.device}"))


async def has_left(person: Person, room: str) -> bool:
    return not await is_member(person, room)


async def webhook(server: Server, event: str, token: str) -> None:
    said = claims(token)
    room, who = {"name": said["video"]["room"]}, {"identity": said["sub"]}
    body = orjson.dumps({"event": event, "room": room, "participant": who})
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    signed = AccessToken(KEY, SECRET).with_sha256(digest).to_jwt()
    assert (await server.raw("POST", f"{SERVICE}/sfu_webhook", body, headers={"Authorization": signed}))[0] == 200


# ------------------------------------------------------------------------------------------------------- the dialects

Delegate = Callable[[Person, str, str], Awaitable[str]]  # who, room, delayed event: a token for the same participant


async def by_sfu_get(person: Person, room: str, delay_id: str) -> str:
    body = {"room": room, "openid_token": await openid(person), "device_id": person.device}
    body |= {"delay_id": delay_id, "delay_timeout": HOUR}
    return str((await person.call("POST", f"{SERVICE}/sfu/get", body))["jwt"])


async def _of_device(person: Person, room: str, delay_id: str) -> dict[str, Any]:
    member = {"id": MEMBER, "claimed_user_id": person.id, "claimed_device_id": person.device}
    body = {"room_id": room, "slot_id": SLOT, "openid_token": await openid(person), "member": member}
    return {**body, "delay_id": delay_id, "delay_timeout": HOUR}


async def by_get_token(person: Person, room: str, delay_id: str) -> str:
    return str((await person.call("POST", f"{SERVICE}/get_token", await _of_device(person, room, delay_id)))["jwt"])


async def by_service(person: Person, room: str, delay_id: str) -> str:
    token = (await get_token(person, room))["jwt"]
    body = await _of_device(person, room, delay_id)
    assert await person.call("POST", f"{SERVICE}/delegate_delayed_leave", body) == {}
    return str(token)


def by_client_server(prefix: str, is_of_july: bool) -> Delegate:
    async def delegate(person: Person, room: str, delay_id: str) -> str:
        body: dict[str, Any] = {"room_id": room, "slot_id": SLOT}
        if is_of_july:
            body["member"] = {"id": MEMBER, "claimed_device_id": person.device}
        else:
            told = (await person.call("GET", f"{V1}/rtc/transports"))["rtc_transports"]
            body |= {"member_id": MEMBER, "url": told[0]["url"]}
        token = (await person.call("POST", f"{prefix}/rtc/livekit/get_token", body))["jwt"]
        assert await person.call("POST", prefix + LEAVE, {**body, "delay_id": delay_id}) == {}
        return str(token)

    return delegate


DELEGATES: dict[str, Delegate] = {
    "/sfu/get": by_sfu_get,
    "/get_token": by_get_token,
    "/delegate_delayed_leave": by_service,
    "client-server": by_client_server(V1, is_of_july=False),
    "client-server, unstable": by_client_server(UNSTABLE, is_of_july=False),
    "client-server of July": by_client_server(V1, is_of_july=True),
    "client-server of July, unstable": by_client_server(UNSTABLE, is_of_july=True),
}


@pytest.mark.parametrize("name", DELEGATES)
async def test_whoever_is_gone_has_left(calls: Server, livekit: FakeLiveKit, name: str) -> None:
    alice = await calls.person()
    room = await alice.create_room()
    delay_id = await joins(alice, room)
    scheduled = (await alice.call("GET", f"{DELAYED}/{delay_id}"))["scheduled_at"]
    token = await DELEGATES[name](alice, room, delay_id)
    is_in = livekit.enter(token)
    await webhook(calls, "participant_joined", token)

    async def put_off() -> bool:
        return bool((await alice.call("GET", f"{DELAYED}/{delay_id}"))["scheduled_at"] > scheduled)

    await until(put_off)
    assert is_in() and await is_member(alice, room)
    livekit.rooms[claims(token)["video"]["room"]].clear()
    await webhook(calls, "participant_left", token)
    await until(lambda: has_left(alice, room))
    done = await alice.call("GET", f"{DELAYED}/{delay_id}")
    assert done["event_id"] and done["finalised_ts"]


async def test_without_a_webhook(calls: Server, livekit: FakeLiveKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiveKit is looked at; who is missing is waited for a little, since it may have been started anew."""
    monkeypatch.setattr(delegate_leave, "GRACE_MS", 0)
    alice = await calls.person()
    room = await alice.create_room()
    token = await by_sfu_get(alice, room, await joins(alice, room))
    livekit.enter(token)
    database = calls.node.database
    seen = "SELECT restarted_ts FROM call_participants WHERE user_id = $1"
    await until(lambda: database.fetchval(seen, alice.id))
    livekit.rooms[claims(token)["video"]["room"]].clear()
    await until(lambda: has_left(alice, room))


async def test_after_a_restart(new_server: Any, new_database: Any, livekit: FakeLiveKit) -> None:
    url = await new_database()
    first = await new_server(url=url, calls=Calls(livekit=[settings(livekit.port)]))
    alice = await first.person()
    room = await alice.create_room()
    delay_id = await joins(alice, room)
    token = await by_sfu_get(alice, room, delay_id)
    livekit.enter(token)
    await until(lambda: first.node.database.fetchval("SELECT restarted_ts FROM call_participants"))
    await first.node.stop()
    second = await new_server(url=url, calls=Calls(livekit=[settings(livekit.port)]))
    again = Person(second, alice.session)
    assert (await again.call("GET", f"{DELAYED}/{delay_id}")).get("finalised_ts") is None
    livekit.rooms[claims(token)["video"]["room"]].clear()
    await webhook(second, "participant_left", token)
    await until(lambda: has_left(again, room))


async def test_whoever_never_came_is_not_sent_away(calls: Server, livekit: FakeLiveKit) -> None:
    alice = await calls.person()
    room = await alice.create_room()
    delay_id = await joins(alice, room)
    token = await by_sfu_get(alice, room, delay_id)
    await webhook(calls, "participant_left", token)
    await until(lambda: ("ListParticipants", _hash(room, SLOT), "") in livekit.asked)
    assert await is_member(alice, room)
    assert (await alice.call("GET", f"{DELAYED}/{delay_id}")).get("finalised_ts") is None


async def test_another_takes_its_place(calls: Server, livekit: FakeLiveKit) -> None:
    alice = await calls.person()
    room = await alice.create_room()
    await by_sfu_get(alice, room, await joins(alice, room))
    second = await joins(alice, room)
    await by_sfu_get(alice, room, second)
    rows = await calls.node.database.fetchval("SELECT array_agg(delay_id) FROM call_participants WHERE user_id = $1", alice.id)
    assert rows == [second]


# ----------------------------------------------------------------------------------------------------------- refusals


async def test_clients_look_whether_it_is_there(calls: Server, server: Server) -> None:
    """Without a token: 404 says no, anything else yes (element-call)."""
    for path in (f"{V1}{LEAVE}", f"{UNSTABLE}{LEAVE}", f"{SERVICE}/delegate_delayed_leave"):
        status, raw, _ = await calls.raw("POST", path, {})
        assert (status, orjson.loads(raw)["errcode"]) == (401, "M_MISSING_TOKEN"), path
        status, raw, _ = await server.raw("POST", path, {})
        assert (status, orjson.loads(raw)["errcode"]) == (404, "M_UNRECOGNIZED"), path


async def test_what_is_no_leave_of_theirs(calls: Server) -> None:
    alice, bob = await calls.person(), await calls.person()
    room, other = await alice.create_room(preset="public_chat"), await alice.create_room()
    await bob.join(room)
    elsewhere, short, hers = await joins(alice, other), await joins(alice, room, HOUR - 1), await joins(alice, room)
    for person, delay_id in ((alice, "unknown"), (alice, elsewhere), (alice, short), (bob, hers)):
        error = await refused(by_client_server(V1, is_of_july=False)(person, room, delay_id))
        assert (error.status, error.errcode) == (400, "M_INVALID_PARAM")
    await alice.call("POST", f"{DELAYED}/{hers}/cancel", {})
    assert (await refused(by_client_server(V1, is_of_july=False)(alice, room, hers))).errcode == "M_INVALID_PARAM"
    await alice.leave(room)
    assert isinstance(await refused(by_sfu_get(alice, room, short)), Refused)


# --------------------------------------------------------------------------------------------------------- the real one


@needs_livekit
async def test_the_real_livekit_says_who_has_left(new_server: Any, tmp_path: Any) -> None:
    real = RealLiveKit(tmp_path)
    server = await new_server(calls=Calls(livekit=[settings(real.port)]))
    await real.start(webhook=f"{server.base}{SERVICE}/sfu_webhook")
    alice, bob = await server.person(), await server.person()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    token = await by_sfu_get(alice, room, await joins(alice, room))
    hers, his = await connected(real.port, token), await connected(real.port, (await sfu_get(bob, room))["jwt"])
    assert not isinstance(hers, int) and not isinstance(his, int)
    await hers.receive_bytes(timeout=30)
    await until(
        lambda: server.node.database.fetchval("SELECT restarted_ts FROM call_participants WHERE user_id = $1", alice.id)
    )
    await close(hers)
    await until(lambda: has_left(alice, room))
    await close(his)
    await real.stop()
