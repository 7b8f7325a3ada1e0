"""OAuth 2.0 endpoints for clients (oauth_server_metadata.yaml; MSC2965, MSC2966, MSC4254, MSC4341)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import orjson

from chappe.config import Registration as RegistrationSettings
from chappe.homeserver.accounts.oauth.clients import GRANTS
from chappe.homeserver.accounts.oauth.errors import OAuthError
from chappe.homeserver.accounts.oauth.forms import read_form
from chappe.homeserver.accounts.oauth.grants import DEVICE_CODE_MS, INTERVAL_S, Grants
from chappe.homeserver.accounts.oauth.scopes import RIGHTS
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import MatrixError

ACTIONS = [
    "org.matrix.profile",
    "org.matrix.devices_list",
    "org.matrix.device_view",
    "org.matrix.device_delete",
    "org.matrix.account_deactivate",
    "org.matrix.cross_signing_reset",
]
_NO_STORE = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))


class OAuthApi:
    def __init__(
        self, grants: Grants, public_url: PublicUrl, registration: RegistrationSettings, own_names: Collection[str]
    ) -> None:
        self._own_names = own_names
        self._grants, self._public_url, self._registration = grants, public_url, registration

    @endpoint(
        "GET",
        "/_matrix/client/v1/auth_metadata",
        "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        auth=NO_AUTH,
        features=("org.matrix.msc2965.authentication",),
    )
    async def metadata(self, request: Request) -> Answer:
        base = self._public_url.of(request)
        settings = self._registration
        creates = ["create"] if settings.open or settings.by_token or settings.email_required else []
        return {
            "issuer": f"{base}/",
            "authorization_endpoint": f"{base}/oauth2/authorize",
            "token_endpoint": f"{base}/oauth2/token",
            "revocation_endpoint": f"{base}/oauth2/revoke",
            "registration_endpoint": f"{base}/oauth2/registration",
            "device_authorization_endpoint": f"{base}/oauth2/device",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment"],
            "grant_types_supported": list(GRANTS),
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": creates,
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
            "account_management_uri": f"{base}/account",
            "account_management_actions_supported": ACTIONS,
            "scopes_supported": ["urn:matrix:client:api:*", "urn:matrix:org.matrix.msc2967.client:api:*", *RIGHTS],
        }

    @endpoint("GET", "/_matrix/client/unstable/org.matrix.msc2965/auth_issuer", auth=NO_AUTH)
    async def issuer(self, request: Request) -> Answer:
        return {"issuer": f"{self._public_url.of(request)}/"}

    @endpoint("POST", "/oauth2/registration", auth=NO_AUTH, limit="oauth", body_limit=SMALL_LIMIT)
    async def register(self, request: Request) -> Answer:
        try:
            body = await request.json_object()
        except MatrixError as error:
            raise OAuthError("invalid_client_metadata", error.message) from None
        own = urlsplit(self._public_url.of(request)).hostname or ""
        client = await self._grants.clients.register(body, own, self._own_names)
        return Response(201, orjson.dumps({"client_id": client.client_id, **client.metadata}), headers=_NO_STORE)

    @endpoint("POST", "/oauth2/token", auth=NO_AUTH, limit="oauth", body_limit=SMALL_LIMIT)
    async def token(self, request: Request) -> Answer:
        return _answer(await self._grants.exchange(await read_form(request), request.header(b"user-agent")))

    @endpoint("POST", "/oauth2/revoke", auth=NO_AUTH, limit="oauth", body_limit=SMALL_LIMIT)
    async def revoke(self, request: Request) -> Answer:
        form = await read_form(request)
        if "token" not in form:
            raise OAuthError("invalid_request", "The token is missing")
        await self._grants.revoke(form["token"], form.get("client_id"))
        return _answer({})

    @endpoint("POST", "/oauth2/device", auth=NO_AUTH, limit="oauth", body_limit=SMALL_LIMIT)
    async def device(self, request: Request) -> Answer:
        device_code, user_code = await self._grants.begin_device(await read_form(request))
        link = f"{self._public_url.of(request)}/link"
        return _answer(
            {
                "device_code": device_code,
                "user_code": user_code,
                "verification_uri": link,
                "verification_uri_complete": f"{link}?code={user_code}",
                "expires_in": DEVICE_CODE_MS // 1000,
                "interval": INTERVAL_S,
            }
        )


def _answer(body: dict[str, Any]) -> Response:
    return Response(200, orjson.dumps(body), headers=_NO_STORE)
