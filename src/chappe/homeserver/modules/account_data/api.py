"""Account data and tags (account-data.yaml, tags.yaml)."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, Answer, endpoint
from chappe.homeserver.modules.account_data.account_data import GLOBAL, MAX_BYTES, AccountData, Made
from chappe.matrix.canonical_json import check_depth
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.identifiers import parse_room_id

_USER = "/_matrix/client/v3/user/{userId}"
_MSC3391 = "/_matrix/client/unstable/org.matrix.msc3391/user/{userId}"
_BODY: dict[str, Any] = {"body_limit": MAX_BYTES + 1024, "body_reason": "what clients keep, such as all direct chats"}


class AccountDataApi:
    """`made`: global types whose content another part makes, by user id."""

    def __init__(self, account_data: AccountData, made: Made) -> None:
        self._account_data, self._made = account_data, made

    @endpoint("GET", _USER + "/account_data/{type}", auth=GUEST_AUTH)
    async def get(self, request: Request) -> Answer:
        _require_own(request)
        kind = request.params["type"]
        if kind in self._made:
            return await self._made[kind](request.user_id)
        return await self._account_data.get(request.user_id, GLOBAL, kind)

    @endpoint("PUT", _USER + "/account_data/{type}", auth=GUEST_AUTH, **_BODY)
    async def set(self, request: Request) -> Answer:
        _require_own(request)
        content = await request.json_object()
        check_depth(content)
        await self._account_data.set(request.user_id, GLOBAL, request.params["type"], content)
        return {}

    @endpoint(
        "DELETE",
        _USER + "/account_data/{type}",
        _MSC3391 + "/account_data/{type}",
        auth=GUEST_AUTH,
        features=("org.matrix.msc3391",),
    )
    async def delete(self, request: Request) -> Answer:
        _require_own(request)
        await self._account_data.delete(request.user_id, GLOBAL, request.params["type"])
        return {}

    @endpoint(
        "DELETE",
        _USER + "/rooms/{roomId}/account_data/{type}",
        _MSC3391 + "/rooms/{roomId}/account_data/{type}",
        auth=GUEST_AUTH,
    )
    async def delete_of_room(self, request: Request) -> Answer:
        _require_own(request)
        room_id = parse_room_id(request.params["roomId"])
        await self._account_data.delete(request.user_id, room_id, request.params["type"])
        return {}

    @endpoint("GET", _USER + "/rooms/{roomId}/account_data/{type}", auth=GUEST_AUTH)
    async def get_of_room(self, request: Request) -> Answer:
        _require_own(request)
        room_id = parse_room_id(request.params["roomId"])
        return await self._account_data.get(request.user_id, room_id, request.params["type"])

    @endpoint("PUT", _USER + "/rooms/{roomId}/account_data/{type}", auth=GUEST_AUTH, **_BODY)
    async def set_of_room(self, request: Request) -> Answer:
        _require_own(request)
        content = await request.json_object()
        room_id = parse_room_id(request.params["roomId"])
        await self._account_data.set(request.user_id, room_id, request.params["type"], content)
        return {}

    @endpoint("GET", _USER + "/rooms/{roomId}/tags", auth=GUEST_AUTH)
    async def tags(self, request: Request) -> Answer:
        _require_own(request)
        return {"tags": await self._account_data.tags(request.user_id, parse_room_id(request.params["roomId"]))}

    @endpoint("PUT", _USER + "/rooms/{roomId}/tags/{tag}", auth=GUEST_AUTH)
    async def set_tag(self, request: Request) -> Answer:
        _require_own(request)
        body = await request.json_object()
        order = body.get("order")
        if order is not None and type(order) not in (int, float):
            raise BadRequest("`order` must be a number")
        room_id = parse_room_id(request.params["roomId"])
        await self._account_data.set_tag(request.user_id, room_id, request.params["tag"], body)
        return {}

    @endpoint("DELETE", _USER + "/rooms/{roomId}/tags/{tag}", auth=GUEST_AUTH)
    async def delete_tag(self, request: Request) -> Answer:
        _require_own(request)
        room_id = parse_room_id(request.params["roomId"])
        await self._account_data.set_tag(request.user_id, room_id, request.params["tag"], None)
        return {}


def _require_own(request: Request) -> None:
    if request.params["userId"] != request.user_id:
        raise Forbidden("You may use your own account data only")
