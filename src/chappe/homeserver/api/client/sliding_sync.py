"""Simplified sliding sync (MSC4186 in the dialect that clients send today)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.sync.sliding.engine import SlidingSync
from chappe.homeserver.sync.sliding.request import parse_sliding_request


class SlidingSyncApi:
    def __init__(self, engine: SlidingSync) -> None:
        self._engine = engine

    @endpoint(
        "POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", auth=GUEST_AUTH, body_limit=4 * SMALL_LIMIT,
        features=("org.matrix.simplified_msc3575",),
    )  # fmt: skip
    async def sync(self, request: Request) -> Answer:
        request.query_choice("set_presence", ("online", "offline", "unavailable"), "online")
        timeout = request.query_int("timeout", 0)
        body = parse_sliding_request(await request.json_object(optional=True))
        return await self._engine.sync(request, body, request.query("pos") or None, timeout)
