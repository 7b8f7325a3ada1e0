"""Signing in and out (login.yaml, logout.yaml, refresh.yaml, whoami.yaml)."""

from __future__ import annotations

from typing import Any

import msgspec

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.matrix.errors import BadRequest, Forbidden
from chappe.homeserver.matrix.identifiers import UserId
from chappe.homeserver.outbound.domains import Domains


class LoginRequest(msgspec.Struct):
    type: str
    identifier: dict[str, Any] | None = None
    user: str | None = None
    medium: str | None = None
    address: str | None = None
    password: str | None = None
    device_id: str | None = None
    initial_device_display_name: str | None = None
    refresh_token: bool = False


class RefreshRequest(msgspec.Struct):
    refresh_token: str


class Login:
    def __init__(self, accounts: Accounts, sessions: Sessions, domains: Domains, limits: RateLimits) -> None:
        self._accounts, self._sessions, self._domains, self._limits = accounts, sessions, domains, limits

    @endpoint("GET", "/_matrix/client/v3/login", auth=NO_AUTH)
    async def flows(self, request: Request) -> Answer:
        return {"flows": [{"type": "m.login.password"}]}

    @endpoint("POST", "/_matrix/client/v3/login", auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
    async def login(self, request: Request) -> Answer:
        body = await request.body_as(LoginRequest)
        if body.type != "m.login.password":
            raise BadRequest(f"Signing in by {body.type[:60]!r} is not offered here", "M_UNKNOWN")
        identifier = body.identifier
        if identifier is None and body.user is not None:
            identifier = {"type": "m.id.user", "user": body.user}
        if identifier is None and body.address is not None:
            identifier = {"type": "m.id.thirdparty", "medium": body.medium, "address": body.address}
        if identifier is None or body.password is None:
            raise BadRequest("User and password are needed", "M_MISSING_PARAM")
        domain = self._domains.of_host(request.host)
        user_id = await self._accounts.identify(identifier, domain)
        self._limits.check("failed_login", user_id, 0)
        try:
            user = await self._accounts.check_password(user_id, body.password)
        except Forbidden:
            self._limits.check("failed_login", user_id)
            raise
        tokens = await self._sessions.sign_in(
            UserId(user.user_id), body.device_id, body.initial_device_display_name, body.refresh_token
        )
        return {**tokens.answer(), "home_server": user.server_name}

    @endpoint("POST", "/_matrix/client/v3/refresh", "/_matrix/client/v1/refresh", auth=NO_AUTH, limit="login")
    async def refresh(self, request: Request) -> Answer:
        body = await request.body_as(RefreshRequest)
        answer = (await self._sessions.refresh(body.refresh_token)).answer()
        return {key: answer[key] for key in ("access_token", "refresh_token", "expires_in_ms")}

    @endpoint("POST", "/_matrix/client/v3/logout", auth=GUEST_AUTH)
    async def logout(self, request: Request) -> Answer:
        await self._sessions.remove_devices(request.user_id, [request.requester.device_id])
        return {}

    @endpoint("POST", "/_matrix/client/v3/logout/all", auth=GUEST_AUTH)
    async def logout_all(self, request: Request) -> Answer:
        await self._sessions.remove_all_devices(request.user_id)
        return {}

    @endpoint("GET", "/_matrix/client/v3/account/whoami", auth=GUEST_AUTH)
    async def whoami(self, request: Request) -> Answer:
        requester = request.requester
        return {"user_id": requester.user_id, "device_id": requester.device_id, "is_guest": requester.is_guest}
