"""Pushers (pusher.yaml)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.push.pushers import Pushers


class PushersApi:
    def __init__(self, pushers: Pushers) -> None:
        self._pushers = pushers

    @endpoint("GET", "/_matrix/client/v3/pushers", features=("org.matrix.msc3881",))
    async def list(self, request: Request) -> Answer:
        return {"pushers": await self._pushers.list(request.user_id)}

    @endpoint("POST", "/_matrix/client/v3/pushers/set", limit="account", body_limit=SMALL_LIMIT)
    async def set(self, request: Request) -> Answer:
        asks = request.requester
        await self._pushers.set(asks.user_id, asks.device_id, await request.json_object(), asks.session)
        return {}
