"""What one server answers about its people's keys fails no question that is also about others."""

from __future__ import annotations

import secrets
from typing import Any

from chappe.matrix.signing import SigningKey, sign_json
from tests.federation.conftest import Peer
from tests.federation.test_hostile import scene

VALUES: list[Any] = [
    None,
    1,
    "x",
    "a\0",
    secrets.token_hex(4000),
    [],
    ["x"],
    {},
    {"x": 1},
    {"x": {"y": 1}},
    {"a\0": {"b\0": "\0"}},
    {f"k{n}": "x" for n in range(10_000)},
]
FIELDS = ("user_id", "device_id", "algorithms", "keys", "signatures", "usage", "the device's id")


def device(user: str, device_id: str = "D") -> dict[str, Any]:
    return {"user_id": user, "device_id": device_id, "algorithms": [], "keys": {"ed25519:D": "k"}, "signatures": {}}


def master(user: str) -> dict[str, Any]:
    return {"user_id": user, "usage": ["master"], "keys": {"ed25519:m": "m"}, "signatures": {}}


async def test_no_answer_about_keys_fails_anothers(peer: Peer) -> None:
    alice, mallory, _, forger = await scene(peer, "11")
    here, database = forger.target, forger.target.node.database
    bob = await here.person("bob")
    await bob.call("POST", "/keys/upload", {"device_keys": {**device(bob.id, bob.device), "keys": {"ed25519:x": "y"}}})
    given: dict[str, Any] = {}

    async def query(*_: Any) -> dict[str, Any]:
        return given

    forger.evil.node.keys.query = query  # type: ignore[method-assign]

    async def asked(devices: dict[str, Any], key: dict[str, Any]) -> Any:
        given.clear()
        given.update({"device_keys": {mallory.id: devices}, "master_keys": {mallory.id: key}, "self_signing_keys": {}})
        await database.execute("UPDATE remote_device_lists SET stale = true")
        return await alice.call("POST", "/keys/query", {"device_keys": {bob.id: [], mallory.id: []}})

    good = {"D": device(mallory.id)}, master(mallory.id)
    assert "D" in (await asked(*good))["device_keys"][mallory.id]
    key = SigningKey(secrets.token_bytes(32), alice.device)
    own = {**device(alice.id, alice.device), "keys": {key.key_id: key.public}}
    await alice.call("POST", "/keys/upload", {"device_keys": own})
    signed = sign_json({k: v for k, v in device(mallory.id).items() if k != "signatures"}, alice.id, key)
    assert await alice.call("POST", "/keys/signatures/upload", {mallory.id: {"D": signed}}) == {"failures": {}}
    for field in FIELDS:
        for value in VALUES:
            if field == "the device's id":
                named = str(value)
                devices = {named: device(mallory.id, named)}
            else:
                devices = {"D": {**device(mallory.id), field: value}}
            answer = await asked(devices, {**master(mallory.id), field: value})
            assert bob.device in answer["device_keys"][bob.id], (field, str(value)[:20])
    answer = await asked(*good)
    assert answer["device_keys"][mallory.id]["D"]["signatures"] == signed["signatures"]
    assert answer["failures"] == {}
