"""Creating an account on a page: the address is proven first, where one is asked for."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

from chappe.config import Registration as RegistrationSettings
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.threepids import REGISTER, Threepids, TokenRequest
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.api.pages.invitation import facts_of
from chappe.homeserver.api.pages.page import Pages, Visit, as_sent, safe_next
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.identifiers import UserId


class RegisterPages:
    def __init__(
        self,
        pages: Pages,
        accounts: Accounts,
        settings: RegistrationSettings,
        threepids: Threepids,
        bind_threepid: BindThreepid,
        invites: ThirdPartyInvites,
        domains: Domains,
    ) -> None:
        self._pages, self._accounts, self._settings = pages, accounts, settings
        self._threepids, self._bind_threepid = threepids, bind_threepid
        self._invites, self._domains = invites, domains

    @endpoint("GET", "/register", auth=NO_AUTH)
    async def page(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._page)

    async def _page(self, visit: Visit, error: MatrixError | None = None, values: dict[str, str] | None = None) -> Response:
        settings = self._settings
        if not (settings.open or settings.by_token or settings.email_required):
            return self._pages.message(visit, visit.text("create_account"), visit.text("registration_closed"), status=403)
        known, proven = {"username": "", "token": "", **(values or {})}, await self._proven(visit)
        derived = None if proven is None else await self._accounts.user_id_of({"email": proven}, visit.server_name)
        if derived is not None and (refused := await self._refused(visit, derived, proven)) is not None:
            return refused
        invited = None if proven is None else await self._invites.waiting_for(proven)
        return self._pages.render(
            visit,
            "register.html",
            400 if error else 200,
            error=None if error is None else self._pages.refusal(visit, error),
            wrong=None if error is None else _wrong(error),
            query=visit.request.query_string,
            values={"email": _hint(visit), **known},
            proven=proven,
            facts=[] if invited is None else facts_of(visit, invited),
            is_named=derived is not None,
            email_required=settings.email_required,
            token_required=settings.by_token and not settings.open,
            minimum=self._accounts.passwords.minimum,
        )

    async def _refused(self, visit: Visit, user_id: UserId, address: str | None) -> Response | None:
        """Said before anybody thinks of a password: the address is proven, so that nobody learns anything of another's."""
        try:
            await self._accounts.require_may_register(user_id, {"email": address})
        except MatrixError as error:
            title = visit.text("no_access_title", name=visit.brand.name)
            return self._pages.message(visit, title, self._pages.refusal(visit, error), status=error.status)
        return None

    async def _proven(self, visit: Visit) -> str | None:
        """The address that a mail's link has just proved."""
        query = visit.request.query
        try:
            return await self._threepids.proven(query("sid"), query("client_secret"), (REGISTER,))
        except MatrixError:
            return None

    @endpoint("POST", "/register", auth=NO_AUTH, limit="register", body_limit=SMALL_LIMIT)
    async def submit(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._submit)

    async def _submit(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        address = await self._proven(visit)
        if self._settings.email_required and address is None:
            return await self._send_link(visit, form.get("email", form.get("login", "")).strip(" "))
        try:
            user_id = await self._create(visit, form, address)
        except MatrixError as error:
            return await self._page(visit, error, form)
        cookie = await self._pages.browsers.begin(
            user_id, "password", visit.request.address, visit.request.header(b"user-agent")
        )
        self._pages.signed_in(visit, cookie)
        return self._pages.redirect(visit, safe_next(visit.request.query("next")))

    async def _send_link(self, visit: Visit, address: str) -> Response:
        """What only the domain of an address decides is said; whether it has an account, or was invited, only its mailbox learns."""
        following = safe_next(visit.request.query("next"))
        try:
            address = parse_email(address)
            home = await self._accounts.home_of(address)
        except MatrixError as error:
            return await self._page(visit, error, {"email": address})
        if home is not None and not self._domains.is_hosted(home[0]):
            said = f"The accounts of {home[1]} are on {home[0]}: please sign up there"
            return await self._page(visit, BadRequest(said), {"email": address})
        secret = secrets.token_urlsafe(16)
        again = f"{visit.base_url}/register?{urlencode({'next': following, 'client_secret': secret})}"
        wanted = TokenRequest(address, secret, 1, again, visit.server_name, visit.base_url, visit.language)
        await self._threepids.request_token(REGISTER, wanted)
        return self._pages.render(
            visit,
            "check_mail.html",
            address=address,
            minutes=self._threepids.mail.link_minutes,
            action=f"/register?{urlencode({'next': following})}",
        )

    async def _create(self, visit: Visit, form: dict[str, str], address: str | None) -> str:
        accounts, settings = self._accounts, self._settings
        if not (settings.open or settings.by_token or settings.email_required):
            raise Forbidden(visit.text("registration_closed"))
        derived = await accounts.user_id_of({"email": address}, visit.server_name)
        user_id = derived or accounts.user_id_for(form.get("username", "").strip(), visit.server_name)
        if derived is None:
            await accounts.require_available(user_id)
        accounts.passwords.check_strength(form.get("password", ""))
        if settings.by_token and not settings.open:
            with self._pages.guesses.counted(visit.request):
                if not await accounts.registration_tokens.use(form.get("token", "")):
                    raise Forbidden("This registration token is not valid")
        if address is not None:
            if await accounts.store.user_by_threepid("email", address) is not None:
                raise BadRequest("This address belongs to an account already", "M_THREEPID_IN_USE")
            if not await self._threepids.use(str(visit.request.query("sid"))):
                raise BadRequest("This link has been used", "M_NO_VALID_SESSION")
        await accounts.register(user_id, form["password"], facts={"email": address})
        if address is not None:
            await self._bind_threepid(user_id, "email", address, self._pages.now_ms())
        return user_id


def _wrong(error: MatrixError) -> str:
    """The field in which somebody has to change something."""
    if error.errcode == "M_WEAK_PASSWORD" or error.errcode.startswith("M_PASSWORD_"):
        return "password"
    return "token" if error.errcode == "M_FORBIDDEN" else "username"


def _hint(visit: Visit) -> str:
    """The address that somebody has given already, to the application that they come from."""
    asked = visit.request.query("next") or ""
    hint = dict(parse_qsl(urlsplit(as_sent(asked)).query)).get("login_hint", "")
    return hint if "@" in hint[1:] and not hint.startswith("@") else ""
