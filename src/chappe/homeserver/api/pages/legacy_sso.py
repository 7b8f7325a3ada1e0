"""Single sign-on of the legacy API (sso_login_redirect.yaml) and the pages behind User-Interactive Authentication."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from chappe.homeserver.accounts.login_tokens import LoginTokens
from chappe.homeserver.accounts.single_sign_on.providers import Providers
from chappe.homeserver.accounts.uia import SSO, UserInteractiveAuth
from chappe.homeserver.api.pages.page import Pages, Visit, called, here
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import BadRequest, Forbidden

_REDIRECT = "/_matrix/client/v3/login/sso/redirect"
_CONTINUE = "/login/continue"
_FALLBACK = "/_matrix/client/v3/auth/{authType}/fallback/web"
_NEVER = ("javascript", "data", "vbscript", "file", "blob", "about", "")

_NOT_BEGUN = "This action was begun by another account, or has expired"


class LegacySsoPages:
    def __init__(self, pages: Pages, providers: Providers, login_tokens: LoginTokens, uia: UserInteractiveAuth) -> None:
        self._pages, self._providers, self._login_tokens, self._uia = pages, providers, login_tokens, uia

    @endpoint("GET", _REDIRECT, _REDIRECT + "/{idpId}", auth=NO_AUTH, limit="login")
    async def redirect(self, request: Request) -> Answer:
        target = _checked(request.query("redirectUrl"))
        visit = await self._pages.visit(request)
        next_path = f"{_CONTINUE}?{urlencode({'redirectUrl': target})}"
        query = urlencode({"next": next_path})
        if "idpId" in request.params:
            provider = self._providers.require(request.params["idpId"], visit.server_name)
            return self._pages.redirect(visit, f"/login/oidc/{provider.id}?{query}", 302)
        action = request.query("action") or request.query("org.matrix.msc3824.action")
        return self._pages.redirect(visit, f"{'/register' if action == 'register' else '/login'}?{query}", 302)

    @endpoint("GET", _CONTINUE, auth=NO_AUTH)
    async def ask(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._ask)

    async def _ask(self, visit: Visit) -> Response:
        """Whoever made the link chose where it leads: the person sees the host before anything is given away."""
        target = _checked(visit.request.query("redirectUrl"))
        session = await self._pages.require(visit)
        host = urlsplit(target).netloc or urlsplit(target).scheme
        return self._pages.render(
            visit,
            "field.html",
            title=visit.text("sso_title", host=host),
            text=visit.text("sso_text", host=host, user=called(session)),
            fields=[],
            button=visit.text("continue"),
            action=here(visit.request),
            leads_to=target,
            links=[("/account", visit.text("cancel"))],
        )

    @endpoint("POST", _CONTINUE, auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
    async def go_on(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._go_on)

    async def _go_on(self, visit: Visit) -> Response:
        await self._pages.form(visit)
        target = _checked(visit.request.query("redirectUrl"))
        session = await self._pages.require(visit)
        token = urlencode({"loginToken": await self._login_tokens.new(session.user_id, None, session.id_hash)})
        base, mark, fragment = target.partition("#")
        return self._pages.redirect(visit, f"{base}{'&' if '?' in base else '?'}{token}{mark}{fragment}")

    # ---------------------------------------------------------------------------------------------------------- UIA

    @endpoint("GET", _FALLBACK, auth=NO_AUTH)
    async def fallback(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._fallback)

    async def _fallback(self, visit: Visit) -> Response:
        _known_stage(visit)
        session = await self._pages.require(visit, fresh=True)
        purpose = await self._uia.purpose_of(visit.request.query("session") or "", session.user_id)
        if purpose is None:
            raise Forbidden(_NOT_BEGUN)
        what, _, device = purpose.partition(" ")
        text = visit.text("uia_text", user=called(session), what=visit.text(f"uia_{what}", device=device))
        return self._pages.render(
            visit,
            "field.html",
            title=visit.text("uia_title"),
            text=text,
            warning=visit.text("uia_warning"),
            fields=[],
            action=here(visit.request),
            button=visit.text("confirm"),
            links=[("/account", visit.text("cancel"))],
        )

    @endpoint("POST", _FALLBACK, auth=NO_AUTH, limit="login", body_limit=SMALL_LIMIT)
    async def confirm(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._confirm)

    async def _confirm(self, visit: Visit) -> Response:
        _known_stage(visit)
        await self._pages.form(visit)
        session = await self._pages.require(visit, fresh=True)
        if not await self._uia.complete(visit.request.query("session") or "", session.user_id, [SSO]):
            raise Forbidden(_NOT_BEGUN)
        return self._pages.render(visit, "fallback_done.html")


def _known_stage(visit: Visit) -> None:
    if visit.request.params["authType"] != SSO:
        raise BadRequest("There is no page for this kind of authentication", "M_INVALID_PARAM")


def _checked(target: str | None) -> str:
    """Raises M_INVALID_PARAM for what is no address of an application."""
    if target is None:
        raise BadRequest("`redirectUrl` is missing", "M_MISSING_PARAM")
    try:
        parts = urlsplit(target)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.lower() in _NEVER or not target.isprintable() or len(target) > 4000 or parts.username is not None:
        raise BadRequest("`redirectUrl` is not an address to go on to", "M_INVALID_PARAM")
    if parts.scheme in ("http", "https") and not parts.hostname:
        raise BadRequest("`redirectUrl` is not an address to go on to", "M_INVALID_PARAM")
    return target
