"""Account administration (admin.yaml)."""

from __future__ import annotations

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.matrix.errors import Forbidden, NotFound
from chappe.homeserver.matrix.identifiers import parse_user_id


class Admin:
    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts

    @endpoint("GET", "/_matrix/client/v3/admin/whois/{userId}")
    async def whois(self, request: Request) -> Answer:
        """One's own devices; administrators see everybody's."""
        user_id = parse_user_id(request.params["userId"])
        if user_id != request.user_id and not request.requester.is_admin:
            raise Forbidden("Only administrators of this server may do this")
        if await self._accounts.find_user(user_id) is None:
            raise NotFound("There is no such person here")
        devices = {}
        for row in await self._accounts.devices(user_id):
            seen = {"ip": row["last_seen_ip"], "last_seen": row["last_seen_ts"]}
            connections = [seen] if row["last_seen_ts"] is not None else []
            devices[row["device_id"]] = {"sessions": [{"connections": connections}]}
        return {"user_id": user_id, "devices": devices}
