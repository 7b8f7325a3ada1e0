"""OpenID tokens (client-server API, "OpenID"): a user proves to another service who they are."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.writing_function import Consequence
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import MatrixError

LIFETIME_MS = 3_600_000

CONSEQUENCE = Consequence(
    "devices_removed",
    """
    FOR r IN SELECT * FROM unnest(devices_removed_rows) LOOP
        DELETE FROM openid_tokens WHERE user_id = r.who AND device_id = r.device;
    END LOOP;""",
)


@dataclass(frozen=True, slots=True)
class OpenIdOwner:
    """Whose token it is, and of which session of theirs."""

    user_id: str
    device_id: str | None


class OpenidToken(Row):
    user_id: str
    device_id: str | None


class OpenId:
    """Tokens end with the session that asked for them, and say nothing of somebody who may not use their account."""

    def __init__(self, database: Database, accounts: AccountStore, standings: Standings, now_ms: NowMs) -> None:
        self._database, self._accounts, self._standings, self._now_ms = database, accounts, standings, now_ms

    async def new_token(self, user_id: str, session: tuple[str, str] | None) -> str:
        """Valid for an hour. `session`: the one that asks for it; None: an application service does. Raises M_FORBIDDEN."""
        token = secrets.token_urlsafe(32)
        async with self._database.transaction() as connection:
            await self._accounts.sessions.require_session(connection, session)
            await connection.execute(
                "INSERT INTO openid_tokens (token_hash, user_id, device_id, expires_ts) VALUES ($1, $2, $3, $4)",
                _hash(token),
                user_id,
                session[1] if session is not None else None,
                self._now_ms() + LIFETIME_MS,
            )
        return token

    async def proven_by(self, token: str) -> OpenIdOwner:
        """Raises M_UNKNOWN_TOKEN (401), for accounts that may not act as well: the service that asks learns no more."""
        row = await find(
            self._database,
            OpenidToken,
            "SELECT user_id, device_id FROM openid_tokens WHERE token_hash = $1 AND expires_ts > $2",
            _hash(token),
            self._now_ms(),
        )
        if row is None or await self._standings.refusal(row.user_id, Doing.ACT) is not None:
            raise MatrixError(401, "M_UNKNOWN_TOKEN", "This token is unknown or has expired")
        return OpenIdOwner(row.user_id, row.device_id)

    async def end_all(self, user_id: str) -> None:
        await self._database.execute("DELETE FROM openid_tokens WHERE user_id = $1", user_id)

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM openid_tokens WHERE expires_ts < $1", self._now_ms())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
