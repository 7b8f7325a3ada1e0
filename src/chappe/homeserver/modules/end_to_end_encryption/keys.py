"""Uploading, asking for and claiming keys (client-server API, "End-to-End Encryption")."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.shared_rows import DeviceListChangeRow
from chappe.homeserver.database.user_cache import UserCache
from chappe.homeserver.load.breath import Breath
from chappe.homeserver.modules.end_to_end_encryption.fragments import (
    CONSEQUENCE,
    FRAGMENTS,
    CrossSigningRow,
    DeviceKeysRow,
    KeySignatureRow,
)
from chappe.homeserver.modules.end_to_end_encryption.remote_devices import RemoteDevices
from chappe.homeserver.modules.end_to_end_encryption.store import Key, KeyStore
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.signing import is_signed

MAX_KEY_ID = 255
MAX_ASKED = 10_000  # people, or devices of them, whose keys one request asks for
MAX_SIGNED = 1000  # devices and keys signed in one request
ANNOUNCE_AFTER = 0.02  # seconds
CROSS_SIGNING_USAGES = {"master": "master", "self_signing": "self_signing", "user_signing": "user_signing"}


@dataclass(frozen=True, slots=True)
class Published:
    """What a user's devices have published. Do not change it: it is cached."""

    devices: dict[str, dict[str, Any] | None]  # None: a device without keys
    cross_signing: dict[str, dict[str, Any]]  # by usage
    signatures: dict[str, list[tuple[str, str, str]]]  # by device or key: signer, the signer's key, signature

    def seen_by(self, reader: str, target: str, value: dict[str, Any]) -> dict[str, Any]:
        """With the signatures added since the upload: those by the key's owner, and those by the reader."""
        added = self.signatures.get(target)
        if added is None:
            return value if "signatures" in value else {**value, "signatures": {}}
        signatures = {k: dict(v) for k, v in value.get("signatures", {}).items() if type(v) is dict}
        for signer, signer_key, signature in added:
            if signer in (value.get("user_id"), reader):
                signatures.setdefault(signer, {})[signer_key] = signature
        return {**value, "signatures": signatures}


class DeviceKeys:
    def __init__(self, store: KeyStore, writer: GroupWriter, clock: Clock, elsewhere: RemoteDevices) -> None:
        self._store, self._writer, self._elsewhere = store, writer, elsewhere
        self._counts: dict[str, dict[str, tuple[dict[str, int], list[str]]]] = {}  # by user and device
        self._published = UserCache(clock, ("device_list", "key_signatures", "account"), self._load_published)
        self._claimed_from: set[str] = set()
        writer.register(*FRAGMENTS)
        writer.register_consequences(CONSEQUENCE)
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        for user, kinds in commit.users.items():
            if commit.foreign or "key_counts" in kinds or "account" in kinds:
                self._counts.pop(user, None)

    # ---------------------------------------------------------------------------------------------------- uploading

    async def upload(self, user_id: str, device_id: str, body: Mapping[str, Any]) -> dict[str, int]:
        """`POST /keys/upload`. Returns the one-time key counts."""
        write = Write()
        device_keys = body.get("device_keys")
        if device_keys is not None:
            await self._device_keys(user_id, device_id, device_keys, write)
        one_time = _key_objects(body.get("one_time_keys"), "one_time_keys")
        fallback = _key_objects(body.get("fallback_keys") or body.get("org.matrix.msc2732.fallback_keys"), "fallback_keys")
        if one_time:
            await self._one_time_keys(user_id, device_id, one_time)
        if fallback:
            await self._store.put_fallback_keys(user_id, device_id, fallback)
        if one_time or fallback:
            write.touch_user(user_id, "key_counts")
        if write.users:
            await self._writer.submit(write)
        return (await self.counts(user_id, device_id))[0]

    async def _device_keys(self, user_id: str, device_id: str, keys: Any, write: Write) -> None:
        if type(keys) is not dict or type(keys.get("keys")) is not dict or type(keys.get("algorithms")) is not list:
            raise BadRequest("device_keys must have `keys`, `algorithms` and `signatures`")
        if type(keys.get("signatures", {})) is not dict:
            raise BadRequest("device_keys.signatures must be an object")
        if keys.get("user_id") != user_id or keys.get("device_id") != device_id:
            raise BadRequest("The device keys are of another user or device", "M_INVALID_PARAM")
        raw = canonical_json({k: v for k, v in keys.items() if k != "unsigned"})
        if await self._store.device_keys(user_id, device_id) == raw:
            return
        write.add(DeviceKeysRow(who=user_id, device=device_id, keys=raw))
        write.add(DeviceListChangeRow(who=user_id))
        write.touch_user(user_id, "device_list")

    async def _one_time_keys(self, user_id: str, device_id: str, keys: list[tuple[str, str, bytes]]) -> None:
        """The same key again is no error; another key under a known id is."""
        known = await self._store.existing_one_time_keys(user_id, device_id, [(k[0], k[1]) for k in keys])
        for algorithm, key_id, raw in keys:
            if known.get((algorithm, key_id), raw) != raw:
                raise BadRequest(f"One-time key {algorithm}:{key_id} exists with other content", "M_INVALID_PARAM")
        fresh = [k for k in keys if (k[0], k[1]) not in known]
        if fresh:
            await self._store.add_one_time_keys(user_id, device_id, fresh)

    async def counts(self, user_id: str, device_id: str) -> tuple[dict[str, int], list[str]]:
        """(one-time keys by algorithm, algorithms with an unused fallback key). Cached until something changes them."""
        found = self._counts.get(user_id, {}).get(device_id)
        if found is None:
            if len(self._counts) > 50_000:
                self._counts.clear()
            devices = self._counts.setdefault(user_id, {})
            found = await self._store.counts(user_id, device_id)
            found[0].setdefault("signed_curve25519", 0)
            devices[device_id] = found  # lost, as it should be, if something changed meanwhile
        return found

    # ----------------------------------------------------------------------------------------------------- claiming

    async def claim(self, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, dict[str, Any]]]:
        """`POST /keys/claim`: user → device → algorithm. Each one-time key is given once, else the fallback key."""
        keys: list[Key] = [(u, d, a) for u, devices in wanted.items() for d, a in devices.items()]
        if not keys:
            return {}
        rows = list(await self._store.claim_one_time_keys(keys))
        served = {(r.user_id, r.device_id) for r in rows}
        missing = [key for key in keys if key[:2] not in served]
        if missing:
            rows += await self._store.claim_fallback_keys(missing)
        result: dict[str, dict[str, dict[str, Any]]] = {}
        for row in rows:
            key_id = f"{row.algorithm}:{row.key_id}"
            result.setdefault(row.user_id, {}).setdefault(row.device_id, {})[key_id] = orjson.Fragment(row.key)
        self._tell_owners(result)
        return result

    def _tell_owners(self, owners: Iterable[str]) -> None:
        """The keys are taken already; their owners learn of it a moment later, those of many claims together."""
        if not self._claimed_from:
            asyncio.get_running_loop().call_later(ANNOUNCE_AFTER, self.announce_claims)
        for user in owners:
            self._counts.pop(user, None)
            self._claimed_from.add(user)

    async def prune(self) -> None:
        await self._store.prune()

    def announce_claims(self) -> None:
        """Wakes the owners of claimed keys; at the latest when the server stops."""
        owners, self._claimed_from = self._claimed_from, set()
        if owners:
            write = Write()
            for user in owners:
                write.touch_user(user, "key_counts")
            self._writer.announce(write)

    # ------------------------------------------------------------------------------------------------------- asking

    async def query(self, reader: str, wanted: Mapping[str, list[str]]) -> dict[str, Any]:
        """`POST /keys/query`: devices and cross-signing keys, with the signatures that the reader may see."""
        answer: dict[str, dict[str, Any]] = {
            "device_keys": {},
            "failures": {},
            "master_keys": {},
            "self_signing_keys": {},
            "user_signing_keys": {},
        }
        for user, published in (await self._published.get_many(wanted)).items():
            chosen = set(wanted[user])
            answer["device_keys"][user] = {
                device: published.seen_by(reader, device, keys)
                for device, keys in published.devices.items()
                if keys is not None and (not chosen or device in chosen)
            }
            for usage, key in published.cross_signing.items():
                if usage == "user_signing" and user != reader:
                    continue  # whom somebody has verified is nobody else's business
                target = next(iter(key["keys"].values()))
                answer[f"{usage}_keys"][user] = published.seen_by(reader, target, key)
        return answer

    async def _load_published(self, users: list[str]) -> dict[str, Published]:
        """Three statements, whatever the number of users."""
        result = {user: Published({}, {}, {}) for user in users}
        for device in await self._store.devices(users):
            keys = orjson.loads(device.keys) if device.keys is not None else None
            if keys is not None and device.display_name is not None:
                keys["unsigned"] = {"device_display_name": device.display_name}
            result[device.user_id].devices[device.device_id] = keys
        for key in await self._store.cross_signing_keys(users):
            result[key.user_id].cross_signing[key.usage] = orjson.loads(key.key)
        for signature in await self._store.signatures(users):
            entry = (signature.signer, signature.signer_key, signature.signature)
            result[signature.user_id].signatures.setdefault(signature.target, []).append(entry)
        return result

    async def device_ids(self, user_ids: Iterable[str]) -> dict[str, list[str]]:
        """Every device of some users, with or without keys."""
        found = await self._published.get_many(user_ids)
        return {user: list(published.devices) for user, published in found.items()}

    async def changed_users(self, since: int, upto: int) -> list[str]:
        """Whose devices or cross-signing keys changed in (since, upto]."""
        return await self._store.device_list_changes(since, upto)

    async def list_changed_at(self, user_id: str) -> int:
        """The position of the last change to a user's devices or cross-signing keys."""
        return await self._store.list_changed_at(user_id)

    async def device_renamed(self, user_id: str) -> None:
        """The name travels with the keys: others shall ask again."""
        write = Write()
        write.add(DeviceListChangeRow(who=user_id))
        write.touch_user(user_id, "device_list")
        await self._writer.submit(write)

    # ------------------------------------------------------------------------------------------------ cross-signing

    async def has_cross_signing(self, user_id: str) -> bool:
        return any(row.usage == "master" for row in await self._store.cross_signing_keys([user_id]))

    async def repeats_cross_signing_keys(self, user_id: str, body: Mapping[str, Any]) -> bool:
        """Whether an upload only repeats what is there, signatures aside: then it needs no authentication.

        Of what it brings, signatures are kept that the owner's keys have made. Whatever else stood in a key would undo
        the master key's signature of it, and with it the trust in every device.
        """
        stored = {row.usage: row.key for row in await self._store.cross_signing_keys([user_id])}
        given = {usage: body[f"{usage}_key"] for usage in CROSS_SIGNING_USAGES if f"{usage}_key" in body}
        if not all(type(key) is dict and stored.get(usage) == _unsigned(key) for usage, key in given.items()):
            return False
        write, keys = Write(), await self._public_keys(user_id)
        for key in given.values():
            target = next(iter(key["keys"].values()))
            self._add_signatures(user_id, user_id, target, _unsigned(key), key, keys, write)
        if write.rows:
            write.add(DeviceListChangeRow(who=user_id))
            write.touch_user(user_id, "device_list")
            await self._writer.submit(write)
        return True

    async def upload_cross_signing_keys(self, user_id: str, body: Mapping[str, Any]) -> None:
        """`POST /keys/device_signing/upload`. Authentication has been required where the specification asks for it."""
        write = Write()
        for usage in CROSS_SIGNING_USAGES:
            key = body.get(f"{usage}_key")
            if key is None:
                continue
            self._check_cross_signing_key(user_id, usage, key)
            write.add(CrossSigningRow(who=user_id, usage=usage, key=_unsigned(key)))
            target = next(iter(key["keys"].values()))
            for signer, signer_key, signature in _signatures_of(key):
                write.add(
                    KeySignatureRow(who=user_id, target=target, signer=signer, signer_key=signer_key, signature=signature)
                )
        if not write.rows:
            return
        write.add(DeviceListChangeRow(who=user_id))
        write.touch_user(user_id, "device_list")
        await self._writer.submit(write)

    @staticmethod
    def _check_cross_signing_key(user_id: str, usage: str, key: Any) -> None:
        if type(key) is not dict or type(key.get("keys")) is not dict or len(key["keys"]) != 1:
            raise BadRequest(f"{usage}_key must have exactly one key", "M_INVALID_PARAM")
        if key.get("user_id") != user_id or type(key.get("usage")) is not list or usage not in key["usage"]:
            raise BadRequest(f"{usage}_key is of another user or for another usage", "M_INVALID_PARAM")
        ((key_id, public),) = key["keys"].items()
        if type(public) is not str or not key_id.startswith("ed25519:") or key_id != f"ed25519:{public}":
            raise BadRequest(f"{usage}_key must be an ed25519 key named by itself", "M_INVALID_PARAM")

    async def upload_signatures(self, user_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /keys/signatures/upload`: merged with what is there. Returns the failures by user and key."""
        failures: dict[str, dict[str, Any]] = {}
        if not all(type(targets) is dict for targets in body.values()):
            raise BadRequest("Signatures are given by user and key")
        if sum(map(len, body.values())) > MAX_SIGNED:
            raise BadRequest(f"At most {MAX_SIGNED} signed objects at once", "M_INVALID_PARAM")
        write, keys, breath = Write(), await self._public_keys(user_id), Breath()
        for owner, targets in body.items():
            for target, signed in targets.items():
                await breath.take()  # each signature is verified
                try:
                    await self._sign(user_id, owner, target, signed, keys, write)
                except (BadRequest, Forbidden) as error:
                    failures.setdefault(owner, {})[target] = error.body()
        if write.rows:
            await self._writer.submit(write)
        return failures

    async def _sign(self, user_id: str, owner: str, target: str, signed: Any, keys: Mapping[str, str], write: Write) -> None:
        if type(signed) is not dict:
            raise BadRequest("A signed object is expected")
        known = await self._stored_object(owner, target)
        bare = {k: v for k, v in signed.items() if k not in ("signatures", "unsigned")}
        if known is None or canonical_json(bare) != canonical_json(known):
            raise BadRequest("The signed key is not the one that is stored here", "M_INVALID_SIGNATURE")
        if not self._add_signatures(user_id, owner, target, canonical_json(known), signed, keys, write):
            raise BadRequest("None of the signatures was made by a key of yours", "M_INVALID_SIGNATURE")
        # what one signs of others only oneself sees: one's devices shall ask for the owner's keys again, and for one's own
        for changed in {owner, user_id}:
            write.add(DeviceListChangeRow(who=changed))
            write.touch_user(changed, "device_list")
        write.touch_user(owner, "key_signatures")  # it is shown with the owner's keys

    @staticmethod
    def _add_signatures(
        signer: str, owner: str, target: str, message: bytes, signed: Mapping[str, Any], keys: Mapping[str, str], write: Write
    ) -> int:
        """How many signatures of `message` in `signed` are kept: those that the signer's keys have made. One that they have
        not would stand in the place of one that they have."""
        good = [
            (key_id, signature)
            for who, key_id, signature in _signatures_of(signed)
            if who == signer and key_id in keys and is_signed(message, signature, keys[key_id])
        ]
        for key_id, signature in good:
            write.add(KeySignatureRow(who=owner, target=target, signer=signer, signer_key=key_id, signature=signature))
        return len(good)

    async def _public_keys(self, user_id: str) -> dict[str, str]:
        """With what somebody signs, by key id: the key of each device under the device's own name, and those of the identity."""
        found: dict[str, str] = {}
        for row in await self._store.devices([user_id]):
            key_id = f"ed25519:{row.device_id}"
            public = orjson.loads(row.keys)["keys"].get(key_id) if row.keys is not None else None
            if type(public) is str:
                found[key_id] = public
        for key in await self._store.cross_signing_keys([user_id]):
            found.update(orjson.loads(key.key)["keys"])
        return found

    async def _stored_object(self, owner: str, target: str) -> dict[str, Any] | None:
        if (found := await self._elsewhere.stored_object(owner, target)) is not None:
            return found
        raw = await self._store.device_keys(owner, target)
        if raw is None:
            for row in await self._store.cross_signing_keys([owner]):
                key = orjson.loads(row.key)
                if target in key["keys"].values():
                    return {k: v for k, v in key.items() if k not in ("signatures", "unsigned")}
            return None
        return {k: v for k, v in orjson.loads(raw).items() if k not in ("signatures", "unsigned")}


def require_few(wanted: Mapping[str, Sized]) -> None:
    """Raises M_INVALID_PARAM for more people and devices than one request may name."""
    if sum(max(1, len(devices)) for devices in wanted.values()) > MAX_ASKED:
        raise BadRequest(f"At most {MAX_ASKED} people and devices at once", "M_INVALID_PARAM")


def _unsigned(key: Mapping[str, Any]) -> bytes:
    """A cross-signing key as it is stored; its signatures stand by themselves."""
    return canonical_json({k: v for k, v in key.items() if k != "signatures"})


def _signatures_of(value: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    signatures = value.get("signatures", {})
    if type(signatures) is not dict or not all(type(v) is dict for v in signatures.values()):
        raise BadRequest("`signatures` must be an object of objects")
    found = [(s, k, v) for s, keys in signatures.items() for k, v in keys.items()]
    if not all(type(v) is str for _, _, v in found):
        raise BadRequest("A signature must be a string")
    return found


def _key_objects(value: Any, field: str) -> list[tuple[str, str, bytes]]:
    """(algorithm, id, JSON) of an object `algorithm:id` → key, in its order."""
    if value is None:
        return []
    if type(value) is not dict:
        raise BadRequest(f"{field} must be an object")
    result = []
    for name, key in value.items():
        algorithm, colon, key_id = name.partition(":")
        if not colon or not algorithm or not key_id or len(name) > MAX_KEY_ID or "\0" in name:
            raise BadRequest(f"{field}: a key's name must be `algorithm:id`", "M_INVALID_PARAM")
        if type(key) is not str and type(key) is not dict:
            raise BadRequest(f"{field}: a key must be a string or an object")
        result.append((algorithm, key_id, canonical_json(key)))
    return result
