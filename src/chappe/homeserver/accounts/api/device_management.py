"""Devices (device_management.yaml)."""

from __future__ import annotations

from typing import Any

import msgspec

from chappe.homeserver.accounts.session_rows import Device
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import GUEST_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys
from chappe.matrix.errors import BadRequest, NotFound

MAX_DISPLAY_NAME = 100


class UpdateDevice(msgspec.Struct):
    display_name: str | None = None


class DeleteDevices(msgspec.Struct):
    devices: list[str]


class DeviceManagement:
    def __init__(self, store: AccountStore, sessions: Sessions, uia: UserInteractiveAuth, keys: DeviceKeys) -> None:
        self._store, self._sessions, self._uia, self._keys = store, sessions, uia, keys

    @endpoint("GET", "/_matrix/client/v3/devices", auth=GUEST_AUTH)
    async def list(self, request: Request) -> Answer:
        return {"devices": [_device(row) for row in await self._store.sessions.devices(request.user_id)]}

    @endpoint("GET", "/_matrix/client/v3/devices/{deviceId}", auth=GUEST_AUTH)
    async def get(self, request: Request) -> Answer:
        row = await self._store.sessions.device(request.user_id, request.params["deviceId"])
        if row is None:
            raise NotFound("You have no such device")
        return _device(row)

    @endpoint("PUT", "/_matrix/client/v3/devices/{deviceId}", auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def update(self, request: Request) -> Answer:
        body = await request.body_as(UpdateDevice, optional=True)
        name = body.display_name
        if await self._made_for_service(request, name):
            return Response(201, b"{}")
        if name is not None and len(name) > MAX_DISPLAY_NAME:
            raise BadRequest(f"A device's name may have {MAX_DISPLAY_NAME} characters at most", "M_TOO_LARGE")
        if name is None:
            if await self._store.sessions.device(request.user_id, request.params["deviceId"]) is None:
                raise NotFound("You have no such device")
            return {}
        if not await self._store.sessions.rename_device(request.user_id, request.params["deviceId"], name):
            raise NotFound("You have no such device")
        await self._keys.device_renamed(request.user_id)
        return {}

    async def _made_for_service(self, request: Request, name: str | None) -> bool:
        """MSC4190: an application service makes devices for its users without signing in."""
        device_id, user_id = request.params["deviceId"], request.user_id
        if request.requester.appservice is None or await self._store.sessions.device(user_id, device_id) is not None:
            return False
        if not device_id or len(device_id) > 512:
            raise BadRequest("device_id must have 1 to 512 characters", "M_INVALID_PARAM")
        await self._store.sessions.put_device(user_id, device_id, name)
        await self._keys.device_renamed(user_id)
        return True

    @endpoint("DELETE", "/_matrix/client/v3/devices/{deviceId}", body_limit=SMALL_LIMIT)
    async def delete(self, request: Request) -> Answer:
        body = await request.json_object(optional=True)
        device = request.params["deviceId"]
        await self._uia.require_owner(request, f"delete_device {device}", body)
        await self._sessions.remove_devices(request.user_id, [device])
        return {}

    @endpoint("POST", "/_matrix/client/v3/delete_devices", body_limit=SMALL_LIMIT)
    async def delete_several(self, request: Request) -> Answer:
        body = await request.json_object()
        devices = convert(body, DeleteDevices).devices
        await self._uia.require_owner(request, "delete_devices", body)
        await self._sessions.remove_devices(request.user_id, devices)
        return {}


def _device(row: Device) -> dict[str, Any]:
    """Null where it is not known: bots (matrix-nio) refuse the whole list where one of the four is missing."""
    names = ("device_id", "display_name", "last_seen_ts", "last_seen_ip")
    return {name: getattr(row, name) for name in names}
