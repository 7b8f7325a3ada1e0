"""Devices and keys of the hosted domains' people (user_devices.yaml, user_keys.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys, require_few
from chappe.homeserver.rooms.sight import Sight
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.identifiers import domain_of, parse_user_id

T = TypeVar("T")
_V1 = "/_matrix/federation/v1/user"
_MANY: dict[str, Any] = {"body_limit": 1 << 20, "body_reason": "everybody of here in a large room"}


class UserKeysQuery(msgspec.Struct):
    device_keys: dict[str, list[str]]


class Claim(msgspec.Struct):
    one_time_keys: dict[str, dict[str, str]]


class UserKeys:
    def __init__(self, keys: DeviceKeys, sight: Sight, shows_names: bool) -> None:
        """`shows_names`: whether other servers are told what people call their devices."""
        self._keys, self._sight, self._shows_names = keys, sight, shows_names

    async def _known(self, request: Request, wanted: Mapping[str, T]) -> dict[str, T]:
        """Those of the wanted people whom the asking server may look up. Raises M_FORBIDDEN for people of elsewhere."""
        _require_own(wanted, request)
        return {user: wanted[user] for user in await self._sight.known(request.reader, wanted)}

    async def _keys_of(self, users: dict[str, list[str]]) -> dict[str, Any]:
        answer = await self._keys.query("", users)
        if not self._shows_names:
            for devices in answer["device_keys"].values():
                for device, keys in devices.items():
                    devices[device] = {name: value for name, value in keys.items() if name != "unsigned"}
        return answer

    @endpoint("GET", _V1 + "/devices/{userId}", auth=SERVER_AUTH, api="federation")
    async def devices(self, request: Request) -> Answer:
        user_id = parse_user_id(request.params["userId"])
        if not await self._known(request, {user_id: None}):
            raise NotFound("There is no such person here")
        stream_id = await self._keys.list_changed_at(user_id)
        answer = await self._keys_of({user_id: []})
        devices = [
            {"device_id": device, "keys": {k: v for k, v in keys.items() if k != "unsigned"}, **_name(keys)}
            for device, keys in answer["device_keys"].get(user_id, {}).items()
        ]
        result: dict[str, Any] = {"user_id": user_id, "stream_id": stream_id, "devices": devices}
        for field in ("master", "self_signing"):
            if (key := answer[f"{field}_keys"].get(user_id)) is not None:
                result[f"{field}_key"] = key
        return result

    @endpoint("POST", _V1 + "/keys/query", auth=SERVER_AUTH, api="federation", **_MANY)
    async def query(self, request: Request) -> Answer:
        body = convert(await request.json_object(), UserKeysQuery)
        require_few(body.device_keys)
        answer = await self._keys_of(await self._known(request, body.device_keys))
        return {name: answer[name] for name in ("device_keys", "master_keys", "self_signing_keys")}

    @endpoint("POST", _V1 + "/keys/claim", auth=SERVER_AUTH, api="federation", **_MANY)
    async def claim(self, request: Request) -> Answer:
        body = convert(await request.json_object(), Claim)
        require_few(body.one_time_keys)
        return {"one_time_keys": await self._keys.claim(await self._known(request, body.one_time_keys))}


def _name(keys: dict[str, Any]) -> dict[str, str]:
    name = keys.get("unsigned", {}).get("device_display_name")
    return {} if name is None else {"device_display_name": name}


def _require_own(users: Any, request: Request) -> None:
    for user in users:
        if domain_of(parse_user_id(user)) != request.destination:
            raise Forbidden(f"{user} is not of {request.destination}")
