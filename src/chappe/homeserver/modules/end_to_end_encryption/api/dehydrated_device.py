"""Dehydrated devices (MSC3814)."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson

from chappe.homeserver.actions.dehydrate_device import DehydrateDevice
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.matrix.errors import BadRequest

_DEVICE = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"
_CURSOR = re.compile(r"d([0-9]{1,18})")
PAGE = 100


class Dehydrated(msgspec.Struct):
    device_id: str
    device_data: dict[str, Any]
    initial_device_display_name: str | None = None


class DehydratedDevice:
    def __init__(self, dehydrate: DehydrateDevice) -> None:
        self._dehydrate = dehydrate

    @endpoint(
        "PUT",
        _DEVICE,
        limit="keys",
        features=("org.matrix.msc3814",),
        body_limit=1 << 18,
        body_reason="a device with its one-time keys",
    )
    async def put(self, request: Request) -> Answer:
        body = await request.json_object(canonical=True)
        wanted = convert(body, Dehydrated)
        await self._dehydrate.put(
            request.user_id, wanted.device_id, wanted.device_data, wanted.initial_device_display_name, body
        )
        return {"device_id": wanted.device_id}

    @endpoint("GET", _DEVICE)
    async def get(self, request: Request) -> Answer:
        device_id, data = await self._dehydrate.get(request.user_id)
        return {"device_id": device_id, "device_data": orjson.Fragment(data)}

    @endpoint("DELETE", _DEVICE)
    async def delete(self, request: Request) -> Answer:
        return {"device_id": await self._dehydrate.delete(request.user_id)}

    @endpoint("GET", _DEVICE + "/{deviceId}/events")
    async def events(self, request: Request) -> Answer:
        answer, more = await self._events(request, request.query("from"))
        return answer | ({"next_batch": more} if answer["events"] and more else {})

    @endpoint("POST", _DEVICE + "/{deviceId}/events")
    async def events_in_the_earlier_form(self, request: Request) -> Answer:
        """With the token in the body, and a token in every answer; an empty list is the end."""
        start = (await request.json_object(optional=True)).get("next_batch")
        if start is not None and type(start) is not str:
            raise BadRequest("`next_batch` must be a string")
        answer, more = await self._events(request, start)
        return answer | {"next_batch": more or start or "d0"}

    async def _events(self, request: Request, start: str | None) -> tuple[dict[str, Any], str | None]:
        cursor = 0
        if start:
            match = _CURSOR.fullmatch(start)
            if match is None:
                raise BadRequest("This is not a token of this list", "M_INVALID_PARAM")
            cursor = int(match[1])
        inbox = await self._dehydrate.events(request.user_id, request.params["deviceId"], cursor, PAGE)
        more = f"d{inbox.cursor}" if inbox.messages and (len(inbox.messages) == PAGE or request.method == "POST") else None
        return {"events": [orjson.Fragment(message) for message in inbox.messages]}, more
