"""Encryption keys, to-device messages, device lists and key backup over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chappe.matrix.signing import SigningKey, sign_json
from tests.support import PASSWORD, Person, Refused, Server, segment


def device_keys(person: Person, mark: str = "k") -> dict[str, Any]:
    return {
        "user_id": person.id,
        "device_id": person.device,
        "algorithms": ["m.megolm.v1.aes-sha2"],
        "keys": {f"ed25519:{person.device}": mark},
        "signatures": {person.id: {f"ed25519:{person.device}": "s"}},
    }


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
    assert answer["device_one_time_keys_count"] == {"signed_curve25519": 0} and answer["device_unused_fallback_key_types"] == []
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
    assert (await carol.sync())["device_lists"]["changed"] == sorted([alice.id, bob.id, carol.id])
    await carol.create_room()
    assert "device_lists" not in await carol.sync()  # nobody is in the room but herself
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


class Identity:
    """Somebody's keys, as a client has them: of the device, and for cross-signing."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.device = SigningKey(person.device.encode().ljust(32, b"d")[:32], person.device)
        self.keys = {usage: self._key(usage) for usage in ("master", "self_signing", "user_signing")}

    def _key(self, usage: str) -> SigningKey:
        seed = f"{usage} {self.person.id}".encode().ljust(32, b"k")[:32]
        return SigningKey(seed, SigningKey(seed, "").public)

    def device_keys(self) -> dict[str, Any]:
        keys = {**device_keys(self.person, self.device.public), "signatures": {}}
        return sign_json(keys, self.person.id, self.device)

    def cross(self, usage: str) -> dict[str, Any]:
        key = cross_key(self.person, usage, self.keys[usage].public)
        return key if usage == "master" else self.signed(key, "master")

    def signed(self, value: dict[str, Any], usage: str) -> dict[str, Any]:
        """With a signature of one's own in place of those that there were."""
        bare = {k: v for k, v in value.items() if k not in ("signatures", "unsigned")}
        return sign_json(bare, self.person.id, self.keys[usage])

    async def publish(self) -> None:
        await upload(self.person, device_keys=self.device_keys())
        body = {f"{usage}_key": self.cross(usage) for usage in self.keys}
        await self.person.call("POST", "/keys/device_signing/upload", body)


async def sign(signer: Person, owner: Person, target: str, signed: dict[str, Any]) -> str | None:
    """The errcode of the failure, None where there was none."""
    answer = await signer.call("POST", "/keys/signatures/upload", {owner.id: {target: signed}})
    failure = answer["failures"].get(owner.id, {}).get(target)
    return None if failure is None else str(failure["errcode"])


async def test_signatures_are_merged_and_shown_to_those_they_concern(alice: Person, bob: Person, carol: Person) -> None:
    hers, his = Identity(alice), Identity(bob)
    await hers.publish()
    await his.publish()
    assert await sign(alice, alice, alice.device, hers.signed(hers.device_keys(), "self_signing")) is None
    await bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}})  # what was read before must not be told again
    master, name = his.signed(hers.cross("master"), "user_signing"), hers.keys["master"].public
    assert await sign(bob, alice, name, master) is None
    assert await sign(bob, alice, name, {**master, "usage": ["other"]}) == "M_INVALID_SIGNATURE"
    for reader, sees in ((bob, True), (carol, False)):
        answer = await reader.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
        device = answer["device_keys"][alice.id][alice.device]
        assert set(device["signatures"][alice.id]) == {hers.device.key_id, hers.keys["self_signing"].key_id}
        assert (bob.id in answer["master_keys"][alice.id]["signatures"]) is sees


async def test_a_signature_is_kept_that_its_key_has_made(alice: Person, bob: Person) -> None:
    """Whoever has a token and no key would write another in its place, and the trust in every device would be gone."""
    hers, his = Identity(alice), Identity(bob)
    await hers.publish()
    await his.publish()
    device, ssk = hers.signed(hers.device_keys(), "self_signing"), hers.cross("self_signing")
    assert await sign(alice, alice, alice.device, device) is None

    async def seen() -> Any:
        answer = await bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
        return answer["device_keys"], answer["master_keys"], answer["self_signing_keys"]

    before = await seen()
    assert before[2][alice.id]["signatures"] == ssk["signatures"]
    for target, value, key in (
        (alice.device, device, hers.keys["self_signing"]),
        (alice.device, device, hers.device),
        (hers.keys["self_signing"].public, ssk, hers.keys["master"]),
        (hers.keys["master"].public, hers.cross("master"), hers.device),
    ):
        wrong = sign_json(value, alice.id, SigningKey(b"t" * 32, key.key_id.removeprefix("ed25519:")))
        for signature in (wrong["signatures"][alice.id][key.key_id], "", "x", "A" * 86):
            signed = {**value, "signatures": {alice.id: {key.key_id: signature}}}
            assert await sign(alice, alice, target, signed) == "M_INVALID_SIGNATURE", (target, key.key_id, signature)
        unknown = {**value, "signatures": {alice.id: {"ed25519:NOBODY": "x"}}}
        assert await sign(alice, alice, target, unknown) == "M_INVALID_SIGNATURE"
        assert await sign(alice, alice, target, {**value, "signatures": {}}) == "M_INVALID_SIGNATURE"
    # a device does not speak for the identity, whatever it calls its keys
    keys = {**device_keys(alice, hers.device.public), "signatures": {}}
    thief = SigningKey(b"t" * 32, hers.keys["master"].public)
    keys["keys"][thief.key_id] = thief.public
    await upload(alice, device_keys=keys)
    assert await sign(alice, alice, hers.keys["self_signing"].public, sign_json(ssk, alice.id, thief)) == "M_INVALID_SIGNATURE"
    assert (await seen())[1:] == before[1:]


async def test_repeated_keys_write_nothing_but_new_signatures(server: Server, alice: Person, bob: Person) -> None:
    hers = Identity(alice)
    await hers.publish()

    async def stored() -> list[Any]:
        tables = ("cross_signing_keys", "key_signatures", "device_list_changes")
        rows = [await server.node.database.fetch(f"SELECT * FROM {table} WHERE user_id = $1", alice.id) for table in tables]
        return [sorted(str(dict(row)) for row in found) for found in rows]

    before = await stored()
    ssk, path = hers.cross("self_signing"), "/keys/device_signing/upload"
    for changed in ({"x": "anything"}, {"usage": ["self_signing", "master"]}, {"unsigned": {"x": 1}}):
        with pytest.raises(Refused) as refused:
            await alice.call("POST", path, {"self_signing_key": {**ssk, **changed}})
        assert refused.value.status == 401
    junk = {alice.id: {hers.keys["master"].key_id: "A" * 86, hers.device.key_id: "x"}, bob.id: {"ed25519:x": "y"}}
    await alice.call("POST", path, {"self_signing_key": {**ssk, "signatures": junk}})
    assert await stored() == before
    await alice.call("POST", path, {f"{usage}_key": hers.cross(usage) for usage in hers.keys})
    assert (await stored())[:2] == before[:2]
    await alice.call("POST", path, {"master_key": sign_json(hers.cross("master"), alice.id, hers.device)})
    after = await bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
    assert hers.device.key_id in after["master_keys"][alice.id]["signatures"][alice.id]


async def test_the_first_keys_ask_for_nothing(server: Server, alice: Person) -> None:
    """MSC3967, where the policy wants nothing else."""
    await server.node.database.execute("UPDATE devices SET created = now() - interval '1 day'")
    await Identity(alice).publish()


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
    await alice.call("PUT", f"/room_keys/version/{version}", {"algorithm": "m.x", "auth_data": {"a": 2}, "version": version})
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
    await alice.call("DELETE", f"/room_keys/version/{version}")
    left = "SELECT count(*) FROM key_backup_sessions WHERE user_id = $1"
    assert await alice.server.node.database.fetchval(left, alice.id) == 0, "kept where a policy wants it only"
