"""OpenID tokens (openid.yaml of the client-server API and of the server-server API)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.openid.openid import LIFETIME_MS, OpenId
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import domain_of


class OpenIdApi:
    def __init__(self, openid: OpenId) -> None:
        self._openid = openid

    @endpoint(
        "POST", "/_matrix/client/v3/user/{userId}/openid/request_token", acts=True, limit="account", body_limit=SMALL_LIMIT
    )
    async def request_token(self, request: Request) -> Answer:
        if request.params["userId"] != request.user_id:
            raise Forbidden("You may ask for a token of your own only")
        await request.json_object(optional=True)
        return {
            "access_token": await self._openid.new_token(request.user_id, request.requester.session),
            "token_type": "Bearer",
            "matrix_server_name": domain_of(request.user_id),
            "expires_in": LIFETIME_MS // 1000,
        }

    @endpoint("GET", "/_matrix/federation/v1/openid/userinfo", auth=NO_AUTH)
    async def userinfo(self, request: Request) -> Answer:
        token = request.query("access_token")
        if not token:
            raise MatrixError(401, "M_MISSING_TOKEN", "`access_token` is missing")
        return {"sub": (await self._openid.proven_by(token)).user_id}
