"""Stored filters (client-server API, "Filtering")."""

from __future__ import annotations

import hashlib

import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.load.bounded import Recent
from chappe.matrix.canonical_json import Json, canonical_json
from chappe.matrix.errors import MatrixError, NotFound
from chappe.matrix.filters import Filter, parse_filter, parse_new_filter

MAX_FILTERS = 1000  # of an account
REMEMBERED = 32 << 20  # bytes of filters, as they were sent


class Filters:
    """The same filter stored twice gets the same id. Filters never change, so they are cached."""

    def __init__(self, database: Database, most: int = MAX_FILTERS) -> None:
        self._database, self._most = database, most
        self._cache: Recent[tuple[str, int], Filter] = Recent(REMEMBERED)

    async def add(self, user_id: str, value: Json) -> str:
        """Raises M_BAD_JSON, and M_RESOURCE_LIMIT_EXCEEDED (403) for one filter too many."""
        parse_new_filter(value)
        raw = canonical_json(value)
        digest = hashlib.sha256(raw).digest()
        known = await self._database.fetchval(
            "SELECT filter_id FROM filters WHERE user_id = $1 AND digest = $2", user_id, digest
        )
        if known is not None:
            return str(known)
        number = await self._database.fetchval(
            """INSERT INTO filters (user_id, filter_id, filter, digest)
               SELECT $1, coalesce(max(filter_id) + 1, 0), $2, $3 FROM filters WHERE user_id = $1
               HAVING coalesce(max(filter_id) + 1, 0) < $4
               ON CONFLICT DO NOTHING RETURNING filter_id""",
            user_id,
            raw,
            digest,
            self._most,
        )
        if number is not None:
            return str(number)
        if await self._database.fetchval("SELECT count(*) FROM filters WHERE user_id = $1", user_id) >= self._most:
            raise MatrixError(403, "M_RESOURCE_LIMIT_EXCEEDED", f"An account has at most {self._most} filters")
        return await self.add(user_id, value)  # another request was quicker

    async def raw(self, user_id: str, filter_id: str) -> bytes:
        """Raises M_NOT_FOUND."""
        found = None
        if filter_id.isascii() and filter_id.isdigit() and len(filter_id) < 18:
            found = await self._database.fetchval(
                "SELECT filter FROM filters WHERE user_id = $1 AND filter_id = $2", user_id, int(filter_id)
            )
        if found is None:
            raise NotFound("There is no such filter")
        return bytes(found)

    async def get(self, user_id: str, filter_id: str) -> Filter:
        if not filter_id.isascii() or not filter_id.isdigit() or len(filter_id) > 17:
            raise NotFound("There is no such filter")
        key = (user_id, int(filter_id))
        found = self._cache.get(key)
        if found is None:
            raw = await self.raw(user_id, filter_id)
            found = parse_filter(orjson.loads(raw))
            self._cache.put(key, found, len(raw) + 200)
        return found
