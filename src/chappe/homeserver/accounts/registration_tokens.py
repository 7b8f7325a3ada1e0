"""Who may register where registration is not open: tokens that administrators give out, and nonces for whoever knows the secret."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from msgspec.structs import asdict

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import BadRequest


class RegistrationToken(Row):
    token: str
    uses_allowed: int | None
    used: int
    expires_ts: int | None


class RegistrationTokens:
    def __init__(self, database: Database, now_ms: NowMs) -> None:
        self._database, self._now_ms = database, now_ms

    async def use(self, token: str) -> bool:
        """Counts one use. False for a token that is unknown, used up or expired."""
        result = await self._database.execute(
            """UPDATE registration_tokens SET used = used + 1 WHERE token = $1
               AND (uses_allowed IS NULL OR used < uses_allowed) AND (expires_ts IS NULL OR expires_ts > $2)""",
            token,
            self._now_ms(),
        )
        return result.endswith(" 1")

    async def is_valid(self, token: str) -> bool:
        return bool(
            await self._database.fetchval(
                """SELECT EXISTS (SELECT 1 FROM registration_tokens WHERE token = $1
               AND (uses_allowed IS NULL OR used < uses_allowed) AND (expires_ts IS NULL OR expires_ts > $2))""",
                token,
                self._now_ms(),
            )
        )

    async def add(self, token: str | None, uses: int | None, expires_ts: int | None) -> str:
        token = token or secrets.token_hex(10)  # no dash in front: it is typed on command lines
        result = await self._database.execute(
            "INSERT INTO registration_tokens (token, uses_allowed, expires_ts) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            token,
            uses,
            expires_ts,
        )
        if not result.endswith(" 1"):
            raise BadRequest("This token exists already", "M_INVALID_PARAM")
        return token

    async def all(self) -> list[dict[str, Any]]:
        rows = await read(
            self._database,
            RegistrationToken,
            "SELECT token, uses_allowed, used, expires_ts FROM registration_tokens ORDER BY token",
        )
        return [asdict(row) for row in rows]

    async def change(self, token: str, uses: int | None, expires_ts: int | None) -> None:
        await self._database.execute(
            "UPDATE registration_tokens SET uses_allowed = $2, expires_ts = $3 WHERE token = $1", token, uses, expires_ts
        )

    async def remove(self, token: str) -> bool:
        result = await self._database.execute("DELETE FROM registration_tokens WHERE token = $1", token)
        return result.endswith(" 1")

    async def new_nonce(self) -> str:
        """For registration by shared secret; valid for a minute, once."""
        nonce = secrets.token_hex(32)
        await self._database.execute("INSERT INTO registration_nonces (nonce) VALUES ($1)", nonce)
        await self._database.execute("DELETE FROM registration_nonces WHERE created < now() - interval '1 minute'")
        return nonce

    async def use_nonce(self, nonce: str) -> bool:
        result = await self._database.execute(
            "DELETE FROM registration_nonces WHERE nonce = $1 AND created > now() - interval '1 minute'", nonce
        )
        return result.endswith(" 1")


def shared_secret_mac(secret: str, nonce: str, user: str, password: str, admin: bool, user_type: str | None) -> str:
    """The HMAC that proves knowledge of the registration secret (the widely used form of `/_synapse/admin/v1/register`)."""
    parts = [nonce, user, password, "admin" if admin else "notadmin", *([user_type] if user_type else [])]
    return hmac.new(secret.encode(), b"\0".join(p.encode() for p in parts), hashlib.sha1).hexdigest()
