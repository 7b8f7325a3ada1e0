"""End-to-end encryption (keys.yaml, cross_signing.yaml, to_device.yaml)."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request, transaction_key
from chappe.homeserver.http.router import GUEST_AUTH, Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.modules.appservices.appservices import Appservices
from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys, require_few
from chappe.homeserver.modules.end_to_end_encryption.remote_devices import RemoteDevices
from chappe.homeserver.modules.to_device.to_device import ToDevice, require_few_devices
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.device_lists import DeviceLists
from chappe.homeserver.sync.token import parse_position
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import domain_of, parse_user_id

BYTES_OF_A_REQUEST = 1 << 15  # of messages to devices: so many count as one request more
T = TypeVar("T")


class KeysQuery(msgspec.Struct):
    device_keys: dict[str, list[str]]
    timeout: int = 10_000


class KeysClaim(msgspec.Struct):
    one_time_keys: dict[str, dict[str, str]]
    timeout: int = 10_000


class SendToDevice(msgspec.Struct):
    messages: dict[str, dict[str, dict[str, Any]]]


_KEYS: dict[str, Any] = {"body_limit": 1 << 18, "body_reason": "the one-time keys of a new device, or many signatures"}
_MANY: dict[str, Any] = {"body_limit": 1 << 20, "body_reason": "everybody in a large room"}
_TO_DEVICES: dict[str, Any] = {"body_limit": 4 << 20, "body_reason": "a room's key, encrypted for each of its devices"}


class Keys:
    def __init__(
        self,
        keys: DeviceKeys,
        to_device: ToDevice,
        uia: UserInteractiveAuth,
        rooms: Rooms,
        device_lists: DeviceLists,
        appservices: Appservices,
        remote: RemoteDevices,
        limits: RateLimits,
    ) -> None:
        self._keys, self._to_device, self._uia, self._appservices = keys, to_device, uia, appservices
        self._rooms, self._device_lists, self._remote = rooms, device_lists, remote
        self._limits = limits

    @endpoint(
        "POST",
        "/_matrix/client/v3/keys/upload",
        "/_matrix/client/v3/keys/upload/{deviceId}",
        auth=GUEST_AUTH,
        limit="keys",
        **_KEYS,
    )
    async def upload(self, request: Request) -> Answer:
        body = await request.json_object(optional=True, canonical=True)
        counts = await self._keys.upload(request.user_id, request.requester.device_id, body)
        return {"one_time_key_counts": counts}

    @endpoint("POST", "/_matrix/client/v3/keys/query", auth=GUEST_AUTH, limit="keys", **_MANY)
    async def query(self, request: Request) -> Answer:
        body = convert(await request.json_object(), KeysQuery)
        require_few(body.device_keys)
        for user in body.device_keys:
            parse_user_id(user)
        known = await self._rooms.sight.known(request.reader, body.device_keys)
        here, elsewhere = self._apart({user: body.device_keys[user] for user in known})
        answer = await self._keys.query(request.user_id, here)
        answer["device_keys"].update(await self._appservices.query_keys(here))
        for name, found in (await self._remote.query(request.user_id, elsewhere)).items():
            answer[name].update(found)
        missed = [user for user in body.device_keys if not answer["device_keys"].get(user)]
        await self._rooms.sight.looked_for_in_vain(request.reader, missed)
        return answer

    @endpoint("POST", "/_matrix/client/v3/keys/claim", auth=GUEST_AUTH, limit="keys", **_MANY)
    async def claim(self, request: Request) -> Answer:
        body = convert(await request.json_object(), KeysClaim)
        require_few(body.one_time_keys)
        for user in body.one_time_keys:
            parse_user_id(user)
        reached = await self._rooms.sight.reached(request.person, "m.room.encrypted", body.one_time_keys)
        here, elsewhere = self._apart({user: body.one_time_keys[user] for user in reached})
        claimed = await self._keys.claim(here)
        missing = {user: {d: a for d, a in devices.items() if d not in claimed.get(user, {})} for user, devices in here.items()}
        for user, devices in (await self._appservices.claim_keys({u: d for u, d in missing.items() if d})).items():
            claimed.setdefault(user, {}).update(devices)
        far, failures = await self._remote.claim(domain_of(request.user_id), elsewhere)
        return {"one_time_keys": {**claimed, **far}, "failures": failures}

    def _apart(self, wanted: dict[str, T]) -> tuple[dict[str, T], dict[str, T]]:
        """(people of here, people of other servers)."""
        here = {user: value for user, value in wanted.items() if self._rooms.is_hosted(user)}
        return here, {user: value for user, value in wanted.items() if user not in here}

    @endpoint("GET", "/_matrix/client/v3/keys/changes")
    async def changes(self, request: Request) -> Answer:
        positions = []
        for name in ("from", "to"):
            text = request.query(name)
            if text is None:
                raise BadRequest(f"`{name}` is missing", "M_MISSING_PARAM")
            positions.append(parse_position(text))
        memberships = await self._rooms.memberships.of(request.user_id)
        changed, left = await self._device_lists.between(request.user_id, memberships, positions[0], positions[1], None, None)
        return {"changed": changed, "left": left}

    @endpoint(
        "POST",
        "/_matrix/client/v3/keys/device_signing/upload",
        "/_matrix/client/unstable/keys/device_signing/upload",
        limit="keys",
    )
    async def device_signing(self, request: Request) -> Answer:
        body = await request.json_object(canonical=True)
        user_id = request.user_id
        if await self._keys.has_cross_signing(user_id):
            if await self._keys.repeats_cross_signing_keys(user_id, body):
                return {}
            await self._uia.require_owner(request, "device_signing", body, resets_keys=True)
        else:
            await self._uia.require_for_first_keys(request, "device_signing", body)
        await self._keys.upload_cross_signing_keys(user_id, body)
        return {}

    @endpoint(
        "POST",
        "/_matrix/client/v3/keys/signatures/upload",
        "/_matrix/client/unstable/keys/signatures/upload",
        limit="keys",
        **_KEYS,
    )
    async def signatures(self, request: Request) -> Answer:
        body = await request.json_object(canonical=True)
        return {"failures": await self._keys.upload_signatures(request.user_id, body)}

    @endpoint("PUT", "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}", auth=GUEST_AUTH, limit="to_device", **_TO_DEVICES)
    async def send_to_device(self, request: Request) -> Answer:
        body = convert(await request.json_object(canonical=True), SendToDevice)
        for user in body.messages:
            parse_user_id(user)
        if any(user != request.user_id for user in body.messages):
            request.require_active()  # among one's own devices it goes on: they verify each other
        require_few_devices(sum(map(len, body.messages.values())))  # before anything is looked up
        event_type = request.params["eventType"]
        reached = await self._rooms.sight.reached(request.person, event_type, body.messages)
        messages = {user: body.messages[user] for user in reached}
        devices = await self._keys.device_ids(self._apart(messages)[0])
        txn = transaction_key(request, f"to_device\x1f{event_type}")

        def charge(size: int) -> None:
            if request.requester.is_limited:
                self._limits.check("to_device", request.user_label or request.network, size / BYTES_OF_A_REQUEST)

        await self._to_device.send(request.user_id, event_type, messages, devices, txn, charge)
        return {}
