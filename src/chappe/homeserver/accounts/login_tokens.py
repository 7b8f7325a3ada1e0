"""Login tokens (`m.login.token`): proof of who one is, carried from a browser or another device to a client. Used once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from asyncpg.pool import PoolConnectionProxy

from chappe.homeserver.accounts.session_store import InTransaction
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import Forbidden

LIFETIME_MS = 120_000


@dataclass(frozen=True, slots=True)
class Carried:
    """Whose a token was; the browser's sign-in that it came from; the session (user, device) that is to end the new one."""

    user_id: str
    browser: bytes | None
    parent: tuple[str, str] | None


class LoginToken(Row):
    user_id: str
    browser: bytes | None
    parent_user: str | None
    device_id: str | None


class LoginTokens:
    def __init__(self, database: Database, store: AccountStore, now_ms: NowMs) -> None:
        self._database, self._store, self._now_ms = database, store, now_ms

    async def new(self, user_id: str, device_id: str | None, browser: bytes | None) -> str:
        """`device_id`, `browser`: of the session that asks for it, with which it ends; an application service has neither.

        Raises M_FORBIDDEN where the session has ended meanwhile.
        """
        async with self._database.transaction() as connection:
            return await self.put(connection, user_id, device_id, browser)

    async def put(
        self,
        connection: PoolConnectionProxy,
        user_id: str,
        device_id: str | None,
        browser: bytes | None,
        parent_user: str | None = None,
    ) -> str:
        """As `new`, in a transaction. `parent_user`: whose session asks for it, where it is another account's; what the token
        becomes ends with it, too.
        """
        if device_id is not None:
            await self._store.sessions.require_session(connection, (parent_user or user_id, device_id))
        elif browser is not None and not await connection.fetchval(
            "SELECT true FROM browser_sessions WHERE id_hash = $1 AND expires_ts > $2 FOR SHARE", browser, self._now_ms()
        ):
            raise Forbidden("The browser that asks for this has been signed out")
        token = secrets.token_urlsafe(32)
        await connection.execute(
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

    async def find(self, token: str) -> Carried:
        """It is used by the session that comes of it: see `spend`. Raises M_FORBIDDEN: unknown, used or expired."""
        row = await find(
            self._database,
            LoginToken,
            """SELECT user_id, browser, parent_user, device_id FROM login_tokens WHERE token_hash = $1 AND expires_ts > $2""",
            _hash(token),
            self._now_ms(),
        )
        if row is None:
            raise _unknown()
        parent = None if row.parent_user is None else (row.parent_user, row.device_id or "")
        return Carried(row.user_id, row.browser, parent)

    def spend(self, token: str) -> InTransaction:
        """Written in the transaction of the session that comes of it: whoever ends the token waits for that, and finds the session;
        or has come before, and there is none. Raises M_FORBIDDEN.
        """

        async def once(connection: PoolConnectionProxy) -> None:
            sql = "DELETE FROM login_tokens WHERE token_hash = $1 RETURNING true"
            if not await connection.fetchval(sql, _hash(token)):
                raise _unknown()

        return once

    async def end_of_browser(self, browser: bytes) -> None:
        await self._database.execute("DELETE FROM login_tokens WHERE browser = $1", browser)

    async def end_all(self, user_id: str) -> None:
        await self._database.execute("DELETE FROM login_tokens WHERE user_id = $1", user_id)

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM login_tokens WHERE expires_ts < $1", self._now_ms())


def _unknown() -> Forbidden:
    return Forbidden("This login token is unknown, or has been used or has expired")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
