"""Stored filters (client-server API, "Filtering")."""

from __future__ import annotations

import hashlib

import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.canonical_json import Json, canonical_json
from chappe.homeserver.matrix.errors import NotFound
from chappe.homeserver.matrix.filters import Filter, parse_filter

MAX_FILTERS = 1000


class Filters:
    """The same filter stored twice gets the same id. Filters never change, so they are cached."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: dict[tuple[str, int], Filter] = {}

    async def add(self, user_id: str, value: Json) -> str:
        parse_filter(value)
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
               ON CONFLICT DO NOTHING RETURNING filter_id""",
            user_id, raw, digest,
        )  # fmt: skip
        return str(number) if number is not None else await self.add(user_id, value)

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
        if not filter_id.isdigit() or len(filter_id) > 17:
            raise NotFound("There is no such filter")
        key = (user_id, int(filter_id))
        if key not in self._cache:
            if len(self._cache) > 20_000:
                self._cache.clear()
            self._cache[key] = parse_filter(orjson.loads(await self.raw(user_id, filter_id)))
        return self._cache[key]
