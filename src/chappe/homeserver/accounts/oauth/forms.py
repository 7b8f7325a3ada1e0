"""The forms in which clients ask the OAuth 2.0 API, and providers tell of a logout."""

from __future__ import annotations

from urllib.parse import parse_qsl

from chappe.homeserver.accounts.oauth.errors import OAuthError
from chappe.homeserver.http.request import Request


async def read_form(request: Request) -> dict[str, str]:
    """`application/x-www-form-urlencoded`, each name once. Raises invalid_request."""
    if not (request.header(b"content-type") or "").startswith("application/x-www-form-urlencoded"):
        raise OAuthError("invalid_request", "The request must be a form")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise OAuthError("invalid_request", "The form could not be read") from None
    form = dict(pairs)
    if len(form) != len(pairs) or any("\0" in value for value in form.values()):
        raise OAuthError("invalid_request", "The form names something twice, or holds U+0000")
    return form
