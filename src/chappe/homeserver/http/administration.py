"""What the endpoints of administrators have in common: who may call them, where they are, pages of lists."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import ADMIN_AUTH, SMALL_LIMIT

V1, V2 = "/_synapse/admin/v1", "/_synapse/admin/v2"
ADMIN: dict[str, Any] = {"auth": ADMIN_AUTH, "api": "admin", "body_limit": SMALL_LIMIT}


def page_of(request: Request) -> tuple[int, int, bool]:
    """Returns which part of a list is asked for: (`from`, `limit`, whether backwards). `limit` is 1 to 1000."""
    return (
        request.query_int("from", 0),
        request.query_int("limit", 100, 1, 1000),
        request.query_choice("dir", ("f", "b"), "f") == "b",
    )
