"""Identity service, version 2 (v2_auth, v2_lookup, v2_associations, v2_email_associations, v2_terms, v2_pubkey, …)."""

from __future__ import annotations

from typing import Any

import msgspec

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.accounts.threepids import IDENTITY, Threepids, TokenRequest
from chappe.homeserver.actions.ask_servers import AskServers
from chappe.homeserver.actions.exchange_invites import ExchangeInvites
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.identity_service.identity_service import IdentityServer
from chappe.homeserver.modules.openid.openid import OpenId
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.account_standing import Doing
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.identifiers import UserId, domain_of, parse_room_id

_V2 = "/_matrix/identity/v2"
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


class EmailToken(msgspec.Struct):
    """The body of `/validate/email/requestToken`. `send_attempt`: a higher number than before has another mail sent."""

    client_secret: str
    email: str
    send_attempt: int
    next_link: str | None = None


class Submitted(msgspec.Struct):
    """The body of `/validate/email/submitToken`. `token`: what stood in the mail."""

    sid: str
    client_secret: str
    token: str


class Binding(msgspec.Struct):
    """The body of `/3pid/bind`. `sid`: the session in which the address was proven; `mxid`: the account that it is to find."""

    sid: str
    client_secret: str
    mxid: str


class Threepid(msgspec.Struct):
    """An address: `medium` is "email", the only one here."""

    medium: str
    address: str


class Unbinding(msgspec.Struct):
    """The body of `/3pid/unbind`."""

    mxid: str
    threepid: Threepid


class StoreInvite(msgspec.Struct):
    """The body of `/store-invite`: an invitation of somebody of whom only the address is known."""

    medium: str
    address: str
    room_id: str
    sender: str


class SignRequest(msgspec.Struct):
    """The body of `/sign-ed25519`. `private_key`: of an invitation that was made for an address, as unpadded base64."""

    mxid: str
    token: str
    private_key: str


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

    @endpoint("GET", _V2, auth=NO_AUTH)
    async def ping(self, request: Request) -> Answer:
        """Answers that there is an identity service here."""
        return {}

    @endpoint("POST", _V2 + "/account/register", auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
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

    @endpoint("GET", _V2 + "/account", auth=NO_AUTH)
    async def account(self, request: Request) -> Answer:
        """Says whose token it is."""
        return {"user_id": await asker(self._identity, request)}

    @endpoint("POST", _V2 + "/account/logout", auth=NO_AUTH, body_limit=SMALL_LIMIT)
    async def logout(self, request: Request) -> Answer:
        """Ends the token. Whoever may do nothing else may do this."""
        await asker(self._identity, request, Doing.HOLD, needs_terms=False)
        await self._identity.forget(token_of(request))
        return {}

    @endpoint("GET", _V2 + "/terms", auth=NO_AUTH)
    async def terms(self, request: Request) -> Answer:
        """Lists the documents that must be accepted; none where the operator has set none."""
        return self._identity.terms()

    @endpoint("POST", _V2 + "/terms", auth=NO_AUTH, body_limit=SMALL_LIMIT)
    async def agree(self, request: Request) -> Answer:
        """Remembers that the account has accepted documents."""
        user_id = await asker(self._identity, request, needs_terms=False)
        await self._identity.agree(user_id, (await request.body_as(Agreement)).user_accepts)
        return {}

    @endpoint("GET", _V2 + "/hash_details", auth=NO_AUTH)
    async def hash_details(self, request: Request) -> Answer:
        """Says how addresses are to be hashed before they are looked up."""
        await asker(self._identity, request)
        return self._identity.details()

    @endpoint("POST", _V2 + "/lookup", auth=NO_AUTH, **_LOOKUP)
    async def lookup(self, request: Request) -> Answer:
        """Returns the user ids of the addresses that somebody has. Each address counts as one request (`limits.lookup`)."""
        user_id = await asker(self._identity, request)
        body = await request.body_as(AddressLookup)
        self._limits.check("lookup", user_id, len(body.addresses))
        if not self._domains.is_hosted(home := domain_of(user_id)):  # which has as many people as it says
            self._limits.check_server("lookup_from", home, cost=len(body.addresses))
        return {"mappings": await self._identity.lookup(user_id, body.addresses, body.algorithm, body.pepper)}

    # -------------------------------------------------------------------------------------------------------- keys

    @endpoint("GET", _V2 + "/pubkey/isvalid", auth=NO_AUTH)
    async def is_valid(self, request: Request) -> Answer:
        """Says whether a public key is one of this service's own."""
        key = request.query("public_key")
        if key is None:
            raise BadRequest("`public_key` is missing", "M_MISSING_PARAMS")
        return {"valid": self._identity.is_server_key(key)}

    @endpoint("GET", _V2 + "/pubkey/{keyId}", auth=NO_AUTH)
    async def public_key(self, request: Request) -> Answer:
        """Returns the public key of an id, for the hosted domain that is asked. Raises M_NOT_FOUND."""
        found = self._identity.public_key(self._domains.of_host(request.host), request.params["keyId"])
        if found is None:
            raise NotFound("The public key was not found")
        return {"public_key": found}


class IdentityAddresses:
    """Proving an address to the identity service, and what is bound to an address: an account, an invitation."""

    def __init__(
        self,
        identity: IdentityServer,
        threepids: Threepids,
        accounts: AccountStore,
        invites: ThirdPartyInvites,
        exchange: ExchangeInvites,
        domains: Domains,
        public_url: PublicUrl,
        guesses: Guesses,
    ) -> None:
        self._guesses = guesses
        self._identity, self._threepids, self._accounts = identity, threepids, accounts
        self._invites, self._exchange = invites, exchange
        self._domains, self._public_url = domains, public_url

    @endpoint("POST", _V2 + "/validate/email/requestToken", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def request_token(self, request: Request) -> Answer:
        """Sends a mail to an address, and returns the id of the session in which it can be proven."""
        await asker(self._identity, request, Doing.ACT)
        body = await request.body_as(EmailToken)
        wanted = TokenRequest(
            parse_email(body.email),
            body.client_secret,
            body.send_attempt,
            body.next_link,
            self._domains.of_host(request.host),
            self._public_url.of(request),
            request.header(b"accept-language"),
        )
        return {"sid": await self._threepids.request_token(IDENTITY, wanted)}

    @endpoint("POST", _V2 + "/validate/email/submitToken", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def submit(self, request: Request) -> Answer:
        """Proves an address by what stood in the mail. A wrong one counts as a guess."""
        await asker(self._identity, request, Doing.ACT)
        body = await request.body_as(Submitted)
        with self._guesses.counted(request):
            await self._threepids.submit(body.sid, body.client_secret, body.token)
        return {"success": True}

    @endpoint("GET", _V2 + "/validate/email/submitToken", auth=NO_AUTH, limit="account")
    async def submit_link(self, request: Request) -> Answer:
        """As `submit`, for the link in the mail, which a browser opens without a token."""
        names = [request.query(n) for n in ("sid", "client_secret", "token")]
        if None in names:
            raise BadRequest("`sid`, `client_secret` and `token` are needed", "M_MISSING_PARAMS")
        with self._guesses.counted(request):
            await self._threepids.submit(*map(str, names))
        return {"success": True}

    @endpoint(
        "POST",
        _V2 + "/validate/msisdn/requestToken",
        _V2 + "/validate/msisdn/submitToken",
        auth=NO_AUTH,
        body_limit=SMALL_LIMIT,
    )
    @endpoint("GET", _V2 + "/validate/msisdn/submitToken", auth=NO_AUTH)
    async def by_telephone(self, request: Request) -> Answer:
        """Refuses telephone numbers (M_INVALID_PARAM): there are none here."""
        await asker(self._identity, request, Doing.ACT)
        raise BadRequest("This service does not use telephone numbers", "M_INVALID_PARAM")

    @endpoint("GET", _V2 + "/3pid/getValidated3pid", auth=NO_AUTH)
    async def validated(self, request: Request) -> Answer:
        """Returns the address that was proven in a session."""
        await asker(self._identity, request)
        sid, secret = request.query("sid"), request.query("client_secret")
        address = await self._threepids.proven(sid, secret, (IDENTITY,))
        return {"medium": "email", "address": address, "validated_at": self._threepids.now_ms()}

    @endpoint("POST", _V2 + "/3pid/bind", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def bind(self, request: Request) -> Answer:
        """Binds a proven address to one's own account.

        For an account of this installation it must be one of the account's addresses already, since people are found by these;
        for one of another server it is kept here, and who was invited by the address is told. Raises M_THREEPID_IN_USE,
        M_FORBIDDEN.
        """
        user_id = await asker(self._identity, request, Doing.ACT)
        body = await request.body_as(Binding)
        if body.mxid != user_id:
            raise Forbidden("An address can be bound to one's own account only", "M_UNAUTHORIZED")
        address = await self._threepids.proven(body.sid, body.client_secret, (IDENTITY,))
        owner = await self._accounts.user_by_threepid("email", address)
        if owner not in (None, user_id):
            raise BadRequest("This address belongs to another account", "M_THREEPID_IN_USE")
        if self._domains.is_hosted(domain_of(user_id)):  # found by the addresses of the account, which are added there
            if owner is None:
                raise Forbidden("Add this address to your account first")
            await self._threepids.use(body.sid)
        else:
            await self._identity.bind_elsewhere(user_id, "email", address)
            await self._exchange.tell_of_invites(user_id, "email", address)
            await self._threepids.use(body.sid)
        return self._identity.association(self._domains.of_host(request.host), user_id, address)

    @endpoint("POST", _V2 + "/3pid/unbind", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def unbind(self, request: Request) -> Answer:
        """Removes an address that was bound here. Raises M_FORBIDDEN for one of an account of this installation: it is
        removed there.
        """
        user_id = await asker(self._identity, request, Doing.ACT)
        body = await request.body_as(Unbinding)
        if body.mxid != user_id:
            raise Forbidden("An address can be unbound from one's own account only")
        medium, address = body.threepid.medium, body.threepid.address.lower()
        if await self._accounts.user_by_threepid(medium, address) == user_id:
            raise Forbidden("This address is your account's: remove it there")
        await self._identity.unbind_elsewhere(user_id, medium, address)
        return {}

    @endpoint("POST", _V2 + "/store-invite", auth=NO_AUTH, limit="invite", body_limit=SMALL_LIMIT)
    async def store_invite(self, request: Request) -> Answer:
        """Keeps an invitation until somebody proves the address, and sends a mail to it."""
        user_id = await asker(self._identity, request, Doing.ACT)
        body = await request.body_as(StoreInvite)
        if body.sender != user_id:
            raise Forbidden("Invitations can be sent in one's own name only")
        return await self._invites.store(user_id, parse_room_id(body.room_id), body.medium, body.address)

    @endpoint("POST", _V2 + "/sign-ed25519", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def sign(self, request: Request) -> Answer:
        """Signs that an account accepts an invitation that was made for an address (`mxid`, `token`), with the key of that
        invitation.
        """
        await asker(self._identity, request, Doing.ACT)
        body = await request.body_as(SignRequest)
        server = self._domains.of_host(request.host)
        return await self._identity.sign_invite(server, body.mxid, body.token, body.private_key)


def token_of(request: Request) -> str:
    """Returns the token of a request: of the header "Authorization: Bearer", or the parameter `access_token`; else the empty
    string.
    """
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.query("access_token") or ""


async def asker(identity: IdentityServer, request: Request, doing: Doing = Doing.READ, needs_terms: bool = True) -> UserId:
    """Returns whose token a request bears. `doing`: what the account must be allowed to do; `needs_terms`: it must have
    accepted the terms.

    Raises M_UNAUTHORIZED (401), M_TERMS_NOT_SIGNED (403), and what refuses the account.
    """
    return await identity.user_of(token_of(request), doing, needs_terms)
