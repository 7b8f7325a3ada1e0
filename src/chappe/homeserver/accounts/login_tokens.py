"""Login tokens (`m.login.token`): proof of who one is, carried from a browser or another device to a client. Used once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.errors import Forbidden

LIFETIME_MS = 120_000


class LoginTokens:
    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self._now_ms = database, now_ms

    async def new(self, user_id: str, device_id: str | None, browser: bytes | None = None) -> str:
        """`device_id`, `browser`: of the session that asks for it, with which it ends."""
        token = secrets.token_urlsafe(32)
        await self._database.execute(
            "INSERT INTO login_tokens (token_hash, user_id, expires_ts, device_id, browser) VALUES ($1, $2, $3, $4, $5)",
            _hash(token), user_id, self._now_ms() + LIFETIME_MS, device_id, browser,
        )  # fmt: skip
        return token

    async def use(self, token: str) -> tuple[str, bytes | None]:
        """(whose it is, the browser's sign-in that it came from). Raises M_FORBIDDEN: unknown, used or expired."""
        row = await self._database.fetchrow(
            "DELETE FROM login_tokens WHERE token_hash = $1 AND expires_ts > $2 RETURNING user_id, browser",
            _hash(token), self._now_ms(),
        )  # fmt: skip
        if row is None:
            raise Forbidden("This login token is unknown, or has been used or has expired")
        return row["user_id"], row["browser"]

    async def end_of_browser(self, browser: bytes) -> None:
        await self._database.execute("DELETE FROM login_tokens WHERE browser = $1", browser)

    async def end_all(self, user_id: str) -> None:
        await self._database.execute("DELETE FROM login_tokens WHERE user_id = $1", user_id)

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM login_tokens WHERE expires_ts < $1", self._now_ms())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
