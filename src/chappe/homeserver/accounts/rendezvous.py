"""Rendezvous sessions: a small letter box through which two devices prepare a sign-in by QR code (MSC4108, MSC4388).

What passes is encrypted between the devices. Sessions are short, small and few per address.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from chappe.homeserver.database.pool import Database, Row
from chappe.homeserver.matrix.errors import MatrixError, NotFound

LIFETIME_MS, MAX_BYTES, AT_MOST = 300_000, 4096, 10_000


@dataclass(frozen=True, slots=True)
class Payload:
    id: str
    content_type: str
    data: bytes
    version: int
    changed_ts: int
    expires_ts: int

    @property
    def tag(self) -> str:
        return f"{self.id[:8]}{self.version:x}"


class Rendezvous:
    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self.now_ms = database, now_ms

    async def create(self, content_type: str, data: bytes) -> Payload:
        """Raises M_TOO_LARGE (413)."""
        _check(data)
        if (
            await self._database.fetchval("SELECT count(*) FROM rendezvous WHERE expires_ts > $1", self.now_ms())
            >= AT_MOST
        ):
            raise MatrixError(429, "M_LIMIT_EXCEEDED", "Too many devices are signing in: please wait a moment")
        now = self.now_ms()
        row = await self._database.fetchrow(
            "INSERT INTO rendezvous (id, content_type, data, changed_ts, expires_ts) VALUES ($1, $2, $3, $4, $5) RETURNING *",
            secrets.token_urlsafe(24), content_type, data, now, now + LIFETIME_MS,
        )  # fmt: skip
        return _payload(row)

    async def get(self, session: str) -> Payload:
        """Raises M_NOT_FOUND."""
        row = await self._database.fetchrow(
            "SELECT * FROM rendezvous WHERE id = $1 AND expires_ts > $2", session, self.now_ms()
        )
        if row is None:
            raise NotFound("This session does not exist, or has expired")
        return _payload(row)

    async def put(self, session: str, content_type: str, data: bytes, tag: str) -> Payload | None:
        """The new payload; None where somebody else has written since the one with this tag."""
        _check(data)
        current = await self.get(session)
        if current.tag != tag:
            return None
        row = await self._database.fetchrow(
            """UPDATE rendezvous SET data = $3, content_type = $4, version = version + 1, changed_ts = $5
                WHERE id = $1 AND version = $2 RETURNING *""",
            session, current.version, data, content_type, self.now_ms(),
        )  # fmt: skip
        return None if row is None else _payload(row)

    async def delete(self, session: str) -> None:
        """Raises M_NOT_FOUND."""
        result = await self._database.execute(
            "DELETE FROM rendezvous WHERE id = $1 AND expires_ts > $2", session, self.now_ms()
        )
        if not result.endswith(" 1"):
            raise NotFound("This session does not exist, or has expired")

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM rendezvous WHERE expires_ts < $1", self.now_ms())


def _payload(row: Row) -> Payload:
    return Payload(row["id"], row["content_type"], row["data"], row["version"], row["changed_ts"], row["expires_ts"])


def _check(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise MatrixError(413, "M_TOO_LARGE", f"At most {MAX_BYTES} bytes")
