"""The search index: a loop that follows the log, one process at a time.

Indexing costs more than sending, so it is not part of a send: the loop works a small part of the time, and a search waits
until it has caught up. What words are is said by `matrix/search_lexemes.py`, for texts and terms alike; the database compares.
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
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.progress import progress, set_progress
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.writing_function import Consequence
from chappe.homeserver.load.breath import Breath
from chappe.homeserver.modules.search.entry import Entry, EventToIndex, EventWithEdit, entry_of, place_of, text_of, words_of
from chappe.matrix.relations import REPLACE, relation_of

log = logging.getLogger(__name__)
COMMITS_AT_ONCE = 300
SETTLE = 10.0  # seconds that the index stays behind, unless somebody searches
REST = 6  # after a step, so many times its duration
LOCK = 2
RENEWED_AT_ONCE = 100
PATIENCE = 5.0  # seconds that a search waits

_UPTO = "SELECT max(upto) FROM (SELECT upto FROM journal WHERE upto > $1 ORDER BY upto LIMIT $2) j"
_READ = f"""
    SELECT e.nid, e.room_nid, e.position, e.ts, e.sender, e.type, e.json
      FROM (SELECT * FROM journal WHERE upto > $1 AND upto <= $2 ORDER BY upto LIMIT {COMMITS_AT_ONCE}) j,
           unnest(j.rooms) r(room), LATERAL (
        SELECT v.* FROM events v WHERE v.room_nid = r.room AND v.position > j.since AND v.position <= j.upto) e
     WHERE e.type IN ('m.room.message', 'm.room.name', 'm.room.topic', 'm.room.redaction')
     ORDER BY e.position"""
_READ_ALL = """
    SELECT nid, room_nid, position, ts, sender, type, json FROM events
     WHERE position > $1 AND type IN ('m.room.message', 'm.room.name', 'm.room.topic', 'm.room.redaction') ORDER BY position LIMIT $2"""
_WRITE = """
    INSERT INTO event_search (nid, room_nid, position, ts, sender, type, edit, words)
    SELECT nid, room, position, ts, sender, type, edit, t::tsvector
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[])
        AS x(nid, room, position, ts, sender, type, t, edit)
    ON CONFLICT (nid) DO UPDATE SET words = excluded.words, edit = excluded.edit"""
# what got its content later than its place in the log
_READ_RENEWED = """
    SELECT nid, room_nid, position, ts, sender, type, json, event_id FROM events
     WHERE renewed > $1 AND renewed <= $2 AND status = 0 AND type IN ('m.room.message', 'm.room.name', 'm.room.topic')"""
# what was said; of a message, the latest edit by its own author that there is, if any
_WITH_EDIT = """
    SELECT e.nid, e.room_nid, e.position, e.ts, e.sender, e.type, e.json, x.event_id AS edit, x.json AS edit_json
      FROM events e LEFT JOIN LATERAL (
        SELECT r.event_id, v.json FROM relations r JOIN events v ON v.nid = r.nid
         WHERE e.type = 'm.room.message' AND r.target = e.event_id AND r.room_nid = e.room_nid AND r.rel_type = 'm.replace'
           AND r.sender = e.sender AND r.type = e.type ORDER BY r.ts DESC, r.event_id COLLATE "C" DESC LIMIT 1) x ON true"""
_READ_EDITED = f"""{_WITH_EDIT}
     WHERE e.nid IN (SELECT v.nid FROM events v WHERE v.event_id = ANY($1::text[])
                     UNION SELECT s.nid FROM event_search s WHERE s.edit = ANY($2::text[]))
       AND e.status = 0 AND e.type IN ('m.room.message', 'm.room.name', 'm.room.topic')"""
_READ_OLD = "SELECT nid, xmin::text AS version FROM event_search WHERE nid < $1 ORDER BY nid DESC LIMIT $2"
_READ_AGAIN = f"{_WITH_EDIT} WHERE e.nid = ANY($1::bigint[])"
# Nobody is waited for, and no redaction waits: what one has changed meanwhile, or is changing, is left to it.
_RENEW = """
    UPDATE event_search s SET words = x.t::tsvector, edit = x.edit
      FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS x(nid, version, t, edit)
     WHERE s.nid = x.nid AND s.xmin::text = x.version
       AND s.nid IN (SELECT nid FROM event_search WHERE nid = ANY($1::bigint[]) FOR UPDATE SKIP LOCKED)"""


CONSEQUENCE = Consequence(  # what is taken back is found no more from the same moment
    "redactions",
    """
    FOR r IN SELECT * FROM unnest(redactions_rows) LOOP
        CONTINUE WHEN r._lane = ANY (bad);
        DELETE FROM event_search s USING events e WHERE e.event_id = r.event_id AND s.nid = e.nid;
        UPDATE event_search s SET words = '' WHERE s.edit = r.event_id;
    END LOOP;""",
)


class RenewedEvent(EventToIndex):
    event_id: str


class OldEntry(Row):
    nid: int
    version: str


class SearchIndex:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._news, self._urgent, self._in_a_hurry = asyncio.Event(), asyncio.Event(), 0
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
        if not self._in_a_hurry:
            await asyncio.sleep(min(5.0, REST * (time.monotonic() - started)))
        return more

    async def caught_up(self) -> None:
        """Returns once everything that is known now can be found, or after some seconds in any case."""
        goal, deadline = self._clock.watermark, time.monotonic() + PATIENCE
        self._in_a_hurry += 1
        self._urgent.set()
        try:
            while self.position < goal and time.monotonic() < deadline:
                self._news.set()
                try:
                    async with self._moved:
                        await asyncio.wait_for(self._moved.wait(), 0.2)
                except TimeoutError:
                    found = await progress(self._database, "search")
                    self.position = max(self.position, found)  # another process may be the one that indexes
        finally:
            self._in_a_hurry -= 1
            if not self._in_a_hurry:
                self._urgent.clear()

    async def _step(self) -> bool:
        """Indexes the next commits. Returns whether there may be more."""
        async with self._database.transaction() as connection:
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                return False
            at = await progress(connection, "search")
            if await connection.fetchval("SELECT min(since) FROM journal") > at:  # the log begins later
                rows = await read(connection, EventToIndex, _READ_ALL, at, COMMITS_AT_ONCE)
                upto = rows[-1].position if rows else max(at, self._clock.watermark)
                more = bool(rows)
            else:
                upto = await connection.fetchval(_UPTO, at, COMMITS_AT_ONCE) or at
                rows = await read(connection, EventToIndex, _READ, at, upto)
                more = upto > at
            await self._write(connection, rows)
            if renewed := await read(connection, RenewedEvent, _READ_RENEWED, at, upto):
                await self._write(connection, renewed)
                await self._write_edited(connection, [row.event_id for row in renewed], [])
            await set_progress(connection, "search", upto)
        self.position = upto
        async with self._moved:
            self._moved.notify_all()
        return more

    async def renew(self) -> bool:
        """Makes the words of some messages anew that earlier rules have made, the latest first. False when none is left.

        The loop that follows the log stands still meanwhile, so that only redactions can change the same rows.
        """
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            at = await progress(connection, "search words")
            old = await read(connection, OldEntry, _READ_OLD, at, RENEWED_AT_ONCE) if at else []
            versions = {row.nid: row.version for row in old}
            breath = Breath()
            rows = await read(connection, EventWithEdit, _READ_AGAIN, list(versions)) if old else []
            entries = [await entry_of(row, breath) for row in rows]
            if entries:
                made = [(entry[0], versions[entry[0]], entry[6], entry[7]) for entry in entries]
                await connection.execute(_RENEW, *map(list, zip(*made, strict=True)))
            upto = old[-1].nid if old else 0
            await set_progress(connection, "search words", upto)
        return bool(old)

    async def _write(self, connection: Any, rows: Sequence[EventToIndex]) -> None:
        found: list[Entry] = []
        edited: list[str] = []
        redacted: list[str] = []
        breath = Breath()
        for row in rows:
            pdu = orjson.loads(row.json)
            relation = relation_of(content := pdu["content"])
            if row.type == "m.room.redaction":
                redacted += [t for t in (pdu.get("redacts"), content.get("redacts")) if type(t) is str]
            elif relation is not None and relation.rel_type == REPLACE:
                edited.append(relation.target)
            elif text := text_of(row.type, content):
                found.append((*place_of(row), await words_of(text, breath), None))
        await _store(connection, found)
        if edited or redacted:
            await self._write_edited(connection, edited + redacted, redacted)

    async def _write_edited(self, connection: Any, edited: list[str], redacted: list[str]) -> None:
        """As it reads today: what was edited, what had been edited by what is redacted now, and what is redacted, since an earlier
        step may have read it just before and written its words just after."""
        rows = await read(connection, EventWithEdit, _READ_EDITED, edited, redacted)
        breath = Breath()
        entries = [await entry_of(row, breath) for row in rows]
        await _store(connection, [entry for entry in entries if entry[6] or entry[7]])
        if gone := [entry[0] for entry in entries if not entry[6] and not entry[7]]:
            await connection.execute("DELETE FROM event_search WHERE nid = ANY($1::bigint[])", gone)


async def _store(connection: Any, entries: Sequence[Entry]) -> None:
    if entries:
        await connection.execute(_WRITE, *map(list, zip(*entries, strict=True)))
