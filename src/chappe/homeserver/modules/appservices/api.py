"""Networks reached through bridges (third_party_lookup.yaml, appservice_ping.yaml, appservice_room_directory.yaml)."""

from __future__ import annotations

import msgspec
import orjson

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.appservices.appservices import Appservices
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.identifiers import parse_room_id

_BASE = "/_matrix/client/v3/thirdparty"


class Ping(msgspec.Struct):
    transaction_id: str | None = None


class NetworkVisibility(msgspec.Struct):
    visibility: str


class ThirdPartyLookup:
    def __init__(self, appservices: Appservices) -> None:
        self._appservices = appservices

    @endpoint("GET", _BASE + "/protocols")
    async def protocols(self, request: Request) -> Answer:
        return await self._appservices.protocols()

    @endpoint("GET", _BASE + "/protocol/{protocol}")
    async def protocol(self, request: Request) -> Answer:
        return await self._appservices.protocol(request.params["protocol"])

    @endpoint("GET", _BASE + "/location/{protocol}", _BASE + "/location")
    async def location(self, request: Request) -> Answer:
        return await self._lookup(request, "location", "alias")

    @endpoint("GET", _BASE + "/user/{protocol}", _BASE + "/user")
    async def user(self, request: Request) -> Answer:
        return await self._lookup(request, "user", "userid")

    async def _lookup(self, request: Request, kind: str, key: str) -> Answer:
        name = request.params.get("protocol")
        query = {k: v for k, v in request.query_items().items() if k not in ("access_token", "user_id", "device_id")}
        if name is None and key not in query:
            raise BadRequest(f"`{key}` is missing", "M_MISSING_PARAM")
        return orjson.dumps(await self._appservices.lookup(kind, name, query))

    @endpoint("POST", "/_matrix/client/v1/appservice/{appserviceId}/ping", body_limit=SMALL_LIMIT)
    async def ping(self, request: Request) -> Answer:
        body = await request.body_as(Ping, optional=True)
        asker = request.requester.appservice
        return {"duration_ms": await self._appservices.ping(request.params["appserviceId"], asker, body.transaction_id)}

    @endpoint("PUT", "/_matrix/client/v3/directory/list/appservice/{networkId}/{roomId}", body_limit=SMALL_LIMIT)
    async def list_room(self, request: Request) -> Answer:
        wanted = (await request.body_as(NetworkVisibility)).visibility
        service = request.requester.appservice
        if service is None:
            raise Forbidden("Only application services may do this")
        if wanted not in ("public", "private"):
            raise BadRequest("`visibility` must be `public` or `private`", "M_INVALID_PARAM")
        room_id = parse_room_id(request.params["roomId"])
        network = request.params["networkId"]
        await self._appservices.list_room(request.user_id, service, network, room_id, wanted == "public")
        return {}
