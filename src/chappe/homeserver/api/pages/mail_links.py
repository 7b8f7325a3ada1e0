"""The pages behind links in mails: an address is confirmed, a forgotten password is replaced."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.threepids import PATH, RESET, Threepids, TokenRequest
from chappe.homeserver.actions.reset_password import ResetPassword
from chappe.homeserver.api.pages.fields import field
from chappe.homeserver.api.pages.page import Pages, Visit
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import MatrixError


class MailLinkPages:
    def __init__(self, pages: Pages, accounts: Accounts, threepids: Threepids, reset: ResetPassword) -> None:
        self._pages, self._accounts, self._threepids, self._reset = pages, accounts, threepids, reset

    # ------------------------------------------------------------------------------------------- proving an address

    @endpoint("GET", PATH, auth=NO_AUTH)
    async def verify(self, request: Request) -> Answer:
        """Opening the link changes nothing: programs that read mail open links, too."""
        return await self._pages.answer(request, self._verify)

    async def _verify(self, visit: Visit) -> Response:
        query = visit.request.query
        link = await self._threepids.next_link(query("sid"), query("client_secret"))
        return self._pages.render(
            visit,
            "field.html",
            title=visit.text("confirm_address"),
            text=visit.text("confirm_address_text"),
            fields=[],
            leads_to=link,
            action=f"{PATH}?{visit.request.query_string}",
            button=visit.text("confirm"),
        )

    @endpoint("POST", PATH, auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def submit(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._submit)

    async def _submit(self, visit: Visit) -> Response:
        await self._pages.form(visit)
        query = visit.request.query
        sid, secret = query("sid") or "", query("client_secret") or ""
        with self._pages.guesses.counted(visit.request):
            link = await self._threepids.submit(sid, secret, query("token") or "")
        if link is not None:
            return self._pages.redirect(visit, link + ("&" if "?" in link else "?") + urlencode({"sid": sid}))
        return self._pages.message(visit, visit.text("address_confirmed"), visit.text("address_confirmed_text"))

    # ------------------------------------------------------------------------------------------- forgotten password

    @endpoint("GET", "/forgot-password", auth=NO_AUTH)
    async def forgot(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._forgot)

    async def _forgot(self, visit: Visit) -> Response:
        if not self._pages.has_mail:
            return self._pages.message(visit, visit.text("forgot_title"), visit.text("no_mail"))
        return self._pages.render(
            visit,
            "field.html",
            title=visit.text("forgot_title"),
            text=visit.text("forgot_text"),
            action="/forgot-password",
            button=visit.text("send_link"),
            fields=[field("email", visit.text("email"), "email", "email", visit.request.query("login_hint") or "")],
        )

    @endpoint("POST", "/forgot-password", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def send_link(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._send_link)

    async def _send_link(self, visit: Visit) -> Response:
        address = (await self._pages.form(visit)).get("email", "").strip(" ")
        secret = secrets.token_urlsafe(16)
        link = f"{visit.base_url}/reset-password?{urlencode({'client_secret': secret})}"
        wanted = TokenRequest(address, secret, 1, link, visit.server_name, visit.base_url, visit.language)
        await self._threepids.request_token(RESET, wanted)
        minutes = self._threepids.mail.link_minutes
        return self._pages.render(visit, "check_mail.html", address=address, minutes=minutes, action="/forgot-password")

    @endpoint("GET", "/reset-password", auth=NO_AUTH)
    async def reset(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._reset_page)

    async def _reset_page(self, visit: Visit, error: str | None = None) -> Response:
        query = visit.request.query
        with self._pages.guesses.counted(visit.request):
            await self._threepids.proven(query("sid"), query("client_secret"), (RESET,))
        return self._pages.render(
            visit,
            "field.html",
            400 if error else 200,
            title=visit.text("forgot_title"),
            error=error,
            text=visit.text("password_hint", count=self._accounts.passwords.minimum),
            button=visit.text("change_password"),
            action=f"/reset-password?{visit.request.query_string}",
            warning=visit.text("password_signs_out"),
            fields=[field("password", visit.text("new_password"), "password", "new-password")],
        )

    @endpoint("POST", "/reset-password", auth=NO_AUTH, limit="account", body_limit=SMALL_LIMIT)
    async def submit_reset(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._submit_reset)

    async def _submit_reset(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        query = visit.request.query
        sid = query("sid") or ""
        with self._pages.guesses.counted(visit.request):
            address = await self._threepids.proven(sid, query("client_secret"), (RESET,))
        try:
            await self._reset.by_address(address, sid, form.get("password", ""), True)
        except MatrixError as error:
            if error.errcode == "M_WEAK_PASSWORD" or error.errcode.startswith("M_PASSWORD_"):
                return await self._reset_page(visit, self._pages.refusal(visit, error))
            raise
        self._pages.signed_out(visit)
        done = visit.text("password_changed")
        return self._pages.message(visit, visit.text("forgot_title"), done, "/login", visit.text("sign_in"))
