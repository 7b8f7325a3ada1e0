"""Proving an address to the identity service, and what is bound to one (v2_associations, v2_store_invite, …)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.accounts.threepids import IDENTITY, Threepids, TokenRequest
from chappe.homeserver.actions.exchange_invites import ExchangeInvites
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.identity_service.api.asker import V2, asker
from chappe.homeserver.modules.identity_service.identity_service import IdentityServer
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.account_standing import Doing
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.identifiers import domain_of, parse_room_id


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

    @endpoint("POST", V2 + "/validate/email/requestToken", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
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

    @endpoint("POST", V2 + "/validate/email/submitToken", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def submit(self, request: Request) -> Answer:
        """Proves an address by what stood in the mail. A wrong one counts as a guess."""
        await asker(self._identity, request, Doing.ACT)
        body = await request.body_as(Submitted)
        with self._guesses.counted(request):
            await self._threepids.submit(body.sid, body.client_secret, body.token)
        return {"success": True}

    @endpoint("GET", V2 + "/validate/email/submitToken", auth=NO_AUTH, limit="account")
    async def submit_link(self, request: Request) -> Answer:
        """As `submit`, for the link in the mail, which a browser opens without a token."""
        names = [request.query(n) for n in ("sid", "client_secret", "token")]
        if None in names:
            raise BadRequest("`sid`, `client_secret` and `token` are needed", "M_MISSING_PARAMS")
        with self._guesses.counted(request):
            await self._threepids.submit(*map(str, names))
        return {"success": True}

    @endpoint(
        "POST", V2 + "/validate/msisdn/requestToken", V2 + "/validate/msisdn/submitToken", auth=NO_AUTH, body_limit=SMALL_LIMIT
    )
    @endpoint("GET", V2 + "/validate/msisdn/submitToken", auth=NO_AUTH)
    async def by_telephone(self, request: Request) -> Answer:
        """Refuses telephone numbers (M_INVALID_PARAM): there are none here."""
        await asker(self._identity, request, Doing.ACT)
        raise BadRequest("This service does not use telephone numbers", "M_INVALID_PARAM")

    @endpoint("GET", V2 + "/3pid/getValidated3pid", auth=NO_AUTH)
    async def validated(self, request: Request) -> Answer:
        """Returns the address that was proven in a session."""
        await asker(self._identity, request)
        sid, secret = request.query("sid"), request.query("client_secret")
        address = await self._threepids.proven(sid, secret, (IDENTITY,))
        return {"medium": "email", "address": address, "validated_at": self._threepids.now_ms()}

    @endpoint("POST", V2 + "/3pid/bind", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
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

    @endpoint("POST", V2 + "/3pid/unbind", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
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

    @endpoint("POST", V2 + "/store-invite", auth=NO_AUTH, limit="invite", body_limit=SMALL_LIMIT)
    async def store_invite(self, request: Request) -> Answer:
        """Keeps an invitation until somebody proves the address, and sends a mail to it."""
        user_id = await asker(self._identity, request, Doing.ACT)
        body = await request.body_as(StoreInvite)
        if body.sender != user_id:
            raise Forbidden("Invitations can be sent in one's own name only")
        return await self._invites.store(user_id, parse_room_id(body.room_id), body.medium, body.address)

    @endpoint("POST", V2 + "/sign-ed25519", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def sign(self, request: Request) -> Answer:
        """Signs that an account accepts an invitation that was made for an address (`mxid`, `token`), with the key of that
        invitation.
        """
        await asker(self._identity, request, Doing.ACT)
        body = await request.body_as(SignRequest)
        server = self._domains.of_host(request.host)
        return await self._identity.sign_invite(server, body.mxid, body.token, body.private_key)
