"""OpenID tokens (client-server API, "OpenID"): a user proves to another service who they are."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.errors import MatrixError

LIFETIME_MS = 3_600_000


class OpenId:
    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self._now_ms = database, now_ms

    async def new_token(self, user_id: str) -> str:
        """Valid for an hour."""
        token = secrets.token_urlsafe(32)
        await self._database.execute(
            "INSERT INTO openid_tokens VALUES ($1, $2, $3)", _hash(token), user_id, self._now_ms() + LIFETIME_MS
        )
        return token

    async def user_of(self, token: str) -> str:
        """Raises M_UNKNOWN_TOKEN (401)."""
        user = await self._database.fetchval(
            "SELECT user_id FROM openid_tokens WHERE token_hash = $1 AND expires_ts > $2", _hash(token), self._now_ms()
        )
        if user is None:
            raise MatrixError(401, "M_UNKNOWN_TOKEN", "This token is unknown or has expired")
        return str(user)

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM openid_tokens WHERE expires_ts < $1", self._now_ms())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
