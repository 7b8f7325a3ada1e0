"""SQL of relations: read only, the room engine writes them with the events.

Anybody can name any event in a relation; one from another room counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read, values
from chappe.homeserver.rooms.stretches import BLOCK, Cursor, Span

MAX_EDITS, MAX_REFERENCES = 20, 200  # of one event: many of one take nothing from the others
MAX_IN_THREADS = 1000
# of threads `t` of the room $1: whether $2, where it is somebody, has written in them
_PARTICIPATED = """($2::text IS NULL
                    OR EXISTS (SELECT 1 FROM relations x WHERE x.target = t.root AND x.room_nid = $1
                                  AND x.rel_type = 'm.thread' AND x.sender = $2)
                    OR EXISTS (SELECT 1 FROM events e WHERE e.event_id = t.root AND e.sender = $2))"""


class RelationKind(Row):
    target: str
    rel_type: str


class Edit(Row):
    target: str
    event_id: str


class Reference(Row):
    target: str
    event_id: str
    position: int


class ThreadEvent(Row):
    target: str
    event_id: str
    sender: str
    position: int
    state_before: int


class ThreadRoot(Row):
    root: str
    latest: int


class ThreadAnswer(Row):
    root: str
    position: int


class ThreadSummary(Row):
    """`first`, `latest`: positions of answers."""

    target: str
    count: int
    participated: bool
    latest: int
    first: int
    latest_id: str


class RelatedEvent(Row):
    """`place`: that of its span among those asked for, counted from 1."""

    event_id: str
    position: int
    place: int


class RelationStore:
    """Every method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def kinds(self, room_nid: int, targets: list[str]) -> dict[str, list[str]]:
        """By relation type: the targets to which something relates like that."""
        rows = await read(
            self._database,
            RelationKind,
            "SELECT DISTINCT target, rel_type FROM relations WHERE target = ANY($1::text[]) AND room_nid = $2",
            targets,
            room_nid,
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row.rel_type, []).append(row.target)
        return found

    async def edits(self, room_nid: int, targets: list[str], ignored: list[str], upto: int | None) -> list[Edit]:
        """(target, event_id), by the target's own author, latest first, of what came no later than a position."""
        return await read(
            self._database,
            Edit,
            """SELECT x.target, x.event_id FROM unnest($1::text[]) t CROSS JOIN LATERAL (
                   SELECT r.target, r.event_id, r.ts FROM relations r
                    WHERE r.target = t AND r.rel_type = 'm.replace' AND r.sender <> ALL($2::text[]) AND r.room_nid = $4
                      AND r.sender = (SELECT e.sender FROM events e WHERE e.event_id = t)
                      AND ($5::bigint IS NULL OR r.position <= $5)
                    ORDER BY r.ts DESC, r.event_id COLLATE "C" DESC LIMIT $3) x
                ORDER BY x.ts DESC, x.event_id COLLATE "C" DESC""",
            targets,
            ignored,
            MAX_EDITS,
            room_nid,
            upto,
        )

    async def references(self, room_nid: int, targets: list[str], ignored: list[str]) -> list[Reference]:
        return await read(
            self._database,
            Reference,
            """SELECT x.target, x.event_id, x.position FROM unnest($1::text[]) t CROSS JOIN LATERAL (
                   SELECT r.target, r.event_id, r.position FROM relations r
                    WHERE r.target = t AND r.rel_type = 'm.reference' AND r.sender <> ALL($2::text[]) AND r.room_nid = $4
                    ORDER BY r.position LIMIT $3) x
                ORDER BY x.position""",
            targets,
            ignored,
            MAX_REFERENCES,
            room_nid,
        )

    async def threads(
        self, room_nid: int, roots: list[str], user_id: str, ignored: list[str], upto: int | None
    ) -> list[ThreadSummary]:
        """Of what came no later than a position."""
        return await read(
            self._database,
            ThreadSummary,
            """SELECT g.target, g.count, g.participated, g.latest, g.first,
                      (SELECT x.event_id FROM relations x WHERE x.target = g.target AND x.position = g.latest) AS latest_id
                 FROM (SELECT target, count(*) AS count, bool_or(sender = $2) AS participated, max(position) AS latest,
                              min(position) AS first
                         FROM relations WHERE target = ANY($1::text[]) AND rel_type = 'm.thread'
                          AND sender <> ALL($3::text[]) AND ($4::bigint IS NULL OR position <= $4)
                          AND room_nid = $5 GROUP BY target) g""",
            roots,
            user_id,
            ignored,
            upto,
            room_nid,
        )

    async def in_threads(self, room_nid: int, roots: list[str], ignored: list[str], upto: int | None) -> list[ThreadEvent]:
        """(target, event_id, sender, position, state_before) of what is in threads, the latest first, at most 1,000."""
        return await read(
            self._database,
            ThreadEvent,
            """SELECT x.target, x.event_id, x.sender, x.position, e.state_before FROM relations x JOIN events e ON e.nid = x.nid
                WHERE x.target = ANY($1::text[]) AND x.rel_type = 'm.thread' AND x.sender <> ALL($2::text[])
                  AND ($3::bigint IS NULL OR x.position <= $3) AND x.room_nid = $4
                ORDER BY x.position DESC LIMIT $5""",
            roots,
            ignored,
            upto,
            room_nid,
            MAX_IN_THREADS,
        )

    async def related(
        self,
        room_nid: int,
        target: str,
        rel_type: str | None,
        event_type: str | None,
        start: Cursor | None,
        stop: Cursor | None,
        backwards: bool,
        limit: int,
        depth: int,
        spans: Sequence[Span],
    ) -> list[RelatedEvent]:
        """(event_id, position) beyond `start`, before `stop`, in the order asked for. `spans`: those of the room's order."""
        beyond, before, order = ("<", ">", "DESC") if backwards else (">", "<", "ASC")
        return await read(
            self._database,
            RelatedEvent,
            f"""WITH RECURSIVE found AS (
                    SELECT x.event_id, x.position, x.rel_type, x.type, 1 AS depth FROM relations x
                     WHERE x.target = $2 AND x.room_nid = $1
                    UNION
                    SELECT x.event_id, x.position, x.rel_type, x.type, f.depth + 1 FROM found f
                      JOIN relations x ON x.target = f.event_id AND x.room_nid = $1 WHERE f.depth < $8)
                SELECT DISTINCT f.event_id, f.position, s.place FROM found f
                  JOIN unnest($9::bigint[], $10::bigint[]) WITH ORDINALITY AS s(low, high, place)
                    ON f.position > s.low AND f.position <= s.high
                 WHERE ($3::text IS NULL OR f.rel_type = $3) AND ($4::text IS NULL OR f.type = $4)
                   AND ($5::bigint[] IS NULL OR ARRAY[s.place, f.position] {beyond} $5)
                   AND ($6::bigint[] IS NULL OR ARRAY[s.place, f.position] {before} $6)
                 ORDER BY s.place {order}, f.position {order} LIMIT $7""",
            room_nid,
            target,
            rel_type,
            event_type,
            *(None if c is None else [c.span + 1, c.at] for c in (start, stop)),
            limit,
            depth,
            [s.low for s in spans],
            [s.high for s in spans],
        )

    async def related_ids(self, room_nid: int, target: str, rel_types: Sequence[str]) -> list[str]:
        return await values(
            self._database,
            str,
            """SELECT event_id FROM relations WHERE room_nid = $1 AND target = $2
                AND ('*' = ANY($3::text[]) OR rel_type = ANY($3::text[])) ORDER BY position LIMIT 1000""",
            room_nid,
            target,
            list(rel_types),
        )

    async def roots(
        self, room_nid: int, participant: str | None, start: int | None, upto: int | None, limit: int
    ) -> list[ThreadRoot]:
        """(root, latest) of threads as of a position, newest first; with a participant, those where they have written.

        Of a room that has no stretches beside the log and what was before it.
        """
        return await read(
            self._database,
            ThreadRoot,
            f"""SELECT t.root, t.latest FROM (
                    SELECT root, room_nid, CASE WHEN $4::bigint IS NULL THEN latest ELSE (
                            SELECT max(x.position) FROM relations x WHERE x.target = threads.root AND x.room_nid = $1
                               AND x.rel_type = 'm.thread' AND x.position <= $4) END AS latest
                      FROM threads WHERE room_nid = $1 AND latest <> 0) t
                WHERE t.latest <> 0 AND ($3::bigint IS NULL OR t.latest < $3) AND {_PARTICIPATED}
                ORDER BY t.latest DESC LIMIT $5""",
            room_nid,
            participant,
            start,
            upto,
            limit,
        )

    async def latest_answers(self, room_nid: int, participant: str | None, upto: int | None) -> list[ThreadAnswer]:
        """(root, position) of the latest answer in each thread: one in the log as of a position, and one in each stretch."""
        return await read(
            self._database,
            ThreadAnswer,
            f"""SELECT t.root, max(x.position) AS position FROM threads t
                  JOIN relations x ON x.target = t.root AND x.room_nid = $1 AND x.rel_type = 'm.thread'
                 WHERE t.room_nid = $1 AND t.latest <> 0 AND ($3::bigint IS NULL OR x.position <= $3) AND {_PARTICIPATED}
                 GROUP BY t.root, CASE WHEN x.position < 0 THEN (-x.position - 1) / {BLOCK} ELSE -1 END""",
            room_nid,
            participant,
            upto,
        )
