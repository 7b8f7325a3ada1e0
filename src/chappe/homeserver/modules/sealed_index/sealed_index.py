"""The index of what a person may find, sealed by their devices for each other: the server knows sizes and times only.

It comes in parts, each written as a whole: a device reads those that it does not know and finds what the others find, without
reading all history again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import BadRequest, MatrixError, NotFound

MOST_OF_A_PART, MOST_PARTS = 1 << 20, 1000  # bytes of one; of an account
_PART = re.compile(r"[A-Za-z0-9_-]{8,64}")


class PartRow(Row):
    part: str
    size: int
    written_ts: int


class Others(Row):
    parts: int
    size: int


@dataclass(frozen=True, slots=True)
class SealedParts:
    parts: list[PartRow]
    most_bytes: int


class SealedIndex:
    """`most_bytes`: of one account, over all parts; 0: none is kept."""

    def __init__(self, database: Database, now_ms: NowMs, most_bytes: int) -> None:
        self._database, self._now_ms, self._most_bytes = database, now_ms, most_bytes

    async def parts(self, user_id: str) -> SealedParts:
        """What there is, the oldest first."""
        rows = await read(
            self._database,
            PartRow,
            "SELECT part, length(sealed) AS size, written_ts FROM sealed_index WHERE user_id = $1 ORDER BY written_ts, part",
            user_id,
        )
        return SealedParts(rows, self._most_bytes)

    async def get(self, user_id: str, part: str) -> bytes:
        """Raises M_NOT_FOUND."""
        sealed = await self._database.fetchval(
            "SELECT sealed FROM sealed_index WHERE user_id = $1 AND part = $2", user_id, part
        )
        if sealed is None:
            raise NotFound("There is no such part")
        return bytes(sealed)

    async def put(self, user_id: str, part: str, sealed: bytes) -> None:
        """Takes the place of the part of that name. Raises M_INVALID_PARAM, and M_RESOURCE_LIMIT_EXCEEDED (403) for too much."""
        if _PART.fullmatch(part) is None:
            raise BadRequest("A part is named by 8 to 64 letters, digits, - or _", "M_INVALID_PARAM")
        async with self._database.transaction() as connection:  # two devices write at once: together no more than one
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"sealed index {user_id}")
            others = await find(
                connection,
                Others,
                """SELECT count(*) AS parts, coalesce(sum(length(sealed)), 0) AS size
                   FROM sealed_index WHERE user_id = $1 AND part <> $2""",
                user_id,
                part,
            )
            assert others is not None
            if others.parts >= MOST_PARTS or others.size + len(sealed) > self._most_bytes:
                raise MatrixError(403, "M_RESOURCE_LIMIT_EXCEEDED", f"An account has at most {self._most_bytes} bytes")
            await connection.execute(
                """INSERT INTO sealed_index (user_id, part, sealed, written_ts) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (user_id, part) DO UPDATE SET sealed = excluded.sealed, written_ts = excluded.written_ts""",
                user_id,
                part,
                sealed,
                self._now_ms(),
            )

    async def remove(self, user_id: str, part: str | None) -> None:
        """One part, or all."""
        await self._database.execute(
            "DELETE FROM sealed_index WHERE user_id = $1 AND ($2::text IS NULL OR part = $2)", user_id, part
        )
