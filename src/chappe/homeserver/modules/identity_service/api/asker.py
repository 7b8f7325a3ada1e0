"""Who asks the identity service, by the token of a request."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.modules.identity_service.identity_service import IdentityServer
from chappe.matrix.account_standing import Doing
from chappe.matrix.identifiers import UserId

V2 = "/_matrix/identity/v2"


def token_of(request: Request) -> str:
    """Returns the token of a request: of the header "Authorization: Bearer", or the parameter `access_token`; else the empty
    string.
    """
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.query("access_token") or ""


async def asker(identity: IdentityServer, request: Request, doing: Doing = Doing.READ, needs_terms: bool = True) -> UserId:
    """Returns whose token a request bears. `doing`: what the account must be allowed to do; `needs_terms`: it must have
    accepted the terms.

    Raises M_UNAUTHORIZED (401), M_TERMS_NOT_SIGNED (403), and what refuses the account.
    """
    return await identity.user_of(token_of(request), doing, needs_terms)
