"""Networks reached through bridges (third_party_lookup.yaml). None is connected, and the answers say so."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.matrix.errors import NotFound

_BASE = "/_matrix/client/v3/thirdparty"


class ThirdPartyLookup:
    @endpoint("GET", _BASE + "/protocols")
    async def protocols(self, request: Request) -> Answer:
        return {}

    @endpoint("GET", _BASE + "/protocol/{protocol}", _BASE + "/location/{protocol}", _BASE + "/user/{protocol}")
    async def by_protocol(self, request: Request) -> Answer:
        raise NotFound("No bridge to this network is connected")

    @endpoint("GET", _BASE + "/location", _BASE + "/user")
    async def by_name(self, request: Request) -> Answer:
        raise NotFound("No bridge is connected")
