"""Signing in and out (login.yaml, logout.yaml, refresh.yaml, whoami.yaml)."""

from __future__ import annotations

from typing import Any

import msgspec

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.login_tokens import LIFETIME_MS, LoginTokens
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.accounts.session_store import InTransaction, Origin
from chappe.homeserver.accounts.sessions import NO_ORIGIN, Sessions
from chappe.homeserver.accounts.single_sign_on.providers import Providers
from chappe.homeserver.accounts.store import User
from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.actions.sign_in_upstream import CheckPassword
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.identifiers import UserId, domain_of


class LoginRequest(msgspec.Struct):
    type: str
    identifier: dict[str, Any] | None = None
    user: str | None = None
    medium: str | None = None
    address: str | None = None
    password: str | None = None
    token: str | None = None
    device_id: str | None = None
    initial_device_display_name: str | None = None
    refresh_token: bool = False


class RefreshRequest(msgspec.Struct):
    refresh_token: str


class Login:
    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        domains: Domains,
        guesses: Guesses,
        login_tokens: LoginTokens,
        factors: SecondFactors,
        providers: Providers,
        uia: UserInteractiveAuth,
        check_password: CheckPassword,
    ) -> None:
        self._accounts, self._sessions, self._domains, self._guesses = accounts, sessions, domains, guesses
        self._login_tokens, self._factors, self._providers, self._uia = login_tokens, factors, providers, uia
        self._check_password = check_password

    @endpoint("GET", "/_matrix/client/v3/login", auth=NO_AUTH)
    async def flows(self, request: Request) -> Answer:
        domain = self._domains.of_host(request.host)
        providers = [{"id": p.id, "name": p.name} | ({"icon": p.icon} if p.icon else {}) for p in self._providers.of(domain)]
        sso: dict[str, Any] = {"type": "m.login.sso", "identity_providers": providers}
        if providers:  # clients then offer this flow alone, which without a provider would take the password form away
            sso |= {"oauth_aware_preferred": True, "org.matrix.msc3824.delegated_oidc_compatibility": True}
        return {
            "flows": [
                {"type": "m.login.password"},
                sso,
                {"type": "m.login.token", "get_login_token": True},
                {"type": "m.login.application_service"},
            ]
        }

    @endpoint("POST", "/_matrix/client/v3/login", auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
    async def login(self, request: Request) -> Answer:
        body = await request.body_as(LoginRequest)
        if body.type == "m.login.token":
            with self._guesses.counted(request):
                return await self._by_token(body, request.header(b"user-agent"))
        if body.type in ("m.login.application_service", "uk.half-shot.msc2778.login.application_service"):
            return await self._as_service(request, body)
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
        claimed = await self._check_password.claim(identifier, domain)
        with self._guesses.counted(request, claimed.guessed):
            user, _ = await self._check_password(claimed, body.password)
        required = self._factors.are_required(user.server_name, user.is_admin)
        if required or (await self._factors.of(user.user_id)).any:  # a directory's password is no more than one of ours
            raise Forbidden("This account needs a second factor: please sign in through the sign-in page")
        # a directory's password is asked there: there is nothing of it here that could change meanwhile
        password_hash, program = None if claimed.entry else user.password_hash, request.header(b"user-agent")
        return await self._sign_in(user, body, Origin(password_hash=password_hash, program=program))

    async def _sign_in(
        self, user: User, body: LoginRequest, origin: Origin = NO_ORIGIN, beside: InTransaction | None = None
    ) -> Answer:
        if user.locked:
            raise MatrixError(401, "M_USER_LOCKED", "This account is locked: ask your administrator", soft_logout=True)
        tokens = await self._sessions.sign_in(
            UserId(user.user_id), body.device_id, body.initial_device_display_name, body.refresh_token, origin, beside
        )
        return {**tokens.answer(), "home_server": user.server_name}

    async def _by_token(self, body: LoginRequest, program: str | None) -> Answer:
        if body.token is None:
            raise BadRequest("The token is missing", "M_MISSING_PARAM")
        carried = await self._login_tokens.find(body.token)
        user = await self._accounts.store.find_user(carried.user_id)
        if user is None or user.deactivated:
            raise Forbidden("This account has been deactivated", "M_USER_DEACTIVATED")
        origin = Origin(browser=carried.browser, parent=carried.parent, program=program)
        return await self._sign_in(user, body, origin, self._login_tokens.spend(body.token))

    async def _as_service(self, request: Request, body: LoginRequest) -> Answer:
        requester = await self._sessions.authenticate(request)
        if requester.appservice is None:
            raise Forbidden("Only application services may sign in like this")
        identifier = body.identifier or {"type": "m.id.user", "user": body.user or requester.user_id}
        user_id = await self._accounts.identify(identifier, domain_of(requester.user_id))
        service = self._sessions.services.require(requester.appservice)
        if not service.has_user(user_id):
            raise Forbidden("This user is outside the application service's namespace", "M_EXCLUSIVE")
        user = await self._accounts.store.find_user(user_id)
        if user is None or user.deactivated:
            raise Forbidden("There is no such user")
        service.require_answers_for(user)
        return await self._sign_in(user, body)

    @endpoint("POST", "/_matrix/client/v1/login/get_token", limit="login", body_limit=SMALL_LIMIT)
    async def get_token(self, request: Request) -> Answer:
        """A session lets another device sign in, after its owner has proven who they are."""
        body = await request.json_object(optional=True)
        await self._uia.require_owner(request, "login_token", body)
        user_id, session = request.user_id, request.requester.session
        device_id = session[1] if session is not None else None
        browser = None
        if device_id is not None:
            browser = await self._accounts.store.sessions.browser_of_device(user_id, device_id)  # whoever ends that, ends both
        return {"login_token": await self._login_tokens.new(user_id, device_id, browser), "expires_in_ms": LIFETIME_MS}

    @endpoint("POST", "/_matrix/client/v3/refresh", "/_matrix/client/v1/refresh", auth=NO_AUTH, limit="login")
    async def refresh(self, request: Request) -> Answer:
        body = await request.body_as(RefreshRequest)
        answer = (await self._sessions.refresh(body.refresh_token)).answer()
        return {key: answer[key] for key in ("access_token", "refresh_token", "expires_in_ms")}

    @endpoint("POST", "/_matrix/client/v3/logout", auth=GUEST_AUTH, when_locked=True)
    async def logout(self, request: Request) -> Answer:
        await self._sessions.remove_devices(request.user_id, [request.requester.device_id])
        return {}

    @endpoint("POST", "/_matrix/client/v3/logout/all", auth=GUEST_AUTH, when_locked=True)
    async def logout_all(self, request: Request) -> Answer:
        await self._accounts.states.enter(request.user_id, AccountState.SIGNED_OUT_EVERYWHERE)
        return {}

    @endpoint("GET", "/_matrix/client/v3/account/whoami", auth=GUEST_AUTH)
    async def whoami(self, request: Request) -> Answer:
        requester = request.requester
        return {"user_id": requester.user_id, "device_id": requester.device_id, "is_guest": requester.is_guest}
