"""Login tokens (`m.login.token`): proof of who one is, carried from a browser or another device to a client. Used once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from asyncpg.pool import PoolConnectionProxy

from chappe.homeserver.database.pool import Database
from chappe.matrix.errors import Forbidden

LIFETIME_MS = 120_000


@dataclass(frozen=True, slots=True)
class Carried:
    """Whose a token was; the browser's sign-in that it came from; the session (user, device) that is to end the new one."""

    user_id: str
    browser: bytes | None
    parent: tuple[str, str] | None


class LoginTokens:
    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self._now_ms = database, now_ms

    async def new(
        self,
        user_id: str,
        device_id: str | None,
        browser: bytes | None = None,
        parent_user: str | None = None,
        connection: PoolConnectionProxy | None = None,
    ) -> str:
        """`device_id`, `browser`: of the session that asks for it, with which it ends.

        `parent_user`: whose session that is, where it is another account's; what the token becomes ends with it, too.
        `connection`: of the transaction that it is made in, if any.
        """
        token = secrets.token_urlsafe(32)
        await (connection or self._database).execute(
            """INSERT INTO login_tokens (token_hash, user_id, expires_ts, device_id, browser, parent_user)
               VALUES ($1, $2, $3, $4, $5, $6)""",
            _hash(token),
            user_id,
            self._now_ms() + LIFETIME_MS,
            device_id,
            browser,
            parent_user,
        )
        return token

    async def use(self, token: str) -> Carried:
        """Raises M_FORBIDDEN: unknown, used or expired."""
        row = await self._database.fetchrow(
            """DELETE FROM login_tokens WHERE token_hash = $1 AND expires_ts > $2
               RETURNING user_id, browser, parent_user, device_id""",
            _hash(token),
            self._now_ms(),
        )
        if row is None:
            raise Forbidden("This login token is unknown, or has been used or has expired")
        parent = None if row["parent_user"] is None else (row["parent_user"], row["device_id"])
        return Carried(row["user_id"], row["browser"], parent)

    async def end_of_browser(self, browser: bytes) -> None:
        await self._database.execute("DELETE FROM login_tokens WHERE browser = $1", browser)

    async def end_all(self, user_id: str) -> None:
        await self._database.execute("DELETE FROM login_tokens WHERE user_id = $1", user_id)

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM login_tokens WHERE expires_ts < $1", self._now_ms())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
