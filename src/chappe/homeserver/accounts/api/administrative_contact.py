"""E-mail addresses of an account (administrative_contact.yaml), and the mails that prove them (…/requestToken)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import asdict

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.accounts.threepids import ADD, IDENTITY, REGISTER, RESET, Threepids, TokenRequest
from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest, Forbidden

_V3 = "/_matrix/client/v3"


class EmailToken(msgspec.Struct):
    client_secret: str
    email: str
    send_attempt: int
    next_link: str | None = None


class Proof(msgspec.Struct):
    sid: str
    client_secret: str


class OldProof(msgspec.Struct):
    three_pid_creds: Proof


class Removal(msgspec.Struct):
    medium: str
    address: str
    id_server: str | None = None


class AdministrativeContact:
    def __init__(
        self,
        store: AccountStore,
        threepids: Threepids,
        uia: UserInteractiveAuth,
        bind_threepid: BindThreepid,
        domains: Domains,
        public_url: PublicUrl,
        now_ms: NowMs,
    ) -> None:
        self._store, self._threepids, self._uia, self._bind_threepid = store, threepids, uia, bind_threepid
        self._domains, self._public_url, self._now_ms = domains, public_url, now_ms

    # ------------------------------------------------------------------------------------------------------- mails

    @endpoint("POST", _V3 + "/register/email/requestToken", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def for_registration(self, request: Request) -> Answer:
        return await self._request_token(request, REGISTER)

    @endpoint("POST", _V3 + "/account/password/email/requestToken", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def for_password(self, request: Request) -> Answer:
        return await self._request_token(request, RESET)

    @endpoint("POST", _V3 + "/account/3pid/email/requestToken", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def for_account(self, request: Request) -> Answer:
        return await self._request_token(request, ADD)

    async def _request_token(self, request: Request, purpose: str) -> Answer:
        body = await request.body_as(EmailToken)
        wanted = TokenRequest(
            body.email,
            body.client_secret,
            body.send_attempt,
            body.next_link,
            self._domains.of_host(request.host),
            self._public_url.of(request),
            request.header(b"accept-language"),
        )
        return {"sid": await self._threepids.request_token(purpose, wanted)}

    @endpoint(
        "POST",
        _V3 + "/register/msisdn/requestToken",
        _V3 + "/account/password/msisdn/requestToken",
        _V3 + "/account/3pid/msisdn/requestToken",
        auth=NO_AUTH,
        limit="account",
        body_limit=SMALL_LIMIT,
    )
    async def by_telephone(self, request: Request) -> Answer:
        await request.json_object()
        raise BadRequest("This server does not use telephone numbers", "M_THREEPID_MEDIUM_NOT_SUPPORTED")

    # --------------------------------------------------------------------------------------------------- addresses

    @endpoint("GET", _V3 + "/account/3pid")
    async def list(self, request: Request) -> Answer:
        return {"threepids": [asdict(row) for row in await self._store.threepids(request.user_id)]}

    @endpoint("POST", _V3 + "/account/3pid/add", limit="account", body_limit=SMALL_LIMIT)
    async def add(self, request: Request) -> Answer:
        body = await request.json_object()
        await self._add(request, body, convert(body, Proof))
        return {}

    @endpoint("POST", _V3 + "/account/3pid", limit="account", body_limit=SMALL_LIMIT)
    async def add_old(self, request: Request) -> Answer:
        body = await request.json_object()
        await self._add(request, body, convert(body, OldProof).three_pid_creds)
        return {}

    async def _add(self, request: Request, body: dict[str, Any], proof: Proof) -> None:
        owner_proof = await self._uia.require_owner(request, "add_3pid", body)
        address = await self._threepids.proven(proof.sid, proof.client_secret, (ADD,))
        owner = await self._store.user_by_threepid("email", address)
        if owner is not None and owner != request.user_id:
            raise BadRequest("This address belongs to another account", "M_THREEPID_IN_USE")
        if await self._threepids.use(proof.sid):
            await self._bind_threepid.by_owner(owner_proof, "email", address, self._now_ms())

    @endpoint("POST", _V3 + "/account/3pid/bind", limit="account", body_limit=SMALL_LIMIT)
    async def bind(self, request: Request) -> Answer:
        """Makes an address findable: here every address of an account is, and an address is added by `3pid/add` alone."""
        proof = await request.body_as(Proof)
        address = await self._threepids.proven(proof.sid, proof.client_secret, (ADD, IDENTITY))
        owner = await self._store.user_by_threepid("email", address)
        if owner is not None and owner != request.user_id:
            raise BadRequest("This address belongs to another account", "M_THREEPID_IN_USE")
        if owner is None:
            raise Forbidden("Add this address to your account first")
        await self._threepids.use(proof.sid)
        return {}

    @endpoint("POST", _V3 + "/account/3pid/delete", _V3 + "/account/3pid/unbind", limit="account", body_limit=SMALL_LIMIT)
    async def remove(self, request: Request) -> Answer:
        raw = await request.json_object()
        body = convert(raw, Removal)
        request.require_active()
        address = parse_email(body.address) if body.medium == "email" else body.address
        if request.raw_path.endswith(b"/delete"):
            proof = await self._uia.require_owner(request, "delete_3pid", raw)
            await self._bind_threepid.remove_by_owner(proof, body.medium, address)
        return {"id_server_unbind_result": "success"}
