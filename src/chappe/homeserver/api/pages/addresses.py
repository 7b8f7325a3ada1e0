"""The account page's addresses: one is added once its mail has been answered."""

from __future__ import annotations

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.threepids import ADD, Threepids, TokenRequest
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.api.pages.page import Pages, Visit
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest


class AddressPages:
    """The e-mail addresses of an account: adding and removing them."""

    def __init__(self, pages: Pages, accounts: Accounts, threepids: Threepids, bind_threepid: BindThreepid) -> None:
        self._pages, self._accounts, self._threepids, self._bind_threepid = pages, accounts, threepids, bind_threepid

    @endpoint("POST", "/account/addresses", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def add(self, request: Request) -> Answer:
        """Sends a mail to an address that is to be added."""
        return await self._pages.answer(request, self._add)

    async def _add(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        await self._pages.proof(visit, back="/account")
        session = await self._pages.require(visit)
        address = parse_email(form.get("email", "").strip(" "))
        secret = session.id_hash.hex()  # so that only this session can finish it
        link = f"{visit.base_url}/account/addresses/added"
        wanted = TokenRequest(address, secret, self._pages.now_ms(), link, visit.server_name, visit.base_url, visit.language)
        await self._threepids.request_token(ADD, wanted)
        return self._pages.message(
            visit, visit.text("check_mail"), visit.text("check_mail_text"), "/account", visit.text("back")
        )

    @endpoint("GET", "/account/addresses/added", auth=NO_AUTH)
    async def added(self, request: Request) -> Answer:
        """Adds an address whose owner has opened the link in the mail, in the browser that asked for it."""
        return await self._pages.answer(request, self._added)

    async def _added(self, visit: Visit) -> Response:
        proof = await self._pages.proof(visit)
        session = await self._pages.require(visit)
        sid = visit.request.query("sid") or ""
        address = await self._threepids.proven(sid, session.id_hash.hex(), (ADD,))
        if await self._accounts.store.user_by_threepid("email", address) not in (None, session.user_id):
            raise BadRequest("This address belongs to another account", "M_THREEPID_IN_USE")
        if await self._threepids.use(sid):
            await self._bind_threepid.by_owner(proof, "email", address, self._pages.now_ms())
        return self._pages.redirect(visit, "/account?saved=1")

    @endpoint("POST", "/account/addresses/remove", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def remove(self, request: Request) -> Answer:
        """Removes an address."""
        return await self._pages.answer(request, self._remove)

    async def _remove(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        proof, address = await self._pages.proof(visit, back="/account"), form.get("address", "")
        if (asked := self._pages.asked_first(visit, form, "address", "/account/addresses/remove", address=address)) is not None:
            return asked
        await self._bind_threepid.remove_by_owner(proof, "email", address)
        return self._pages.redirect(visit, "/account?saved=1")
