"""Managing one's account (password_management.yaml, account_deactivation.yaml, administrative_contact.yaml)."""

from __future__ import annotations

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.uia import PASSWORD, UserInteractiveAuth
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.matrix.errors import BadRequest
from chappe.homeserver.matrix.identifiers import domain_of


class Account:
    def __init__(
        self, accounts: Accounts, sessions: Sessions, uia: UserInteractiveAuth, deactivate: DeactivateAccount
    ) -> None:
        self._accounts, self._sessions, self._uia, self._deactivate = accounts, sessions, uia, deactivate

    @endpoint("POST", "/_matrix/client/v3/account/password", limit="account", body_limit=SMALL_LIMIT)
    async def password(self, request: Request) -> Answer:
        body = await request.json_object()
        password, logout = body.get("new_password"), body.get("logout_devices", True)
        if type(password) is not str and "auth" in body:
            raise BadRequest("`new_password` is missing", "M_MISSING_PARAM")
        if type(logout) is not bool:
            raise BadRequest("`logout_devices` must be true or false")
        user_id = request.user_id
        if type(password) is str:
            self._accounts.passwords.check_strength(password)
        await self._uia.require("password", body, [[PASSWORD]], user_id, domain_of(user_id))
        await self._accounts.change(user_id, password=password)
        if logout:
            await self._sessions.remove_all_devices(user_id, but=request.requester.device_id)
        return {}

    @endpoint("POST", "/_matrix/client/v3/account/deactivate", limit="account", body_limit=SMALL_LIMIT)
    async def deactivate(self, request: Request) -> Answer:
        body = await request.json_object(optional=True)
        erase = body.get("erase", False)
        if type(erase) is not bool:
            raise BadRequest("`erase` must be true or false")
        await self._uia.require("deactivate", body, [[PASSWORD]], request.user_id, domain_of(request.user_id))
        await self._deactivate(request.user_id, erase)
        return {"id_server_unbind_result": "success"}

    @endpoint("GET", "/_matrix/client/v3/account/3pid")
    async def threepids(self, request: Request) -> Answer:
        return {"threepids": [dict(row) for row in await self._accounts.store.threepids(request.user_id)]}
