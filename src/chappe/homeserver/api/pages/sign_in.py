"""Signing in and out: password, directory, second factor, OpenID Connect."""

from __future__ import annotations

from urllib.parse import urlencode

from markupsafe import Markup

from chappe.config import Registration as RegistrationSettings
from chappe.homeserver.accounts.browser_sessions import hash_cookie
from chappe.homeserver.accounts.single_sign_on.providers import ProvenIdentity, Providers
from chappe.homeserver.accounts.store import User
from chappe.homeserver.actions.sign_in_upstream import UNKNOWN, CheckPassword, Claimed, SignInUpstream
from chappe.homeserver.api.pages.page import Pages, Visit, safe_next
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import BadRequest, Forbidden


class SignInPages:
    def __init__(
        self,
        pages: Pages,
        providers: Providers,
        check_password: CheckPassword,
        upstream: SignInUpstream,
        registration: RegistrationSettings,
    ) -> None:
        self._pages, self._providers = pages, providers
        self._check_password, self._upstream = check_password, upstream
        self._may_register = registration.open or registration.by_token or registration.email_required
        self._by_mail = registration.email_required

    # ----------------------------------------------------------------------------------------------------- password

    @endpoint("GET", "/login", auth=NO_AUTH)
    async def login(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._login)

    async def _login(self, visit: Visit) -> Response:
        again = visit.request.query("again") == "1" and visit.session is not None
        if visit.session is not None and not again:
            return await self._go_on(visit, _next(visit))
        return self._login_page(visit, again=again)

    def _login_page(
        self, visit: Visit, login: str = "", error: str | None = None, again: bool = False, status: int = 200
    ) -> Response:
        if again and visit.session is not None:
            login = visit.session.user_id
        elif not login:
            login = (visit.request.query("login_hint") or "").removeprefix("mxid:")
        return self._pages.render(
            visit,
            "login.html",
            status,
            login=login,
            error=error,
            again=again,
            query=_query(visit),
            hint=urlencode({"login_hint": login if "@" in login[1:] else ""}),
            providers=self._providers.of(visit.server_name),
            has_mail=self._pages.has_mail,
            may_register=self._may_register,
            by_mail=self._by_mail,
        )

    @endpoint("POST", "/login", auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
    async def submit(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._submit)

    async def _submit(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        login, password = form.get("login", "").strip(), form.get("password", "")
        try:
            user, method = await self._password(visit, login, password)
            known_by = user.password_hash if method == "password" else None  # what a directory was asked is not kept here
            return await self._begin(visit, user, method, password_hash=known_by)
        except Forbidden as error:
            is_told = error.errcode != "M_FORBIDDEN" or error.extra
            text = self._pages.refusal(visit, error) if is_told else visit.text("wrong_password")
            return self._login_page(visit, login, text, visit.request.query("again") == "1", 403)

    async def _password(self, visit: Visit, login: str, password: str) -> tuple[User, str]:
        if "@" in login[1:] and not login.startswith("@"):
            identifier = {"type": "m.id.thirdparty", "medium": "email", "address": login}
        else:
            identifier = {"type": "m.id.user", "user": login}
        try:
            claimed = await self._check_password.claim(identifier, visit.server_name)
        except BadRequest:  # nobody has such a name
            claimed = Claimed(UNKNOWN, visit.server_name, login.casefold())
        device = await self._pages.known_browser(visit, claimed.user_id)
        with self._pages.guesses.counted(visit.request, claimed.guessed, device):
            user, method = await self._check_password(claimed, password)
        if user.locked:
            raise Forbidden(visit.text("account_locked"), "M_USER_LOCKED")
        if visit.session is not None and visit.request.query("again") == "1" and visit.session.user_id != user.user_id:
            raise Forbidden("Wrong account")
        return user, method

    async def _begin(
        self, visit: Visit, user: User, method: str, proven: ProvenIdentity | None = None, password_hash: str | None = None
    ) -> Response:
        """A new session takes the place of whatever the browser had. Raises M_FORBIDDEN where what it comes from has ended."""
        address, program = visit.request.address, visit.request.header(b"user-agent")
        cookie = await self._pages.browsers.begin(user.user_id, method, address, program, proven, password_hash)
        if proven is not None and await self._providers.has_signed_out(proven):
            await self._pages.browsers.end(hash_cookie(cookie))
            raise Forbidden("The provider did not confirm this sign-in")
        if visit.session is not None:
            await self._pages.browsers.end(visit.session.id_hash)
        self._pages.signed_in(visit, cookie)
        visit.session = await self._pages.browsers.find(cookie)
        if await self._pages.needs(visit) is None:  # a password alone makes no browser known where more is asked
            await self._pages.browsers.remember(user.user_id, visit.browser_hash)
        return await self._go_on(visit, _next(visit))

    async def _go_on(self, visit: Visit, next_path: str) -> Response:
        where = await self._pages.needs(visit)
        if where in ("/login/second-factor", "/account/second-factor"):
            return self._pages.redirect(visit, f"{where}?{urlencode({'next': next_path})}")
        return self._pages.redirect(visit, next_path)

    # ------------------------------------------------------------------------------------------------ second factor

    @endpoint("GET", "/login/second-factor", auth=NO_AUTH)
    async def second_factor(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._second_factor)

    async def _second_factor(self, visit: Visit, error: str | None = None) -> Response:
        session = visit.session
        if session is None:
            return self._pages.redirect(visit, f"/login?{_query(visit)}")
        options = None
        if (await self._pages.factors.of(session.user_id)).passkeys:
            options = await self._pages.factors.ask_for_passkey(visit.browser_hash, session.user_id, visit.host)
        return self._pages.render(
            visit,
            "second_factor.html",
            403 if error else 200,
            error=error,
            query=_query(visit),
            passkey_options=script_json(options) if options else None,
        )

    @endpoint("POST", "/login/second-factor", auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
    async def submit_second_factor(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._submit_second_factor)

    async def _submit_second_factor(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        session = visit.session
        if session is None:
            return self._pages.redirect(visit, f"/login?{_query(visit)}")
        factors, user_id, code = self._pages.factors, session.user_id, form.get("code", "")
        device = await self._pages.known_browser(visit, user_id)
        with self._pages.guesses.counted(visit.request, user_id, device) as guess:
            if "credential" in form:
                origin = visit.base_url
                good = await factors.check_passkey(visit.browser_hash, user_id, form["credential"], visit.host, origin)
            else:
                good = await factors.check_totp(user_id, code) or await factors.use_recovery_code(user_id, code)
            if not good:
                guess.wrong()
        if not good:
            return await self._second_factor(visit, visit.text("wrong_code"))
        await self._pages.browsers.remember(user_id, visit.browser_hash)
        await self._pages.browsers.passed_second_factor(session)
        return self._pages.redirect(visit, _next(visit))

    # -------------------------------------------------------------------------------------------------- signing out

    @endpoint("POST", "/logout", auth=NO_AUTH, body_limit=SMALL_LIMIT)
    async def logout(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._logout)

    async def _logout(self, visit: Visit) -> Response:
        await self._pages.form(visit)
        if visit.session is not None:
            await self._pages.browsers.end(visit.session.id_hash)
        self._pages.signed_out(visit)
        return self._pages.message(visit, visit.text("signed_out"), "", "/login", visit.text("sign_in"))

    # ----------------------------------------------------------------------------------------------- OpenID Connect

    @endpoint("GET", "/login/oidc/{provider}", auth=NO_AUTH, limit="login")
    async def begin_oidc(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._begin_oidc)

    async def _begin_oidc(self, visit: Visit) -> Response:
        provider = self._providers.require(visit.request.params["provider"], visit.server_name)
        location = await self._providers.begin(
            provider, visit.browser_hash, _next(visit), _callback(visit, provider.id), fresh=visit.request.query("again") == "1"
        )
        return self._pages.redirect(visit, location)

    @endpoint("GET", "/login/oidc/{provider}/callback", auth=NO_AUTH, limit="login")
    async def finish_oidc(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._finish_oidc)

    async def _finish_oidc(self, visit: Visit) -> Response:
        request = visit.request
        provider = self._providers.require(request.params["provider"], visit.server_name)
        state, code = request.query("state"), request.query("code")
        if state is None or code is None:
            # whatever the address says of it: anybody can write that
            raise Forbidden("The provider did not confirm this sign-in")
        proven, next_path = await self._providers.finish(
            provider, visit.browser_hash, state, code, _callback(visit, provider.id), request.query("iss")
        )
        user = await self._upstream(proven, visit.server_name)
        if user.locked:
            raise Forbidden(visit.text("account_locked"), "M_USER_LOCKED")
        visit.next_path = next_path
        return await self._begin(visit, user, f"oidc:{provider.id}", proven)


def _next(visit: Visit) -> str:
    return safe_next(visit.next_path or visit.request.query("next"))


def _query(visit: Visit) -> str:
    again = {"again": "1"} if visit.request.query("again") == "1" else {}
    return urlencode({"next": _next(visit)} | again)


def _callback(visit: Visit, provider: str) -> str:
    return f"{visit.base_url}/login/oidc/{provider}/callback"


def script_json(text: str) -> Markup:
    """JSON that cannot end the script that it stands in."""
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))
