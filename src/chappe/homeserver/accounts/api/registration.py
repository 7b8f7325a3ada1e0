"""`POST /register` and its companions (registration.yaml, registration_tokens.yaml)."""

from __future__ import annotations

from typing import Any

import msgspec

from chappe.config import Registration as Settings
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.answered import Answered
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.threepids import Threepids
from chappe.homeserver.accounts.uia import DUMMY, EMAIL, REGISTRATION_TOKEN, UserInteractiveAuth
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.rooms.sight import Sight
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.identifiers import domain_of
from chappe.matrix.reader import Finds, Guest


class RegisterRequest(msgspec.Struct):
    username: str | None = None
    password: str | None = None
    device_id: str | None = None
    initial_device_display_name: str | None = None
    inhibit_login: bool = False
    refresh_token: bool = False
    type: str | None = None


class Registration:
    def __init__(
        self,
        settings: Settings,
        accounts: Accounts,
        sessions: Sessions,
        uia: UserInteractiveAuth,
        domains: Domains,
        sight: Sight,
        threepids: Threepids,
        bind_threepid: BindThreepid,
        guesses: Guesses,
        now_ms: NowMs,
    ) -> None:
        self._guesses, self._answered = guesses, Answered(now_ms)
        self._settings, self._accounts, self._sessions = settings, accounts, sessions
        self._uia, self._domains, self._sight = uia, domains, sight
        self._threepids, self._bind_threepid, self._now_ms = threepids, bind_threepid, now_ms

    @endpoint("POST", "/_matrix/client/v3/register", auth=NO_AUTH, limit="register", body_limit=SMALL_LIMIT)
    async def register(self, request: Request) -> Answer:
        raw = await request.json_object(optional=True)
        body = convert(raw, RegisterRequest)
        kind = request.query_choice("kind", ("user", "guest"), "user")
        domain = self._domains.of_host(request.host)
        if body.type in ("m.login.application_service", "uk.half-shot.msc2778.login.application_service"):
            return await self._as_service(request, body)
        if kind == "guest":
            return await self._guest(body, domain)
        if (known := self._answered.find(raw)) is not None:
            return known
        return self._answered.keep(raw, await self._register(request, raw, body, domain))

    async def _register(self, request: Request, raw: dict[str, Any], body: RegisterRequest, domain: str) -> dict[str, Any]:
        first = await self._accounts.first_administrator_token() is not None
        if not (self._settings.open or self._settings.by_token or self._settings.email_required or first):
            raise Forbidden("Registration is closed: ask your administrator for an account")
        user_id = self._accounts.user_id_for(body.username or self._accounts.free_localpart(), domain)
        self._sessions.services.require_user_free(user_id, None)
        if body.username is not None:
            await self._accounts.require_available(user_id)
        if body.password is not None:
            self._accounts.passwords.check_strength(body.password)
        flows = self._flows(first)
        facts = await self._uia.require(request, "register", raw, flows, None, domain)
        if body.password is None:
            raise BadRequest("A password is needed", "M_MISSING_PARAM")
        address = facts.get("email")
        if address is not None:
            await self._use_proof(address, facts["sid"])
        user_id = await self._accounts.user_id_of(facts, domain) or user_id
        administrator = await self._use_token(facts.get("registration_token"), first)
        await self._accounts.register(user_id, body.password, is_admin=administrator, facts=facts)
        if address is not None:
            await self._bind_threepid(user_id, "email", address, self._now_ms())
        if body.inhibit_login:
            return {"user_id": user_id}
        tokens = await self._sessions.sign_in(user_id, body.device_id, body.initial_device_display_name, body.refresh_token)
        return tokens.answer()

    async def _use_token(self, token: str | None, first: bool) -> bool:
        """Takes a registration token. Whether it makes the first administrator. Raises Forbidden where it has been used up."""
        if token is None:
            return False
        if first and token == await self._accounts.first_administrator_token():
            return True
        if not await self._accounts.registration_tokens.use(token):
            raise Forbidden("This registration token has been used up")
        return False

    async def _use_proof(self, address: str, sid: str) -> None:
        """Takes the proof of an address, which serves once. Raises BadRequest."""
        if await self._accounts.store.user_by_threepid("email", address) is not None:
            raise BadRequest("This address belongs to an account already", "M_THREEPID_IN_USE")
        if not await self._threepids.use(sid):
            raise BadRequest("This proof of an address has been used", "M_NO_VALID_SESSION")

    @endpoint("GET", "/_matrix/client/v3/password_policy", auth=NO_AUTH)
    async def password_policy(self, request: Request) -> Answer:
        """What a password must be like, as Synapse's and Tchap's clients ask for it."""
        passwords = self._accounts.passwords
        return {"m.minimum_length": passwords.minimum, **{f"m.require_{name}": True for name in passwords.requires}}

    def _flows(self, first: bool) -> list[list[str]]:
        settings = self._settings
        stages = [REGISTRATION_TOKEN] if settings.by_token and not settings.open else []
        if settings.email_required:
            flows = [[*stages, EMAIL]]
        else:
            flows = [stages or [DUMMY]] if settings.open or settings.by_token else []
            if self._threepids.mail.is_on and flows:
                flows.append([*stages, EMAIL])
        if first and not flows:
            flows.append([REGISTRATION_TOKEN])
        return flows

    async def _as_service(self, request: Request, body: RegisterRequest) -> Answer:
        """An application service makes one of its users."""
        requester = await self._sessions.authenticate(request)
        if requester.appservice is None:
            raise Forbidden("Only application services may register users like this")
        service = self._sessions.services.require(requester.appservice)
        if body.username is None:
            raise BadRequest("`username` is missing", "M_MISSING_PARAM")
        user_id = self._accounts.user_id_for(body.username, domain_of(service.sender), is_service=True)
        self._sessions.services.require_user_free(user_id, service)
        await self._accounts.register(user_id, None, appservice=service.id)
        if body.inhibit_login:
            return {"user_id": user_id}
        tokens = await self._sessions.sign_in(user_id, body.device_id, body.initial_device_display_name, False)
        return tokens.answer()

    async def _guest(self, body: RegisterRequest, domain: str) -> Answer:
        if not self._settings.guests:
            raise Forbidden("This server has no guest accounts", "M_GUEST_ACCESS_FORBIDDEN")
        user_id = self._accounts.user_id_for(self._accounts.free_localpart(), domain)
        if self._sight.finds(Guest(user_id)) is not Finds.PUBLISHED:  # whoever nobody has invited would see nothing
            raise Forbidden("This server has no guest accounts", "M_GUEST_ACCESS_FORBIDDEN")
        await self._accounts.register(user_id, None, is_guest=True)
        return (await self._sessions.sign_in(user_id, None, body.initial_device_display_name, False)).answer()

    @endpoint("GET", "/_matrix/client/v3/register/available", auth=NO_AUTH, limit="register")
    async def available(self, request: Request) -> Answer:
        name = request.query("username")
        if name is None:
            raise BadRequest("`username` is missing", "M_MISSING_PARAM")
        if self._sight.finds(request.reader) is Finds.NOTHING:  # names are addresses: it would tell who is here
            raise Forbidden("User names are given here, not chosen")
        user_id = self._accounts.user_id_for(name, self._domains.of_host(request.host))
        self._sessions.services.require_user_free(user_id, None)
        await self._accounts.require_available(user_id)
        return {"available": True}

    @endpoint("GET", "/_matrix/client/v1/register/m.login.registration_token/validity", auth=NO_AUTH, limit="register")
    async def token_validity(self, request: Request) -> Answer:
        token = request.query("token")
        if token is None:
            raise BadRequest("`token` is missing", "M_MISSING_PARAM")
        with self._guesses.counted(request) as guess:
            is_valid = await self._accounts.registration_tokens.is_valid(token)
            if not is_valid:
                guess.wrong()
        return {"valid": is_valid}
