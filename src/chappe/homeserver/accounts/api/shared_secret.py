"""Registration by shared secret, in the form that scripts and bridges everywhere know."""

from __future__ import annotations

import hmac

import msgspec

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.registration_tokens import shared_secret_mac
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError

_PATH = "/_synapse/admin/v1/register"


class RegisterBySecret(msgspec.Struct):
    nonce: str
    username: str
    password: str
    mac: str
    admin: bool = False
    user_type: str | None = None
    displayname: str | None = None


class SharedSecretRegistration:
    """`makes_administrators`: not where critical acts need a proof, which a secret shared by scripts is not."""

    def __init__(
        self,
        secret: str | None,
        accounts: Accounts,
        sessions: Sessions,
        domains: Domains,
        makes_administrators: bool,
        guesses: Guesses,
    ) -> None:
        self._guesses = guesses
        self._secret, self._accounts, self._sessions, self._domains = secret, accounts, sessions, domains
        self._makes_administrators = makes_administrators

    @endpoint("GET", _PATH, auth=NO_AUTH, api="admin", limit="register")
    async def nonce(self, request: Request) -> Answer:
        self._require_secret()
        return {"nonce": await self._accounts.registration_tokens.new_nonce()}

    @endpoint("POST", _PATH, auth=NO_AUTH, api="admin", limit="register", body_limit=SMALL_LIMIT)
    async def register(self, request: Request) -> Answer:
        secret = self._require_secret()
        body = await request.body_as(RegisterBySecret)
        if "\0" in body.username + body.password:
            raise BadRequest("U+0000 is not allowed in user names and passwords", "M_INVALID_PARAM")
        expected = shared_secret_mac(secret, body.nonce, body.username, body.password, body.admin, body.user_type)
        with self._guesses.counted(request):
            if not await self._accounts.registration_tokens.use_nonce(body.nonce):
                raise BadRequest("The nonce is unknown or has expired", "M_UNKNOWN")
            if not hmac.compare_digest(expected.encode(), body.mac.encode()):
                raise Forbidden("The HMAC is wrong")
        if body.admin and not self._makes_administrators:
            raise Forbidden("Administrators are made on the command line: chappe admin user admin")
        domain = self._domains.of_host(request.host)
        user_id = self._accounts.user_id_for(body.username.lower(), domain)
        await self._accounts.register(user_id, body.password, is_admin=body.admin, display_name=body.displayname)
        tokens = await self._sessions.sign_in(user_id, None, None, False)
        return {**tokens.answer(), "home_server": domain}

    def _require_secret(self) -> str:
        if not self._secret:
            raise MatrixError(400, "M_UNKNOWN", "Registration by shared secret is switched off")
        return self._secret
