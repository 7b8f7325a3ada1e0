"""Account administration (admin.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.store import User
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import ADMIN_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.policy.acts import locking
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.identifiers import parse_user_id


class LockRequest(msgspec.Struct):
    locked: bool


class SuspendRequest(msgspec.Struct):
    suspended: bool


class Admin:
    """`asks_proofs`: what is done to another administrator has been agreed to, or proven, when it comes here."""

    def __init__(self, accounts: Accounts, sessions: Sessions, asks_proofs: bool) -> None:
        self._changes, self._accounts, self._sessions = accounts, accounts.store, sessions
        self._asks_proofs = asks_proofs

    @endpoint("GET", "/_matrix/client/v1/admin/lock/{userId}", auth=ADMIN_AUTH)
    async def is_locked(self, request: Request) -> Answer:
        return {"locked": (await self._require(request)).locked}

    @endpoint("PUT", "/_matrix/client/v1/admin/lock/{userId}", auth=ADMIN_AUTH, does=locking, body_limit=SMALL_LIMIT)
    async def lock(self, request: Request) -> Answer:
        body, user = await request.body_as(LockRequest), await self._require(request, changes=True)
        await self._changes.set_state(user.user_id, locked=body.locked)
        return {"locked": body.locked}

    @endpoint("GET", "/_matrix/client/v1/admin/suspend/{userId}", auth=ADMIN_AUTH)
    async def is_suspended(self, request: Request) -> Answer:
        return {"suspended": (await self._require(request)).suspended}

    @endpoint("PUT", "/_matrix/client/v1/admin/suspend/{userId}", auth=ADMIN_AUTH, does="suspend", body_limit=SMALL_LIMIT)
    async def suspend(self, request: Request) -> Answer:
        body, user = await request.body_as(SuspendRequest), await self._require(request, changes=True)
        await self._changes.set_state(user.user_id, suspended=body.suspended)
        return {"suspended": body.suspended}

    async def _require(self, request: Request, changes: bool = False) -> User:
        """Raises M_NOT_FOUND, and M_FORBIDDEN for changing oneself, or another administrator where nothing else is asked."""
        user_id = parse_user_id(request.params["userId"])
        user = await self._accounts.find_user(user_id)
        if user is None or user.deactivated:
            raise NotFound("There is no such person here")
        if changes and ((user.is_admin and not self._asks_proofs) or user_id == request.user_id):
            raise Forbidden("Administrators cannot be locked or suspended: take the role away first")
        return user

    @endpoint("GET", "/_matrix/client/v3/admin/whois/{userId}")
    async def whois(self, request: Request) -> Answer:
        """One's own devices; administrators see everybody's."""
        user_id = parse_user_id(request.params["userId"])
        if user_id != request.user_id and not request.requester.is_admin:
            raise Forbidden("Only administrators of this server may do this")
        if await self._accounts.find_user(user_id) is None:
            raise NotFound("There is no such person here")
        return await self._sessions.whois(user_id)
