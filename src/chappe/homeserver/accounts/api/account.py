"""Managing one's account (password_management.yaml, account_deactivation.yaml)."""

from __future__ import annotations

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.endings import THEMSELVES
from chappe.homeserver.accounts.threepids import RESET
from chappe.homeserver.accounts.uia import EMAIL, UserInteractiveAuth
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.actions.reset_password import ResetPassword
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import OPTIONAL_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.errors import BadRequest


class Account:
    def __init__(
        self,
        accounts: Accounts,
        uia: UserInteractiveAuth,
        deactivate: DeactivateAccount,
        domains: Domains,
        reset_password: ResetPassword,
    ) -> None:
        self._accounts, self._uia, self._deactivate = accounts, uia, deactivate
        self._domains, self._reset_password = domains, reset_password

    @endpoint("POST", "/_matrix/client/v3/account/password", auth=OPTIONAL_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def password(self, request: Request) -> Answer:
        body = await request.json_object()
        password, logout = body.get("new_password"), body.get("logout_devices", True)
        if type(password) is not str and "auth" in body:
            raise BadRequest("`new_password` is missing", "M_MISSING_PARAM")
        if type(logout) is not bool:
            raise BadRequest("`logout_devices` must be true or false")
        if type(password) is str:
            self._accounts.passwords.check_strength(password)
        if request.optional_requester is None:
            domain = self._domains.of_host(request.host)
            facts = await self._uia.require(request, RESET, body, [[EMAIL]], None, domain)
            await self._reset_password.by_address(facts["email"], facts["sid"], str(password), logout)
            return {}
        proof = await self._uia.require_owner(request, "password", body)
        await self._reset_password(proof, str(password), request.requester.device_id if logout else None, logout)
        return {}

    @endpoint("POST", "/_matrix/client/v3/account/deactivate", limit="account", body_limit=SMALL_LIMIT)
    async def deactivate(self, request: Request) -> Answer:
        body = await request.json_object(optional=True)
        erase = body.get("erase", False)
        if type(erase) is not bool:
            raise BadRequest("`erase` must be true or false")
        await self._uia.require_owner(request, "deactivate", body)
        await self._deactivate(request.user_id, erase, THEMSELVES)
        return {"id_server_unbind_result": "success"}
