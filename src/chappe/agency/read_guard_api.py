"""The read guard for administrators: who read too much, and letting them go on."""

from __future__ import annotations

from chappe.agency.read_guard import ReadGuard
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import ADMIN_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.matrix.errors import NotFound
from chappe.homeserver.matrix.identifiers import parse_user_id

_ADMIN = "/_chappe/admin/v1/read_guard"


class ReadGuardApi:
    def __init__(self, guard: ReadGuard, accounts: Accounts) -> None:
        self._guard, self._accounts = guard, accounts

    @endpoint("GET", _ADMIN + "/alerts", auth=ADMIN_AUTH, api="admin")
    async def alerts(self, request: Request) -> Answer:
        return {"alerts": await self._guard.alerts(request.query_int("limit", 100, 1, 1000))}

    @endpoint("POST", _ADMIN + "/release/{userId}", auth=ADMIN_AUTH, does="unlock", body_limit=SMALL_LIMIT, api="admin")
    async def release(self, request: Request) -> Answer:
        """Unlocks a frozen account; what it has read is forgotten."""
        user_id = parse_user_id(request.params["userId"])
        if await self._accounts.store.find_user(user_id) is None:
            raise NotFound("There is no such account")
        await self._guard.forgive(user_id)
        await self._accounts.set_state(user_id, locked=False)
        return {}
