"""Rendezvous sessions: a small letter box through which two devices prepare a sign-in by QR code (MSC4108, MSC4388).

What passes is encrypted between the devices. Sessions are short, small and few per network. Nobody keeps others from signing in
by taking all places: where none is free, the largest crowd gives one up.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.proxies import crowd_of
from chappe.matrix.errors import LimitExceeded, MatrixError, NotFound

LIFETIME_MS, MAX_BYTES, AT_MOST, PER_NETWORK = 300_000, 4096, 10_000, 200


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


class Crowding(Row):
    """How many sessions wait."""

    all: int
    own: int


class RendezvousRow(Row):
    id: str
    content_type: str
    data: bytes
    version: int
    changed_ts: int
    expires_ts: int
    network: str
    crowd: str


class Rendezvous:
    def __init__(self, database: Database, now_ms: NowMs) -> None:
        self._database, self.now_ms = database, now_ms

    async def create(self, network: str, content_type: str, data: bytes) -> Payload:
        """`network`: who asks, as limits count (`http.proxies.network_of`). Raises M_TOO_LARGE (413), M_LIMIT_EXCEEDED."""
        _check(data)
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('rendezvous', 0))")
            now = self.now_ms()
            await connection.execute("DELETE FROM rendezvous WHERE expires_ts <= $1", now)
            taken = await find(
                connection,
                Crowding,
                "SELECT count(*) AS all, count(*) FILTER (WHERE network = $1) AS own FROM rendezvous",
                network,
            )
            assert taken is not None
            if taken.own >= PER_NETWORK:
                raise LimitExceeded(
                    LIFETIME_MS // PER_NETWORK, "Too many devices sign in from your network: please wait a moment"
                )
            if taken.all >= AT_MOST:
                await _make_room(connection, taken.all - AT_MOST + 1)
            row = await find(
                connection,
                RendezvousRow,
                f"""INSERT INTO rendezvous (id, content_type, data, changed_ts, expires_ts, network, crowd)
                   VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {columns(RendezvousRow)}""",
                secrets.token_urlsafe(24),
                content_type,
                data,
                now,
                now + LIFETIME_MS,
                network,
                crowd_of(network),
            )
        assert row is not None
        return _payload(row)

    async def get(self, session: str) -> Payload:
        """Raises M_NOT_FOUND."""
        row = await find(
            self._database,
            RendezvousRow,
            f"SELECT {columns(RendezvousRow)} FROM rendezvous WHERE id = $1 AND expires_ts > $2",
            session,
            self.now_ms(),
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
        row = await find(
            self._database,
            RendezvousRow,
            f"""UPDATE rendezvous SET data = $3, content_type = $4, version = version + 1, changed_ts = $5
                WHERE id = $1 AND version = $2 RETURNING {columns(RendezvousRow)}""",
            session,
            current.version,
            data,
            content_type,
            self.now_ms(),
        )
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


async def _make_room(connection: Any, places: int) -> None:
    """The oldest sessions go of the crowd that has most of them: not those of people who come from elsewhere."""
    await connection.execute(
        """DELETE FROM rendezvous WHERE id IN (
               SELECT id FROM rendezvous
                WHERE crowd = (SELECT crowd FROM rendezvous GROUP BY crowd ORDER BY count(*) DESC, crowd LIMIT 1)
                ORDER BY expires_ts, id LIMIT $1)""",
        places,
    )


def _payload(row: RendezvousRow) -> Payload:
    return Payload(row.id, row.content_type, row.data, row.version, row.changed_ts, row.expires_ts)


def _check(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise MatrixError(413, "M_TOO_LARGE", f"At most {MAX_BYTES} bytes")
