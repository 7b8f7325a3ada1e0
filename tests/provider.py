"""An OpenID Connect provider: signs what a test wants it to say."""

from __future__ import annotations

import itertools
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey

from chappe.config import IdentityProvider
from tests.browser import Browser
from tests.process import free_port
from tests.support import Server


class Provider:
    """`says`: claims of the next ID token beside the usual ones; None leaves one out. `tells`: its userinfo, of the same person;
    None: it has none, from the server's start on. `asked`: the queries that came, oldest first."""

    def __init__(self) -> None:
        self.port, self.key = free_port(), ECKey.generate_key("P-256", {"kid": "1"})
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.says: dict[str, Any] = {}
        self.tells: dict[str, Any] | None = None
        self.asked: list[dict[str, str]] = []
        self._jti = itertools.count()

    def settings(self, **changes: Any) -> IdentityProvider:
        return IdentityProvider(
            id="pc", name="PC", issuer=self.issuer, client_id="chappe", client_secret="x", display_name="{sub}", **changes
        )

    async def start(self) -> Provider:
        application = web.Application()
        application.router.add_get("/.well-known/openid-configuration", self._metadata)
        application.router.add_get("/keys", self._keys)
        application.router.add_post("/token", self._token)
        application.router.add_get("/userinfo", self._userinfo)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _metadata(self, request: web.Request) -> web.Response:
        metadata = {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint": f"{self.issuer}/token",
            "authorization_endpoint": f"{self.issuer}/authorize",
        }
        if self.tells is not None:
            metadata["userinfo_endpoint"] = f"{self.issuer}/userinfo"
        return web.json_response(metadata)

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def _token(self, request: web.Request) -> web.Response:
        id_token = self.signed(nonce=self.asked[-1]["nonce"], **self.says)
        return web.json_response({"id_token": id_token, "access_token": "x", "token_type": "Bearer"})

    async def _userinfo(self, request: web.Request) -> web.Response:
        return web.json_response({"sub": self.says["sub"], **(self.tells or {})})

    def signed(self, **claims: Any) -> str:
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": "chappe", "iat": now, "exp": now + 300}
        said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": "1"}, said, self.key)

    async def let_in(self, browser: Browser, **query: str) -> Browser:
        """Through the provider, which asks nobody anything, and back. `query`: of our page that leads there."""
        await browser.open(f"/login/oidc/pc?{urlencode({'next': '/account', **query})}")
        assert browser.url.startswith(self.issuer), browser.page
        self.asked.append({name: value[0] for name, value in parse_qs(urlsplit(browser.url).query).items()})
        answer = urlencode({"state": self.asked[-1]["state"], "code": "c"})
        browser.url = browser.server.base
        return await browser.open(f"/login/oidc/pc/callback?{answer}")

    async def log_out(self, server: Server, **claims: Any) -> int:
        events = {"http://schemas.openid.net/event/backchannel-logout": {}}
        token = self.signed(**{"jti": str(next(self._jti)), "events": events, **claims})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"logout_token": token}).encode()
        return (await server.raw("POST", "/login/oidc/pc/backchannel-logout", body, None, headers))[0]
