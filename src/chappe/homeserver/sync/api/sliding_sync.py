"""Simplified sliding sync (MSC4186 in the dialect that clients send today)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, Answer, endpoint
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.sync.sliding.engine import SlidingSync
from chappe.homeserver.sync.sliding.request import parse_sliding_request


class SlidingSyncApi:
    def __init__(self, engine: SlidingSync, presence: Presence) -> None:
        self._engine, self._presence = engine, presence

    @endpoint(
        "POST",
        "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync",
        auth=GUEST_AUTH,
        body_limit=1 << 20,
        body_reason="subscriptions to thousands of rooms",
        features=("org.matrix.simplified_msc3575",),
    )
    async def sync(self, request: Request) -> Answer:
        presence = request.query_choice("set_presence", ("online", "offline", "unavailable"), "online")
        timeout = request.query_int("timeout", 0)
        body = parse_sliding_request(await request.json_object(optional=True))
        self._presence.began(request.user_id, request.requester.device_id, presence)
        try:
            return await self._engine.sync(request, body, request.query("pos") or None, timeout)
        finally:
            self._presence.ended(request.user_id, request.requester.device_id)
