"""The search index: a loop that follows the log, one process at a time.

Indexing costs more than sending, so it is not part of a send: the loop works a small part of the time, and a search waits
until it has caught up. Words are stemmed in French and English, without accents.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any

import orjson

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.pool import DATABASE_LOST, Database, Row
from chappe.homeserver.matrix.relations import REPLACE, relation_of
from chappe.homeserver.rooms.summary import fold

log = logging.getLogger(__name__)
KEYS = {"content.body": "m.room.message", "content.name": "m.room.name", "content.topic": "m.room.topic"}
COMMITS_AT_ONCE = 300
SETTLE = 10.0  # seconds that the index stays behind, unless somebody searches
REST = 6  # after a step, so many times its duration
LOCK = 2
MAX_TEXT = 20_000  # characters of one message
PATIENCE = 5.0  # seconds that a search waits

_READ = """
    SELECT j.upto AS commit, e.nid, e.room_nid, e.position, e.ts, e.sender, e.type, e.json
      FROM (SELECT * FROM journal WHERE upto > $1 ORDER BY upto LIMIT $2) j
      LEFT JOIN LATERAL (
        SELECT x.* FROM unnest(j.rooms) r(room), LATERAL (
            SELECT v.* FROM events v WHERE v.room_nid = r.room AND v.position > j.since AND v.position <= j.upto) x
         WHERE x.type IN ('m.room.message', 'm.room.name', 'm.room.topic')) e ON true
     ORDER BY j.upto, e.position"""
_READ_ALL = """
    SELECT position AS commit, nid, room_nid, position, ts, sender, type, json FROM events
     WHERE position > $1 AND type IN ('m.room.message', 'm.room.name', 'm.room.topic') ORDER BY position LIMIT $2"""
_WRITE = """
    INSERT INTO event_search (nid, room_nid, position, ts, sender, type, words)
    SELECT nid, room, position, ts, sender, type,
           to_tsvector('french', t) || to_tsvector('english', t) || to_tsvector('simple', t)
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[])
        AS x(nid, room, position, ts, sender, type, t)
    ON CONFLICT (nid) DO UPDATE SET words = excluded.words"""


class SearchIndex:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._news, self._urgent, self._hurry = asyncio.Event(), asyncio.Event(), 0
        self._moved = asyncio.Condition()
        self.position = 0
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        if commit.rooms:
            self._news.set()

    async def follow(self) -> None:
        """Until cancelled."""
        self._news.set()
        while True:
            await self._news.wait()
            with contextlib.suppress(TimeoutError):  # what is written at once is indexed together, a moment later
                await asyncio.wait_for(self._urgent.wait(), SETTLE)
            self._news.clear()
            try:
                while await self._rest(self._step()):
                    pass
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(1)
                self._news.set()
            except Exception:
                log.exception("messages could not be indexed for search")
                await asyncio.sleep(5)
                self._news.set()

    async def _rest(self, step: Any) -> bool:
        """Works a small part of the time, unless somebody waits."""
        started = time.monotonic()
        more: bool = await step
        if not self._hurry:
            await asyncio.sleep(min(5.0, REST * (time.monotonic() - started)))
        return more

    async def caught_up(self) -> None:
        """Returns once everything that is known now can be found, or after some seconds in any case."""
        goal, deadline = self._clock.watermark, time.monotonic() + PATIENCE
        self._hurry += 1
        self._urgent.set()
        try:
            while self.position < goal and time.monotonic() < deadline:
                self._news.set()
                try:
                    async with self._moved:
                        await asyncio.wait_for(self._moved.wait(), 0.2)
                except TimeoutError:
                    found = await self._database.fetchval("SELECT position FROM progress WHERE name = 'search'")
                    self.position = max(self.position, found)  # another process may be the one that indexes
        finally:
            self._hurry -= 1
            if not self._hurry:
                self._urgent.clear()

    async def _step(self) -> bool:
        """Indexes the next commits. Returns whether there may be more."""
        async with self._database.transaction(background=True) as connection:
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                return False
            at = await connection.fetchval("SELECT position FROM progress WHERE name = 'search'")
            pruned = await connection.fetchval("SELECT min(since) FROM journal") > at
            rows = await connection.fetch(_READ_ALL if pruned else _READ, at, COMMITS_AT_ONCE)
            if not rows:
                upto = max(at, self._clock.watermark) if pruned else at
            else:
                upto = rows[-1]["commit"]
                await self._write(connection, [row for row in rows if row["nid"] is not None])
            await connection.execute("UPDATE progress SET position = $1 WHERE name = 'search'", upto)
        self.position = upto
        async with self._moved:
            self._moved.notify_all()
        return bool(rows)

    async def _write(self, connection: Any, rows: Sequence[Row]) -> None:
        found: dict[int, tuple[Any, ...]] = {}
        edits: list[tuple[str, str, str]] = []
        for row in rows:
            content = orjson.loads(row["json"])["content"]
            relation = relation_of(content)
            if relation is not None and relation.rel_type == REPLACE:
                new = content.get("m.new_content")
                if type(new) is dict and (text := _text(row["type"], new)):
                    edits.append((relation.target, row["sender"], text))
            elif text := _text(row["type"], content):
                found[row["nid"]] = (row["room_nid"], row["position"], row["ts"], row["sender"], row["type"], text)
        if found:
            await connection.execute(_WRITE, list(found), *map(list, zip(*found.values(), strict=True)))
        for target, sender, text in edits:
            await connection.execute(
                """UPDATE event_search s
                      SET words = to_tsvector('french', $3) || to_tsvector('english', $3) || to_tsvector('simple', $3)
                     FROM events e WHERE e.event_id = $1 AND e.sender = $2 AND s.nid = e.nid""",
                target, sender, text,
            )  # fmt: skip


def _text(event_type: str, content: dict[str, Any]) -> str | None:
    key = next(k for k, kind in KEYS.items() if kind == event_type).split(".")[1]
    value = content.get(key)
    return fold(value[:MAX_TEXT].replace("\0", " ")) if type(value) is str else None
