"""A provider tells that somebody has signed out there: their browsers are signed out here, and what was signed in through them."""

from __future__ import annotations

from chappe.homeserver.accounts.login_tokens import LoginTokens
from chappe.homeserver.accounts.oauth.forms import read_form
from chappe.homeserver.accounts.oauth.grants import Grants
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.single_sign_on.providers import Providers
from chappe.homeserver.api.pages.page import Pages
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import Forbidden, MatrixError


class BackChannelLogout:
    """Providers tell that somebody signed out there (OpenID Connect Back-Channel Logout 1.0)."""

    def __init__(
        self, pages: Pages, providers: Providers, sessions: Sessions, grants: Grants, login_tokens: LoginTokens
    ) -> None:
        self._pages, self._providers, self._sessions, self._grants = pages, providers, sessions, grants
        self._login_tokens = login_tokens

    @endpoint("POST", "/login/oidc/{provider}/backchannel-logout", auth=NO_AUTH, limit="oauth", body_limit=SMALL_LIMIT)
    async def logout(self, request: Request) -> Answer:
        visit = await self._pages.visit(request)
        provider = self._providers.require(request.params["provider"], visit.server_name)
        token = (await read_form(request)).get("logout_token", "")
        try:
            subject, session = await self._providers.logout_token(provider, token)
        except Forbidden as error:
            raise MatrixError(400, "M_FORBIDDEN", error.message) from None
        ended = await self._pages.browsers.end_upstream(provider.id, subject, session)
        for row in ended:  # and the clients that were signed in through those browsers
            browser = row.id_hash
            await self._grants.end_of_browser(browser)
            await self._login_tokens.end_of_browser(browser)
            await self._sessions.end_of_browser(browser)
        return Response(200, b"", headers=((b"cache-control", b"no-store"),))
