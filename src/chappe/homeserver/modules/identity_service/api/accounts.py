"""Accounts of the identity service, its terms, looking up addresses, and its keys (v2_auth, v2_terms, v2_lookup, v2_pubkey, …)."""

from __future__ import annotations

from typing import Any

import msgspec

from chappe.homeserver.actions.ask_servers import AskServers
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.identity_service.api.asker import V2, asker, token_of
from chappe.homeserver.modules.identity_service.identity_service import IdentityServer
from chappe.homeserver.modules.openid.openid import OpenId
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import BadRequest, MatrixError, NotFound
from chappe.matrix.identifiers import domain_of

_LOOKUP: dict[str, Any] = {"body_limit": 1 << 18, "body_reason": "a thousand hashes of addresses"}


class OpenIdToken(msgspec.Struct):
    """The body of `/account/register`: an OpenID token, and the server that gave it (identity service, "Authentication")."""

    access_token: str
    matrix_server_name: str


class AddressLookup(msgspec.Struct):
    """The body of `/lookup`. `addresses`: hashed, or plain as `address medium`, as `algorithm` says; `pepper`: that of
    `/hash_details`.
    """

    addresses: list[str]
    algorithm: str
    pepper: str


class Agreement(msgspec.Struct):
    """The body of `/terms`. `user_accepts`: the addresses of the documents that are accepted."""

    user_accepts: list[str]


class IdentityAccounts:
    """Accounts of the identity service, its terms, looking up addresses, and its keys."""

    def __init__(
        self, identity: IdentityServer, openid: OpenId, domains: Domains, limits: RateLimits, ask_servers: AskServers
    ) -> None:
        self._identity, self._openid, self._domains, self._limits = identity, openid, domains, limits
        self._ask_servers = ask_servers

    @endpoint("GET", "/_matrix/identity/versions", auth=NO_AUTH)
    async def versions(self, request: Request) -> Answer:
        """Lists the versions of the identity service's specification that this one speaks."""
        return {"versions": [f"v1.{minor}" for minor in range(1, 20)]}

    @endpoint("GET", V2, auth=NO_AUTH)
    async def ping(self, request: Request) -> Answer:
        """Answers that there is an identity service here."""
        return {}

    @endpoint("POST", V2 + "/account/register", auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
    async def register(self, request: Request) -> Answer:
        """Gives a token of the identity service to whoever proves by an OpenID token which account is theirs, here or on
        another server.

        Raises M_UNAUTHORIZED (401) for a token that another server than the named one gave.
        """
        body = await request.body_as(OpenIdToken)
        if self._domains.is_hosted(body.matrix_server_name):
            proven = await self._openid.proven_by(body.access_token)
            user_id, device_id = proven.user_id, proven.device_id
        else:
            user_id = await self._ask_servers.openid_user(body.matrix_server_name, body.access_token)
            device_id = None
        if domain_of(user_id) != body.matrix_server_name:
            raise MatrixError(401, "M_UNAUTHORIZED", "This token was given by another server")
        token = await self._identity.register(user_id, device_id)
        return {"token": token, "access_token": token}

    @endpoint("GET", V2 + "/account", auth=NO_AUTH)
    async def account(self, request: Request) -> Answer:
        """Says whose token it is."""
        return {"user_id": await asker(self._identity, request)}

    @endpoint("POST", V2 + "/account/logout", auth=NO_AUTH, body_limit=SMALL_LIMIT)
    async def logout(self, request: Request) -> Answer:
        """Ends the token. Whoever may do nothing else may do this."""
        await asker(self._identity, request, Doing.HOLD, needs_terms=False)
        await self._identity.forget(token_of(request))
        return {}

    @endpoint("GET", V2 + "/terms", auth=NO_AUTH)
    async def terms(self, request: Request) -> Answer:
        """Lists the documents that must be accepted; none where the operator has set none."""
        return self._identity.terms()

    @endpoint("POST", V2 + "/terms", auth=NO_AUTH, body_limit=SMALL_LIMIT)
    async def agree(self, request: Request) -> Answer:
        """Remembers that the account has accepted documents."""
        user_id = await asker(self._identity, request, needs_terms=False)
        await self._identity.agree(user_id, (await request.body_as(Agreement)).user_accepts)
        return {}

    @endpoint("GET", V2 + "/hash_details", auth=NO_AUTH)
    async def hash_details(self, request: Request) -> Answer:
        """Says how addresses are to be hashed before they are looked up."""
        await asker(self._identity, request)
        return self._identity.details()

    @endpoint("POST", V2 + "/lookup", auth=NO_AUTH, **_LOOKUP)
    async def lookup(self, request: Request) -> Answer:
        """Returns the user ids of the addresses that somebody has. Each address counts as one request (`limits.lookup`)."""
        user_id = await asker(self._identity, request)
        body = await request.body_as(AddressLookup)
        self._limits.check("lookup", user_id, len(body.addresses))
        if not self._domains.is_hosted(home := domain_of(user_id)):  # which has as many people as it says
            self._limits.check_server("lookup_from", home, cost=len(body.addresses))
        return {"mappings": await self._identity.lookup(user_id, body.addresses, body.algorithm, body.pepper)}

    # -------------------------------------------------------------------------------------------------------- keys

    @endpoint("GET", V2 + "/pubkey/isvalid", auth=NO_AUTH)
    async def is_valid(self, request: Request) -> Answer:
        """Says whether a public key is one of this service's own."""
        key = request.query("public_key")
        if key is None:
            raise BadRequest("`public_key` is missing", "M_MISSING_PARAMS")
        return {"valid": self._identity.is_server_key(key)}

    @endpoint("GET", V2 + "/pubkey/{keyId}", auth=NO_AUTH)
    async def public_key(self, request: Request) -> Answer:
        """Returns the public key of an id, for the hosted domain that is asked. Raises M_NOT_FOUND."""
        found = self._identity.public_key(self._domains.of_host(request.host), request.params["keyId"])
        if found is None:
            raise NotFound("The public key was not found")
        return {"public_key": found}
