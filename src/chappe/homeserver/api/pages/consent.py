"""Consent: may an application, or a device without a browser, use this account (OAuth 2.0 API; RFC 8628)?

Our own web client is not asked about. What an application says of itself makes it none: any site may register one whose address
to go back to is ours. It is what this browser has said from our own address (`Visit.challenge`).
"""

from __future__ import annotations

from urllib.parse import urlencode

from chappe.homeserver.accounts.browser_sessions import BrowserSession
from chappe.homeserver.accounts.oauth.clients import CODE, Client
from chappe.homeserver.accounts.oauth.errors import OAuthError
from chappe.homeserver.accounts.oauth.grants import Authorization, Grants, Scope, parse_scope
from chappe.homeserver.api.pages.fields import field
from chappe.homeserver.api.pages.page import Pages, SignInFirst, Visit, called, here
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import BadRequest

AUTHORIZE = "/oauth2/authorize"


class ConsentPages:
    def __init__(self, pages: Pages, grants: Grants) -> None:
        self._pages, self._grants = pages, grants

    # ------------------------------------------------------------------------------------------------- applications

    @endpoint("GET", AUTHORIZE, auth=NO_AUTH)
    async def authorize(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._authorize)

    async def _authorize(self, visit: Visit) -> Response:
        client, redirect_uri = await self._client(visit)
        try:
            wanted = _wanted(visit, client, redirect_uri)
        except OAuthError as error:
            return self._back_with_error(visit, redirect_uri, error.error, error.message)
        query = visit.request.query
        if query("prompt") == "none":
            return self._back_with_error(visit, redirect_uri, "login_required", "The person must be asked")
        if query("prompt") == "create" and visit.session is None:
            raise SignInFirst("/register", here(visit.request).replace("prompt=create", "prompt=", 1))
        if visit.session is None and (hint := query("login_hint")):
            login = urlencode({"next": here(visit.request), "login_hint": hint})
            return self._pages.redirect(visit, f"/login?{login}")
        session = await self._pages.require(visit)
        has_begun_here = visit.challenge == wanted.code_challenge  # by our own web client, in this browser
        if redirect_uri == f"{visit.base_url}/" and has_begun_here:
            return self._back(visit, redirect_uri, {"code": await self._code(wanted, session)})
        names = {"client": client.name, "host": client.host, "user": called(session)}
        links = [
            (str(client.metadata[k]), visit.text(t))
            for k, t in (("policy_uri", "policy"), ("tos_uri", "terms"))
            if k in client.metadata
        ]
        again = urlencode({"next": here(visit.request)})
        return self._pages.render(
            visit,
            "field.html",
            title=visit.text("consent_title", **names),
            text=visit.text("consent_text", **names),
            items=_items(visit, wanted.scope),
            warning=visit.text("consent_warning"),
            fields=[],
            action=f"{AUTHORIZE}?{visit.request.query_string}",
            button=visit.text("allow"),
            refuse=visit.text("refuse"),
            leads_to=redirect_uri,
            links=[*links, (f"/switch-account?{again}", visit.text("not_you"))],
        )

    @endpoint("POST", AUTHORIZE, auth=NO_AUTH, limit="oauth", body_limit=SMALL_LIMIT)
    async def decide(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._decide)

    async def _decide(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        client, redirect_uri = await self._client(visit)
        session = await self._pages.require(visit)
        wanted = _wanted(visit, client, redirect_uri)
        if form.get("decision") != "yes":
            return self._back_with_error(visit, redirect_uri, "access_denied", "The person refused")
        return self._back(visit, redirect_uri, {"code": await self._code(wanted, session)})

    async def _code(self, wanted: Authorization, session: BrowserSession) -> str:
        return await self._grants.authorized(wanted, session.user_id, session.id_hash)

    async def _client(self, visit: Visit) -> tuple[Client, str]:
        """Until the address to go back to is known to be the client's own, errors stay on a page here."""
        client = await self._grants.clients.find(visit.request.query("client_id"))
        redirect_uri = visit.request.query("redirect_uri")
        if client is None or not client.may_use(CODE):
            raise BadRequest("This application is not known here", "M_INVALID_PARAM")
        if redirect_uri is None or not client.allows_redirect(redirect_uri):
            raise BadRequest("The address to go back to is not this application's", "M_INVALID_PARAM")
        return client, redirect_uri

    def _back(self, visit: Visit, redirect_uri: str, values: dict[str, str]) -> Response:
        query = visit.request.query
        if (state := query("state")) is not None:
            values["state"] = state
        values["iss"] = f"{visit.base_url}/"
        mark = "#" if query("response_mode") == "fragment" else "&" if "?" in redirect_uri else "?"
        return self._pages.redirect(visit, f"{redirect_uri}{mark}{urlencode(values)}")

    def _back_with_error(self, visit: Visit, redirect_uri: str, error: str, description: str) -> Response:
        return self._back(visit, redirect_uri, {"error": error, "error_description": description})

    @endpoint("GET", "/switch-account", auth=NO_AUTH)
    async def switch(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._switch)

    async def _switch(self, visit: Visit) -> Response:
        return self._pages.render(
            visit,
            "field.html",
            title=visit.text("not_you"),
            text="",
            fields=[],
            button=visit.text("sign_out"),
            action=f"/switch-account?{visit.request.query_string}",
        )

    @endpoint("POST", "/switch-account", auth=NO_AUTH, body_limit=SMALL_LIMIT)
    async def switched(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._switched)

    async def _switched(self, visit: Visit) -> Response:
        await self._pages.form(visit)
        if visit.session is not None:
            await self._pages.browsers.end(visit.session.id_hash)
        self._pages.signed_out(visit)
        return self._pages.redirect(visit, f"/login?{visit.request.query_string}")

    # ------------------------------------------------------------------------------------ devices without a browser

    @endpoint("GET", "/link", auth=NO_AUTH)
    async def link(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._link)

    async def _link(self, visit: Visit) -> Response:
        session = await self._pages.require(visit)
        code = visit.request.query("code")
        waiting = None
        if code:
            waiting = await self._waiting(visit, code)
        if waiting is None:
            fields = [field("code", visit.text("code"), "text", "off", code or "")]
            return self._pages.render(
                visit,
                "field.html",
                title=visit.text("link_title"),
                text=visit.text("link_text"),
                fields=fields,
                action="/link",
                button=visit.text("continue"),
                error=visit.text("link_unknown") if code else None,
            )
        return self._confirm_link(visit, called(session), str(code), *waiting)

    async def _waiting(self, visit: Visit, code: str) -> tuple[Client, Scope] | None:
        with self._pages.guesses.counted(visit.request, visit.session.user_id if visit.session else None) as guess:
            waiting = await self._grants.waiting_device(code)
            if waiting is None:
                guess.wrong()
        return waiting

    def _confirm_link(self, visit: Visit, user: str, code: str, client: Client, scope: Scope) -> Response:
        """No redirect proves here whose the application is: whatever it says of itself, its host too, is only said."""
        return self._pages.render(
            visit,
            "field.html",
            title=visit.text("unverified_title"),
            text=visit.text("unverified_text", client=client.name, user=user),
            items=[*_items(visit, scope), f"{visit.text('code')} : {code}"],
            warning=visit.text("link_warning"),
            fields=[],
            action=f"/link?{urlencode({'code': code})}",
            button=visit.text("allow"),
            refuse=visit.text("refuse"),
        )

    @endpoint("POST", "/link", auth=NO_AUTH, limit="oauth", body_limit=SMALL_LIMIT)
    async def decide_link(self, request: Request) -> Answer:
        return await self._pages.answer(request, self._decide_link)

    async def _decide_link(self, visit: Visit) -> Response:
        form = await self._pages.form(visit)
        session = await self._pages.require(visit)
        if "code" in form:
            return self._pages.redirect(visit, f"/link?{urlencode({'code': form['code']})}")
        agrees = form.get("decision") == "yes"
        code = visit.request.query("code") or ""
        with self._pages.guesses.counted(visit.request, session.user_id) as guess:
            done = await self._grants.decide_device(code, session.user_id, session.id_hash, agrees)
            if not done:
                guess.wrong()
        text = "link_unknown" if not done else "link_done" if agrees else "link_denied"
        return self._pages.message(visit, visit.text("link_title"), visit.text(text), "/account", visit.text("account"))


def _items(visit: Visit, scope: Scope) -> list[str]:
    """What an application may do, in words: every part of the scope has some."""
    rights = [visit.text(f"consent_{right}") for right in scope.rights]
    return [visit.text("consent_all"), *rights, f"{visit.text('consent_device')} ({scope.device_id})"]


def _wanted(visit: Visit, client: Client, redirect_uri: str) -> Authorization:
    """Raises OAuthError, to be told to the client."""
    query = visit.request.query
    if query("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    mode = query("response_mode") or "query"
    if mode not in ("query", "fragment"):
        raise OAuthError("invalid_request", "response_mode must be query or fragment")
    challenge = query("code_challenge") or ""
    if query("code_challenge_method") != "S256" or len(challenge) != 43:
        raise OAuthError("invalid_request", "PKCE with S256 is required")
    return Authorization(client, redirect_uri, parse_scope(query("scope")), query("state"), challenge, mode)
