"""`/sync` (sync.yaml)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, Answer, endpoint
from chappe.homeserver.modules.filters.filters import Filters
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.sync.engine import SyncEngine, SyncRequest
from chappe.homeserver.sync.token import parse_sync_token
from chappe.matrix.canonical_json import parse_json
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.filters import NO_FILTER, Filter, parse_new_filter


class Sync:
    def __init__(self, engine: SyncEngine, filters: Filters, presence: Presence) -> None:
        self._engine, self._filters, self._presence = engine, filters, presence

    @endpoint("GET", "/_matrix/client/v3/sync", auth=GUEST_AUTH, features=("org.matrix.msc4222",))
    async def sync(self, request: Request) -> Answer:
        since = request.query("since")
        presence = request.query_choice("set_presence", ("online", "offline", "unavailable"), "online")
        unstable = request.query_bool("org.matrix.msc4222.use_state_after")
        state_after = "state_after" if request.query_bool("use_state_after") else None
        wanted = SyncRequest(
            since=parse_sync_token(since) if since else None,
            timeout_ms=request.query_int("timeout", 0),
            filter=await self._filter(request),
            full_state=request.query_bool("full_state"),
            state_after=state_after or ("org.matrix.msc4222.state_after" if unstable else None),
        )
        await request.body()
        self._presence.began(request.user_id, request.requester.device_id, presence)
        try:
            return await self._engine.sync(request, wanted)
        finally:
            self._presence.ended(request.user_id, request.requester.device_id)

    async def _filter(self, request: Request) -> Filter:
        text = request.query("filter")
        if not text:
            return NO_FILTER
        if text.startswith("{"):
            return parse_new_filter(parse_json(text.encode()))
        try:
            return await self._filters.get(request.user_id, text)
        except NotFound:
            # a parameter, and not the path, names what is not there
            raise BadRequest("There is no such filter", "M_INVALID_PARAM") from None
