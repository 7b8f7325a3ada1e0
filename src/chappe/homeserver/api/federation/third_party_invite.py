"""Invitations by address across servers (third_party_invite.yaml)."""

from __future__ import annotations

from typing import Any

import msgspec

from chappe.homeserver.actions.exchange_invites import ExchangeInvites
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import EVENT_BODY, NO_AUTH, SERVER_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.identifiers import parse_room_id

_V1 = "/_matrix/federation/v1"


class Bound(msgspec.Struct):
    medium: str
    address: str
    mxid: str
    invites: list[Any]


class ThirdPartyInviteApi:
    def __init__(self, exchange: ExchangeInvites) -> None:
        self._exchange = exchange

    @endpoint("PUT", _V1 + "/exchange_third_party_invite/{roomId}", auth=SERVER_AUTH, api="federation", **EVENT_BODY)
    async def exchange(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        await self._exchange.exchange(request.origin, room_id, await request.json_object())
        return {}

    @endpoint("POST", _V1 + "/3pid/onbind", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT, api="federation")
    @endpoint("PUT", _V1 + "/3pid/onbind", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT, api="federation")
    async def on_bind(self, request: Request) -> Answer:
        body = await request.body_as(Bound)
        await self._exchange.on_bind(body.mxid, body.invites)
        return {}
