"""Filters that a user has defined (filter.yaml)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.filters.filters import Filters
from chappe.matrix.errors import Forbidden

_FILTER = "/_matrix/client/v3/user/{userId}/filter"


class FiltersApi:
    def __init__(self, filters: Filters) -> None:
        self._filters = filters

    @endpoint("POST", _FILTER, auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def define_filter(self, request: Request) -> Answer:
        _require_own(request)
        return {"filter_id": await self._filters.add(request.user_id, await request.json_object())}

    @endpoint("GET", _FILTER + "/{filterId}", auth=GUEST_AUTH)
    async def get_filter(self, request: Request) -> Answer:
        _require_own(request)
        return await self._filters.raw(request.user_id, request.params["filterId"])


def _require_own(request: Request) -> None:
    if request.params["userId"] != request.user_id:
        raise Forbidden("Filters are a user's own")
