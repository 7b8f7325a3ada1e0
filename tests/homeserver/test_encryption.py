"""Encryption keys, to-device messages, device lists and key backup over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support import PASSWORD, Person, Refused, segment


def device_keys(person: Person, mark: str = "k") -> dict[str, Any]:
    return {
        "user_id": person.id, "device_id": person.device, "algorithms": ["m.megolm.v1.aes-sha2"],
        "keys": {f"ed25519:{person.device}": mark}, "signatures": {person.id: {f"ed25519:{person.device}": "s"}},
    }  # fmt: skip


async def upload(person: Person, **body: Any) -> dict[str, int]:
    return dict((await person.call("POST", "/keys/upload", body))["one_time_key_counts"])


async def claim(person: Person, owner: Person) -> dict[str, Any]:
    body = {"one_time_keys": {owner.id: {owner.device: "signed_curve25519"}}}
    answer = await person.call("POST", "/keys/claim", body)
    return dict(answer["one_time_keys"].get(owner.id, {}).get(owner.device, {}))


async def test_device_keys_are_stored_and_found(alice: Person, bob: Person) -> None:
    await upload(alice, device_keys=device_keys(alice))
    answer = await bob.call("POST", "/keys/query", {"device_keys": {alice.id: [], "@nobody:localhost": []}})
    found = answer["device_keys"][alice.id][alice.device]
    assert found["keys"] == {f"ed25519:{alice.device}": "k"} and answer["failures"] == {}
    for wrong in ({**device_keys(alice), "user_id": bob.id}, {**device_keys(alice), "device_id": "X"}, {"keys": 1}):
        with pytest.raises(Refused) as refused:
            await upload(alice, device_keys=wrong)
        assert refused.value.status == 400


async def test_one_time_keys_are_claimed_once_in_order_then_the_fallback(alice: Person, bob: Person) -> None:
    keys = {f"signed_curve25519:{n:02}": {"key": str(n)} for n in range(3)}
    fallback = {"signed_curve25519:fb": {"key": "fallback", "fallback": True}}
    assert await upload(alice, one_time_keys=keys, fallback_keys=fallback) == {"signed_curve25519": 3}
    assert await upload(alice, one_time_keys=keys) == {"signed_curve25519": 3}  # the same again
    with pytest.raises(Refused) as refused:
        await upload(alice, one_time_keys={"signed_curve25519:00": {"key": "other"}})
    assert refused.value.status == 400
    assert (await alice.sync())["device_unused_fallback_key_types"] == ["signed_curve25519"]
    assert [list(await claim(bob, alice)) for _ in range(3)] == [[k] for k in keys]
    assert await claim(bob, alice) == await claim(bob, alice) == fallback
    answer = await alice.sync()
    assert (
        answer["device_one_time_keys_count"] == {"signed_curve25519": 0}
        and answer["device_unused_fallback_key_types"] == []
    )
    await upload(alice, fallback_keys={"signed_curve25519:fb2": {"key": "new", "fallback": True}})
    assert (await alice.sync())["device_unused_fallback_key_types"] == ["signed_curve25519"]


async def test_claims_at_once_never_get_the_same_key(alice: Person, bob: Person) -> None:
    await upload(alice, one_time_keys={f"signed_curve25519:{n:02}": {"key": str(n)} for n in range(20)})
    got = await asyncio.gather(*(claim(bob, alice) for _ in range(25)))
    keys = [key for answer in got for key in answer]
    assert len(keys) == len(set(keys)) == 20


async def test_a_claim_wakes_the_owner(alice: Person, bob: Person) -> None:
    await upload(alice, one_time_keys={"signed_curve25519:a": {"key": "a"}})
    await alice.sync()
    waiting = asyncio.create_task(alice.sync(timeout=20_000))
    while not alice.server.node.notifier.waiters:
        await asyncio.sleep(0)
    await claim(bob, alice)
    assert (await waiting)["device_one_time_keys_count"] == {"signed_curve25519": 0}


async def test_to_device_messages_arrive_once_and_in_order(alice: Person, bob: Person) -> None:
    tablet = await bob.another_device()
    for n in range(130):
        await alice.call("PUT", f"/sendToDevice/x.y/{n}", {"messages": {bob.id: {"*": {"n": n}}}})
    await alice.call("PUT", "/sendToDevice/x.y/129", {"messages": {bob.id: {"*": {"n": 129}}}})  # again
    first = await bob.sync()
    again = await bob.call("GET", "/sync")  # the answer was lost: the same messages
    assert first["to_device"] == again["to_device"] and len(first["to_device"]["events"]) == 100
    second = await bob.sync()
    assert [e["content"]["n"] for e in first["to_device"]["events"] + second["to_device"]["events"]] == list(range(130))
    assert "to_device" not in await bob.sync()
    assert (await tablet.sync())["to_device"]["events"][0] == {"type": "x.y", "sender": alice.id, "content": {"n": 0}}
    await alice.call("PUT", "/sendToDevice/x.y/one", {"messages": {bob.id: {tablet.device: {"n": "one"}}}})
    assert "to_device" not in await bob.sync()


async def test_device_lists(alice: Person, bob: Person, carol: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.sync()
    await carol.sync()
    start = bob.since
    await upload(alice, device_keys=device_keys(alice))
    assert (await bob.sync())["device_lists"] == {"changed": [alice.id], "left": []}
    assert "device_lists" not in await carol.sync()
    await carol.join(room)
    assert carol.id in (await bob.sync())["device_lists"]["changed"]
    assert {alice.id, bob.id} <= set((await carol.sync())["device_lists"]["changed"])
    await carol.leave(room)
    assert (await bob.sync())["device_lists"] == {"changed": [], "left": [carol.id]}
    assert set((await carol.sync())["device_lists"]["left"]) == {alice.id, bob.id}
    changes = await bob.call("GET", "/keys/changes", from_=start, to=bob.since)
    assert alice.id in changes["changed"] and carol.id in changes["left"]
    phone = await alice.another_device()
    await upload(phone, device_keys=device_keys(phone))
    await bob.sync()
    await phone.call("POST", "/logout", {})
    assert (await bob.sync())["device_lists"]["changed"] == [alice.id]
    answer = await bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
    assert list(answer["device_keys"][alice.id]) == [alice.device]


def cross_key(person: Person, usage: str, public: str) -> dict[str, Any]:
    return {"user_id": person.id, "usage": [usage], "keys": {f"ed25519:{public}": public}}


async def test_cross_signing(alice: Person, bob: Person) -> None:
    keys = {f"{u}_key": cross_key(alice, u, f"{u}AAA") for u in ("master", "self_signing", "user_signing")}
    await alice.call("POST", "/keys/device_signing/upload", keys)  # the first time, without authentication
    await alice.call("POST", "/keys/device_signing/upload", keys)  # the same again
    other = {"master_key": cross_key(alice, "master", "masterBBB")}
    with pytest.raises(Refused) as refused:
        await alice.call("POST", "/keys/device_signing/upload", other)
    assert refused.value.status == 401
    mine = await alice.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
    theirs = await bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
    assert mine["user_signing_keys"][alice.id]["keys"] == {"ed25519:user_signingAAA": "user_signingAAA"}
    assert theirs["user_signing_keys"] == {} and theirs["master_keys"][alice.id]["usage"] == ["master"]
    auth = {
        "type": "m.login.password",
        "session": refused.value.body["session"],
        "identifier": {"type": "m.id.user", "user": alice.id},
        "password": PASSWORD,
    }
    await alice.call("POST", "/keys/device_signing/upload", {**other, "auth": auth})
    for wrong in (
        cross_key(alice, "master", "x"),
        {**cross_key(bob, "master", "x"), "keys": {"curve:x": "x"}},
        {"keys": {}},
        7,
    ):
        with pytest.raises(Refused) as refused:
            await bob.call("POST", "/keys/device_signing/upload", {"master_key": wrong})
        assert refused.value.status == 400


async def test_signatures_are_merged_and_shown_to_those_they_concern(alice: Person, bob: Person, carol: Person) -> None:
    await upload(alice, device_keys=device_keys(alice))
    await alice.call("POST", "/keys/device_signing/upload", {"master_key": cross_key(alice, "master", "M")})
    signed = {**device_keys(alice), "signatures": {alice.id: {"ed25519:SSK": "by self-signing key"}}}
    assert (await alice.call("POST", "/keys/signatures/upload", {alice.id: {alice.device: signed}}))["failures"] == {}
    await bob.call(
        "POST", "/keys/query", {"device_keys": {alice.id: []}}
    )  # what was read before must not be told again
    master = {**cross_key(alice, "master", "M"), "signatures": {bob.id: {"ed25519:USK": "by Bob"}}}
    assert (await bob.call("POST", "/keys/signatures/upload", {alice.id: {"M": master}}))["failures"] == {}
    wrong = await bob.call("POST", "/keys/signatures/upload", {alice.id: {"M": {**master, "usage": ["other"]}}})
    assert wrong["failures"][alice.id]["M"]["errcode"] == "M_INVALID_SIGNATURE"
    for reader, sees in ((bob, True), (carol, False)):
        answer = await reader.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
        device = answer["device_keys"][alice.id][alice.device]
        assert device["signatures"][alice.id] == {f"ed25519:{alice.device}": "s", "ed25519:SSK": "by self-signing key"}
        assert (bob.id in answer["master_keys"][alice.id]["signatures"]) is sees


SESSION = {"first_message_index": 5, "forwarded_count": 1, "is_verified": False, "session_data": {"ciphertext": "x"}}


async def test_key_backup(alice: Person, bob: Person) -> None:
    with pytest.raises(Refused) as refused:
        await alice.call("GET", "/room_keys/version")
    assert refused.value.status == 404
    made = await alice.call("POST", "/room_keys/version", {"algorithm": "m.x", "auth_data": {"a": 1}})
    version, room = made["version"], "!room:localhost"
    put = {"rooms": {room: {"sessions": {"s/1": SESSION}}}}
    first = await alice.call("PUT", f"/room_keys/keys?version={version}", put)
    assert first["count"] == 1
    assert await alice.call("GET", f"/room_keys/keys?version={version}") == put
    path = f"/room_keys/keys/{segment(room)}/{segment('s/1')}?version={version}"
    worse, better = {**SESSION, "first_message_index": 9}, {**SESSION, "is_verified": True, "first_message_index": 9}
    assert (await alice.call("PUT", path, worse))["etag"] == first["etag"]
    assert (await alice.call("GET", path))["first_message_index"] == 5
    assert (await alice.call("PUT", path, better))["etag"] != first["etag"]
    assert (await alice.call("GET", path))["is_verified"] is True
    info = await alice.call("GET", f"/room_keys/version/{version}")
    assert (info["count"], info["auth_data"], info["algorithm"]) == (1, {"a": 1}, "m.x")
    await alice.call(
        "PUT", f"/room_keys/version/{version}", {"algorithm": "m.x", "auth_data": {"a": 2}, "version": version}
    )
    with pytest.raises(Refused):
        await alice.call("PUT", f"/room_keys/version/{version}", {"algorithm": "m.y", "auth_data": {}})
    newer = (await alice.call("POST", "/room_keys/version", {"algorithm": "m.x", "auth_data": {}}))["version"]
    with pytest.raises(Refused) as refused:
        await alice.call("PUT", path, SESSION)
    assert (refused.value.errcode, refused.value.body["current_version"]) == ("M_WRONG_ROOM_KEYS_VERSION", newer)
    assert (await alice.call("DELETE", path))["count"] == 0
    await alice.call("DELETE", f"/room_keys/version/{newer}")
    assert (await alice.call("GET", "/room_keys/version"))["version"] == version
    with pytest.raises(Refused):
        await bob.call("GET", path)
