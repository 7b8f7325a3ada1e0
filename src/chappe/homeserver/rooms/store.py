"""The room engine's SQL: what a commit writes, and how rooms, events and memberships are read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from chappe.homeserver.database.group_writer import Fragment
from chappe.homeserver.database.pool import Database, Record
from chappe.homeserver.rooms.summary import FRAGMENT as SUMMARY
from chappe.matrix.filters import RoomEventFilter

EVENT_COLUMNS = """e.nid, e.position, e.room_nid, e.event_id, e.type, e.state_key, e.sender, e.ts, e.depth, e.state_before,
    e.replaces, e.thread, e.notify_total, e.highlight_total, e.txn, e.redacted_by, e.moved, e.json"""
OUTLIER = -(1 << 62)  # the position of events that are in no timeline
BEGINNING = -(1 << 53)  # before every event that is in a timeline
SCANNED_AT_ONCE = 1000  # events looked at by one statement for those that pass a filter

Statuses = tuple[int, ...]  # of `events.status`: 0 history, 1 outlier, 2 rejected, 3 soft-failed
IN_A_TIMELINE: Statuses = (0,)
NOT_HELD_BACK: Statuses = (0, 1)  # and what is only cited: the state that a room had when one came in is
# servers judge for themselves what came late; what the rules refuse is no event of the room
FOR_SERVERS: Statuses = (0, 1, 3)
WHATEVER_IS_HERE: Statuses = (0, 1, 2, 3)

# Loops and scalar subqueries, not joins: a join planned while a table was empty scans it ever after.
FRAGMENTS = (
    Fragment(
        "lane",
        (
            ("room", "bigint"),
            ("state_version", "bigint"),
            ("revoke_version", "bigint"),
            ("state_bump", "int"),
            ("revoke_bump", "int"),
            ("used", "text[]"),
            ("leaf", "text"),
            ("root", "bigint"),
            ("depth", "bigint"),
            ("notify_bump", "int"),
            ("highlight_bump", "int"),
            ("last_offset", "int"),
            ("bump_offset", "int"),
            ("leaves_before", "text[]"),
            ("leaves_after", "text[]"),
        ),  # of rooms shared with other servers, else NULL
        """
        FOR r IN SELECT * FROM unnest(lane_rows) LOOP
            CONTINUE WHEN r.state_version < 0;  -- a new room
            IF (SELECT CASE WHEN r.leaves_before IS NOT NULL
                            THEN o.state_version = r.state_version AND o.leaves <@ r.leaves_before
                                 AND o.leaves @> r.leaves_before
                            WHEN r.state_bump > 0 THEN o.state_version = r.state_version
                            ELSE o.revoke_version = r.revoke_version END
                  FROM rooms o WHERE o.room_nid = r.room) IS NOT TRUE
            THEN bad := bad || r._lane; END IF;
        END LOOP;""",
        checks=True,
    ),
    Fragment(
        "new_rooms",
        (("room", "bigint"), ("room_id", "text"), ("version", "text"), ("stub", "boolean")),
        """
        INSERT INTO rooms (room_nid, room_id, version, state_version, revoke_version, leaves, root, depth, notify_total,
                           highlight_total, last_position, stub)
        SELECT n.room, n.room_id, n.version, 0, 0, '{}', 0, 0, 0, 0, 0, n.stub
          FROM unnest(new_rooms_rows) n WHERE n._lane <> ALL (bad);""",
    ),
    Fragment(  # an outlier's place in the graph becomes known: the event is written anew under its number
        "promotions",
        (("nid", "bigint"),),
        """
        DELETE FROM events e USING unnest(promotions_rows) p WHERE e.nid = p.nid AND e.status IN (1, 2) AND p._lane <> ALL (bad);""",
    ),
    Fragment(
        "events",
        (
            ("at", "int"),
            ("nid", "bigint"),
            ("room", "bigint"),
            ("event_id", "text"),
            ("type", "text"),
            ("state_key", "text"),
            ("sender", "text"),
            ("ts", "bigint"),
            ("depth", "bigint"),
            ("state_before", "bigint"),
            ("replaces", "bigint"),
            ("thread", "text"),
            ("notify", "int"),
            ("highlight", "int"),
            ("txn", "text"),
            ("state_after", "bigint"),
            ("room_before", "bigint"),
            ("moved", "boolean"),
            ("json", "bytea"),
        ),
        """
        INSERT INTO events (nid, position, room_nid, event_id, type, state_key, sender, ts, depth, state_before, replaces,
                            thread, notify_total, highlight_total, txn, state_after, room_before, moved, json)
        SELECT e.nid, since + e.at, e.room, e.event_id, e.type, e.state_key, e.sender, e.ts, e.depth, e.state_before,
               e.replaces, e.thread,
               e.notify + CASE WHEN e.thread = '' THEN (SELECT r.notify_total FROM rooms r WHERE r.room_nid = e.room)
                   ELSE coalesce((SELECT t.notify_total FROM threads t WHERE t.room_nid = e.room AND t.root = e.thread), 0) END,
               e.highlight + CASE WHEN e.thread = '' THEN (SELECT r.highlight_total FROM rooms r WHERE r.room_nid = e.room)
                   ELSE coalesce((SELECT t.highlight_total FROM threads t WHERE t.room_nid = e.room AND t.root = e.thread), 0) END,
               e.txn, e.state_after, e.room_before, e.moved, e.json
          FROM unnest(events_rows) e WHERE e._lane <> ALL (bad);
        FOR r IN SELECT * FROM unnest(lane_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            UPDATE rooms o SET
                state_version = o.state_version + r.state_bump, revoke_version = o.revoke_version + r.revoke_bump,
                federated = o.federated OR r.leaves_before IS NOT NULL, stub = o.stub AND r.leaf IS NULL,
                leaves = CASE WHEN r.leaves_after IS NOT NULL THEN r.leaves_after
                    WHEN r.leaf IS NULL THEN o.leaves
                    WHEN o.leaves <@ r.used THEN ARRAY[r.leaf]
                    ELSE array(SELECT unnest(o.leaves) EXCEPT SELECT unnest(r.used)) || r.leaf END,
                root = CASE WHEN r.state_bump > 0 THEN r.root ELSE o.root END,
                depth = greatest(o.depth, r.depth), notify_total = o.notify_total + r.notify_bump,
                highlight_total = o.highlight_total + r.highlight_bump,
                last_position = CASE WHEN r.last_offset > 0 THEN since + r.last_offset ELSE o.last_position END,
                bump_position = CASE WHEN r.bump_offset > 0 THEN since + r.bump_offset ELSE o.bump_position END
              WHERE o.room_nid = r.room;
        END LOOP;""",
        also="lane",  # a write without events may change the room's state all the same
    ),
    Fragment(
        "threads",
        (("room", "bigint"), ("root", "text"), ("notify_bump", "int"), ("highlight_bump", "int"), ("last_offset", "int")),
        """
        FOR r IN SELECT * FROM unnest(threads_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            INSERT INTO threads AS t VALUES (r.room, r.root, r.notify_bump, r.highlight_bump, since + r.last_offset)
            ON CONFLICT (room_nid, root) DO UPDATE SET notify_total = t.notify_total + excluded.notify_total,
                highlight_total = t.highlight_total + excluded.highlight_total, latest = excluded.latest;
        END LOOP;""",
    ),
    Fragment(
        "relations",
        (
            ("nid", "bigint"),
            ("room", "bigint"),
            ("target", "text"),
            ("rel_type", "text"),
            ("type", "text"),
            ("sender", "text"),
            ("key", "text"),
            ("ts", "bigint"),
            ("event_id", "text"),
            ("at", "int"),
        ),
        """
        INSERT INTO relations SELECT x.nid, x.room, x.target, x.rel_type, x.type, x.sender, x.key, x.ts, x.event_id, since + x.at
          FROM unnest(relations_rows) x WHERE x._lane <> ALL (bad);""",
    ),
    Fragment(
        "state_packs",
        (("pack", "bigint"), ("room", "bigint"), ("data", "bytea")),
        """
        INSERT INTO state_packs (pack, room_nid, data) SELECT p.pack, p.room, p.data
          FROM unnest(state_packs_rows) p WHERE p._lane <> ALL (bad);""",
    ),
    Fragment(
        "auth_events",
        (("nid", "bigint"), ("room", "bigint"), ("num", "int"), ("auth", "bigint[]"), ("base", "int"), ("rest", "bytea")),
        """
        INSERT INTO auth_events (event_nid, room_nid, num, auth, base, rest)
        SELECT a.nid, a.room, a.num, a.auth, a.base, a.rest
          FROM unnest(auth_events_rows) a WHERE a._lane <> ALL (bad);""",
    ),
    Fragment(
        "auth_bases",
        (("room", "bigint"), ("base", "int"), ("chain", "bytea")),
        """
        INSERT INTO auth_bases (room_nid, base, chain) SELECT b.room, b.base, b.chain
          FROM unnest(auth_bases_rows) b WHERE b._lane <> ALL (bad);""",
    ),
    Fragment(
        "memberships",
        (("who", "text"), ("room", "bigint"), ("membership", "text"), ("nid", "bigint"), ("sender", "text"), ("at", "int")),
        """
        FOR r IN SELECT * FROM unnest(memberships_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            INSERT INTO memberships AS m (user_id, room_nid, membership, event_nid, sender, position, joined_since, was_joined)
            VALUES (r.who, r.room, r.membership, r.nid,
                    r.sender, since + r.at,
                    CASE WHEN r.membership = 'join' THEN since + r.at END,
                    r.membership = 'join')
            ON CONFLICT (user_id, room_nid) DO UPDATE SET
                membership = excluded.membership, event_nid = excluded.event_nid, sender = excluded.sender,
                position = excluded.position, forgotten = false, was_joined = m.was_joined OR excluded.was_joined,
                joined_since = CASE WHEN m.membership = 'join' THEN m.joined_since
                                    WHEN excluded.membership = 'join' THEN excluded.joined_since ELSE m.joined_since END;
        END LOOP;""",
    ),
    Fragment(
        "redactions",
        (("event_id", "text"), ("redacted_by", "text"), ("json", "bytea")),
        """
        FOR r IN SELECT * FROM unnest(redactions_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            INSERT INTO retractions (room_nid, thread, position, notify, highlight)
            SELECT e.room_nid, e.thread, e.position, e.notify_total - coalesce(x.notify_total, 0),
                   e.highlight_total - coalesce(x.highlight_total, 0)
              FROM events e LEFT JOIN LATERAL (
                   (SELECT y.notify_total, y.highlight_total FROM events y WHERE e.thread = '' AND y.room_nid = e.room_nid
                       AND y.thread = '' AND y.position < e.position ORDER BY y.position DESC LIMIT 1)
                   UNION ALL  -- by the index of threads
                   (SELECT y.notify_total, y.highlight_total FROM events y WHERE e.thread <> '' AND y.room_nid = e.room_nid
                       AND y.thread <> '' AND y.thread = e.thread AND y.position < e.position ORDER BY y.position DESC LIMIT 1)
                   ) x ON true
             WHERE e.event_id = r.event_id AND e.position > 0 AND e.type <> 'm.reaction'
            ON CONFLICT DO NOTHING;
            UPDATE events SET redacted_by = r.redacted_by, json = r.json
             WHERE event_id = r.event_id;
            DELETE FROM relations x USING events e WHERE e.event_id = r.event_id AND x.nid = e.nid;
            UPDATE threads t SET latest = coalesce((SELECT max(x.position) FROM relations x
                                                     WHERE x.target = t.root AND x.room_nid = t.room_nid
                                                       AND x.rel_type = 'm.thread'), 0)
              FROM events e WHERE e.event_id = r.event_id AND e.thread <> '' AND t.room_nid = e.room_nid AND t.root = e.thread;
        END LOOP;""",
    ),
    Fragment(
        "push_hits",
        (
            ("who", "text"),
            ("room", "bigint"),
            ("thread", "text"),
            ("notify", "boolean"),
            ("highlight", "boolean"),
            ("at", "int"),
        ),
        """
        INSERT INTO push_hits (user_id, room_nid, thread, position, notify, highlight)
        SELECT h.who, h.room, h.thread, since + h.at, h.notify, h.highlight
          FROM unnest(push_hits_rows) h WHERE h._lane <> ALL (bad);""",
    ),
    Fragment(
        "state_moves",
        (("room", "bigint"), ("type", "text"), ("state_key", "text"), ("nid", "bigint"), ("was", "bigint"), ("at", "int")),
        """
        INSERT INTO state_moves (room_nid, position, type, state_key, nid, was)
        SELECT m.room, since + m.at, m.type, m.state_key, m.nid, m.was
          FROM unnest(state_moves_rows) m WHERE m._lane <> ALL (bad);""",
    ),
    Fragment(
        "aliases",
        (("alias", "text"), ("room_id", "text"), ("creator", "text")),
        """
        INSERT INTO room_aliases (alias, room_id, creator) SELECT a.alias, a.room_id, a.creator
          FROM unnest(aliases_rows) a WHERE a._lane <> ALL (bad);""",
    ),
    Fragment(
        "published_rooms",
        (("server_name", "text"), ("room", "bigint")),
        """
        INSERT INTO published_rooms (server_name, room_nid) SELECT p.server_name, p.room
          FROM unnest(published_rooms_rows) p WHERE p._lane <> ALL (bad);""",
    ),
    SUMMARY,
)


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows found, the newest first; everything beyond the position `reached` was looked at."""

    rows: Sequence[Record]
    reached: int


class Scanned(NamedTuple):
    """Where is looked: from the newest in (after, upto], for as many as are `wanted`."""

    room: int
    after: int
    upto: int
    wanted: int


def _scan(place: Scanned, rows: Sequence[Row]) -> Scan:
    """`rows`: of one place; one that is empty where nothing passes."""
    found = [row for row in rows if row["nid"] is not None]
    if len(found) >= place.wanted:
        return Scan(found, found[-1]["position"] - 1)
    return Scan(found, place.after if rows[0]["scanned"] < SCANNED_AT_ONCE else rows[0]["low"] - 1)


def _like(patterns: Sequence[str]) -> list[str]:
    """Patterns of LIKE for those of a filter, in which `*` stands for anything."""
    escaped = (p.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for p in patterns)
    return [p.replace("*", "%") for p in escaped]


class RoomStore:
    """Reads. Every method is one statement unless it says otherwise."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def number_of(self, room_id: str) -> int | None:
        return await self.database.fetchval("SELECT room_nid FROM rooms WHERE room_id = $1", room_id)  # type: ignore[no-any-return]

    async def numbers_of(self, room_ids: list[str]) -> dict[str, int]:
        rows = await self.database.fetch("SELECT room_id, room_nid FROM rooms WHERE room_id = ANY($1::text[])", room_ids)
        return {row["room_id"]: row["room_nid"] for row in rows}

    async def next_room_number(self) -> int:
        return await self.database.fetchval("SELECT nextval('room_numbers')")  # type: ignore[no-any-return]

    async def event_number_block(self) -> int:
        """The first of 10,000 event numbers that are this process's own."""
        return await self.database.fetchval("SELECT nextval('event_numbers')")  # type: ignore[no-any-return]

    async def load_packs(self, packs: list[int]) -> dict[int, bytes]:
        rows = await self.database.fetch("SELECT pack, data FROM state_packs WHERE pack = ANY($1::bigint[])", packs)
        return {row["pack"]: row["data"] for row in rows}

    async def sent(self, txn: str) -> str | None:
        """What a transaction id was answered before."""
        return await self.database.fetchval("SELECT result FROM sent WHERE txn = $1", txn)  # type: ignore[no-any-return]

    async def state_hash_secret(self) -> bytes:
        return await self.database.fetchval("SELECT value FROM secrets WHERE name = 'state_hash'")  # type: ignore[no-any-return]

    async def events_by_number(self, numbers: Sequence[int]) -> Sequence[Record]:
        return await self.database.fetch(f"SELECT {EVENT_COLUMNS} FROM events e WHERE e.nid = ANY($1::bigint[])", list(numbers))

    async def places(self, numbers: Sequence[int]) -> dict[int, tuple[int, int]]:
        """By number of those events that are in a timeline: the position, and the root of the state before."""
        if not numbers:
            return {}
        rows = await self.database.fetch(
            "SELECT nid, position, state_before FROM events WHERE nid = ANY($1::bigint[]) AND status = 0", list(numbers)
        )
        return {row["nid"]: (row["position"], row["state_before"]) for row in rows}

    async def events_by_id(self, room: int, event_ids: Sequence[str], which: Statuses = IN_A_TIMELINE) -> Sequence[Record]:
        """Events of a room by their ids: by default those that people may be shown."""
        return await self.database.fetch(
            f"""SELECT {EVENT_COLUMNS} FROM events e
                 WHERE e.event_id = ANY($1::text[]) AND e.room_nid = $2 AND e.status = ANY($3::smallint[])""",
            list(event_ids),
            room,
            which,
        )

    async def said_before(self, room: int, after: int, upto: int, before_ts: int, limit: int) -> Sequence[Record]:
        """(event_id, sender, position, json) of what is no state and has not been erased, with positions in (after, upto], in
        their order. `before_ts`: a time, in ms."""
        return await self.database.fetch(
            """SELECT event_id, sender, position, json FROM events WHERE room_nid = $1 AND position > $2
                AND position <= $3 AND ts < $4 AND state_key IS NULL AND redacted_by IS DISTINCT FROM ''
              ORDER BY position LIMIT $5""",
            room,
            after,
            upto,
            before_ts,
            limit,
        )

    async def events_between(self, room: int, after: int, upto: int, limit: int, backwards: bool) -> Sequence[Record]:
        """Events with positions in (after, upto]: the oldest `limit`, or with `backwards` the newest, newest first."""
        order = "DESC" if backwards else "ASC"
        return await self.database.fetch(
            f"""SELECT {EVENT_COLUMNS}, EXISTS (SELECT 1 FROM relations x WHERE x.target = e.event_id AND x.room_nid = $1) AS is_target
                  FROM events e WHERE e.room_nid = $1 AND e.position > $2 AND e.position <= $3
                ORDER BY e.position {order} LIMIT $4""",
            room,
            after,
            upto,
            limit,
        )

    async def events_matching(self, places: Sequence[Scanned], f: RoomEventFilter) -> list[Scan]:
        """The events whose type and sender pass a filter, by place: among the newest thousand of each."""
        rows = await self.database.fetch(
            f"""SELECT {EVENT_COLUMNS},
                       EXISTS (SELECT 1 FROM relations x WHERE x.target = e.event_id AND x.room_nid = p.room) AS is_target,
                       p.place, b.low, b.scanned
                  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                       WITH ORDINALITY AS p(room, after, upto, wanted, place)
                 CROSS JOIN LATERAL (SELECT min(position) AS low, count(*) AS scanned FROM
                    (SELECT position FROM events WHERE room_nid = p.room AND position > p.after AND position <= p.upto
                      ORDER BY position DESC LIMIT $5) s) b
                  LEFT JOIN LATERAL (
                    SELECT * FROM events e WHERE e.room_nid = p.room AND e.position >= b.low AND e.position <= p.upto
                       AND ($6::text[] IS NULL OR e.type LIKE ANY ($6)) AND NOT e.type LIKE ANY ($7)
                       AND ($8::text[] IS NULL OR e.sender = ANY ($8)) AND NOT e.sender = ANY ($9)
                     ORDER BY e.position DESC LIMIT p.wanted) e ON true
                 ORDER BY p.place, e.position DESC""",
            *map(list, zip(*places, strict=True)),
            SCANNED_AT_ONCE,
            None if f.types is None else _like(f.types),
            _like(f.not_types),
            None if f.senders is None else list(f.senders),
            list(f.not_senders),
        )
        by_place = groupby(rows, key=itemgetter("place"))
        return [_scan(place, list(found)) for place, (_, found) in zip(places, by_place, strict=True)]

    async def first_position(self, room: int, after: int, upto: int) -> int | None:
        """Of the first event with a position in (after, upto]."""
        return await self.database.fetchval(  # type: ignore[no-any-return]
            """SELECT position FROM events WHERE room_nid = $1 AND position > $2 AND position <= $3
                ORDER BY position LIMIT 1""",
            room,
            after,
            upto,
        )

    async def events_by_time(self, room: int, ts: int, backwards: bool, offset: int, limit: int) -> Sequence[Record]:
        """Events at a time or beyond it, the nearest first."""
        comparison, order = ("<=", "DESC") if backwards else (">=", "ASC")
        return await self.database.fetch(
            f"""SELECT {EVENT_COLUMNS} FROM events e WHERE e.room_nid = $1 AND e.ts {comparison} $2
                   AND e.status = 0
                ORDER BY e.ts {order}, e.position {order} OFFSET $3 LIMIT $4""",
            room,
            ts,
            offset,
            limit,
        )

    async def state_changes_between(self, room: int, after: int, upto: int) -> Sequence[Record]:
        """What the room's state got with positions in (after, upto], in order: state events as they came, and what state
        resolution brought back."""
        return await self.database.fetch(
            f"""SELECT {EVENT_COLUMNS}, e.position AS at FROM events e WHERE e.room_nid = $1 AND e.position > $2
                AND e.position <= $3 AND e.state_key IS NOT NULL AND NOT e.moved
                UNION ALL
                SELECT {EVENT_COLUMNS}, m.position FROM state_moves m JOIN events e ON e.nid = m.nid
                 WHERE m.room_nid = $1 AND m.position > $2 AND m.position <= $3
                ORDER BY at""",
            room,
            after,
            upto,
        )

    async def state_before_next(self, room: int, after: int, upto: int) -> int | None:
        """The root of the state before the first event with a position in (after, upto]."""
        return await self.database.fetchval(  # type: ignore[no-any-return]
            """SELECT state_before FROM events WHERE room_nid = $1 AND position > $2 AND position <= $3
                ORDER BY position LIMIT 1""",
            room,
            after,
            upto,
        )

    async def root_after(self, room: int, position: int) -> int:
        """The root of the room's state once everything up to `position` had happened."""
        sql = """SELECT coalesce(
            (SELECT coalesce(e.room_before, e.state_before) FROM events e WHERE e.room_nid = $1 AND e.position > $2
              ORDER BY e.position LIMIT 1),
            (SELECT r.root FROM rooms r WHERE r.room_nid = $1))"""
        return await self.database.fetchval(sql, room, position)  # type: ignore[no-any-return]

    async def memberships_of(self, user_id: str) -> Sequence[Record]:
        """Every room that a user has to do with, forgotten ones included."""
        return await self.database.fetch(
            """SELECT m.room_nid, r.room_id, m.membership, m.event_nid, m.sender, m.position, m.joined_since, m.was_joined,
                      m.forgotten, m.retold, m.state_retold
                 FROM memberships m JOIN rooms r USING (room_nid) WHERE m.user_id = $1""",
            user_id,
        )

    async def membership(self, user_id: str, room: int) -> Record | None:
        return await self.database.fetchrow(
            """SELECT membership, event_nid, position, joined_since, was_joined, forgotten FROM memberships
                WHERE user_id = $1 AND room_nid = $2""",
            user_id,
            room,
        )

    async def acquainted(self, user_id: str, people: Collection[str]) -> set[str]:
        """Those of some people who are in a room with a user: both joined, or one of them invited."""
        rows = await self.database.fetch(
            """SELECT DISTINCT t.user_id FROM memberships m JOIN memberships t USING (room_nid)
                WHERE m.user_id = $1 AND t.user_id = ANY($2::text[]) AND m.membership IN ('join', 'invite')
                  AND t.membership IN ('join', 'invite') AND 'join' IN (m.membership, t.membership)""",
            user_id,
            list(people),
        )
        return {row["user_id"] for row in rows}

    async def invited_by(self, user_id: str) -> set[str]:
        """Whose invitation by a user waits for an answer."""
        rows = await self.database.fetch("SELECT user_id FROM memberships WHERE sender = $1 AND membership = 'invite'", user_id)
        return {row["user_id"] for row in rows}

    async def joined_since(self, people: Collection[str], rooms: Collection[int]) -> Sequence[Record]:
        """Since when (`since`) some people are in those of some rooms that they are in."""
        return await self.database.fetch(
            """SELECT user_id, room_nid, coalesce(joined_since, position) AS since FROM memberships
                WHERE user_id = ANY($1::text[]) AND room_nid = ANY($2::bigint[]) AND membership = 'join'""",
            list(people),
            list(rooms),
        )

    async def forget(self, user_id: str, room: int) -> None:
        await self.database.execute(
            "UPDATE memberships SET forgotten = true WHERE user_id = $1 AND room_nid = $2", user_id, room
        )

    async def count_messages(self, room: int, after: int) -> int:
        """How many messages came after a position."""
        sql = """SELECT count(*) FROM events WHERE room_nid = $1 AND position > $2 AND state_key IS NULL
                   AND type IN ('m.room.message', 'm.room.encrypted', 'm.sticker')"""
        return await self.database.fetchval(sql, room, after)  # type: ignore[no-any-return]

    async def last_positions(self, rooms: Sequence[int]) -> dict[int, int]:
        rows = await self.database.fetch(
            "SELECT room_nid, last_position FROM rooms WHERE room_nid = ANY($1::bigint[])", list(rooms)
        )
        return {row["room_nid"]: row["last_position"] for row in rows}

    async def threads_of(self, room: int, event_ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """By event: the thread that it belongs to, and whether it is itself related to another."""
        rows = await self.database.fetch(
            """SELECT e.event_id, e.thread, EXISTS (SELECT 1 FROM relations x WHERE x.nid = e.nid) AS related
                 FROM events e WHERE e.room_nid = $1 AND e.event_id = ANY($2::text[])""",
            room,
            list(event_ids),
        )
        return {row["event_id"]: (row["thread"], row["related"]) for row in rows}

    async def related_targets(
        self, room: int, event_ids: Sequence[str], rel_types: Sequence[str] | None, senders: Sequence[str] | None
    ) -> set[str]:
        """Those of some events to which others relate, in given ways or by given people."""
        rows = await self.database.fetch(
            """SELECT DISTINCT target FROM relations WHERE target = ANY($1::text[])
                AND ($2::text[] IS NULL OR rel_type = ANY($2)) AND ($3::text[] IS NULL OR sender = ANY($3))
                AND room_nid = $4""",
            list(event_ids),
            rel_types,
            senders,
            room,
        )
        return {row["target"] for row in rows}

    async def annotated(self, room: int, target: str, sender: str, event_type: str, key: str) -> bool:
        """Whether somebody has put this annotation on an event already."""
        return bool(
            await self.database.fetchval(
                """SELECT EXISTS (SELECT 1 FROM relations WHERE target = $1 AND sender = $2 AND rel_type = 'm.annotation'
                AND type = $3 AND key = $4 AND room_nid = $5)""",
                target,
                sender,
                event_type,
                key,
                room,
            )
        )

    async def listed(self, rooms: Sequence[int]) -> Sequence[Record]:
        """What lists of rooms order and filter by."""
        return await self.database.fetch(
            """SELECT r.room_nid, r.last_position, s.room_type, s.encryption, s.name, s.canonical_alias
                 FROM rooms r JOIN room_summaries s USING (room_nid) WHERE r.room_nid = ANY($1::bigint[])""",
            list(rooms),
        )

    async def room_of_event(self, event_id: str) -> int | None:
        return await self.database.fetchval("SELECT room_nid FROM events WHERE event_id = $1", event_id)  # type: ignore[no-any-return]

    async def are_called(self, aliases: Sequence[str]) -> dict[str, str]:
        """The rooms of some aliases, by alias: those that are there. What no alias can be (others write what they like) is not."""
        asked = [alias for alias in aliases if "\x00" not in alias]
        rows = await self.database.fetch("SELECT alias, room_id FROM room_aliases WHERE alias = ANY($1::text[])", asked)
        return {row["alias"]: row["room_id"] for row in rows}

    async def published_in(self, room: int) -> list[str]:
        """The domains in whose directories a room is listed."""
        rows = await self.database.fetch("SELECT server_name FROM published_rooms WHERE room_nid = $1", room)
        return [row["server_name"] for row in rows]

    async def is_listed(self, room: int) -> bool:
        """Whether a room is in any directory: a domain's, or that of a bridge's network."""
        return bool(
            await self.database.fetchval(
                """SELECT EXISTS (SELECT 1 FROM published_rooms WHERE room_nid = $1)
                   OR EXISTS (SELECT 1 FROM appservice_rooms JOIN rooms USING (room_id) WHERE room_nid = $1)""",
                room,
            )
        )

    async def unpublish(self, room: int) -> None:
        await self.database.execute("DELETE FROM published_rooms WHERE room_nid = $1", room)

    async def unlist(self, room_id: str) -> None:
        await self.database.execute(
            "DELETE FROM published_rooms WHERE room_nid = (SELECT room_nid FROM rooms WHERE room_id = $1)", room_id
        )

    async def publish(self, server_name: str, room: int) -> None:
        """In the directory of a domain."""
        await self.database.execute("INSERT INTO published_rooms VALUES ($1, $2) ON CONFLICT DO NOTHING", server_name, room)

    async def withdraw(self, server_name: str, room: int) -> None:
        """Out of the directory of a domain."""
        await self.database.execute("DELETE FROM published_rooms WHERE server_name = $1 AND room_nid = $2", server_name, room)

    async def without_summary(self) -> list[int]:
        """Rooms from before summaries were kept."""
        rows = await self.database.fetch(
            "SELECT room_nid FROM rooms r WHERE NOT EXISTS (SELECT 1 FROM room_summaries s WHERE s.room_nid = r.room_nid)"
        )
        return [row["room_nid"] for row in rows]

    async def forget_retractions(self, read: Sequence[tuple[int, str, int | None]]) -> None:
        """Of (room, thread, position) those up to the position; None: all, as nobody of here is in the room."""
        await self.database.execute(
            """DELETE FROM retractions t USING unnest($1::bigint[], $2::text[], $3::bigint[]) AS r(room, thread, read)
                WHERE t.room_nid = r.room AND t.thread = r.thread AND (r.read IS NULL OR t.position <= r.read)""",
            *(list(column) for column in zip(*read, strict=True)),
        )


SNAPSHOT_ROOM = """SELECT r.*, (SELECT max(upto) FROM journal) AS at, p.servers AS partial_servers,
           CASE WHEN r.federated THEN (SELECT array_agg(ARRAY[s.cut, s.ordinal, s.number, s.host, s.is_fork::int]
                                                            ORDER BY s.number) FROM stretches s
                                        WHERE s.room_nid = r.room_nid) END AS stretches
    FROM rooms r LEFT JOIN partial_rooms p USING (room_nid) WHERE r.room_nid = $1"""
SNAPSHOT_PACKS = "SELECT pack, data FROM state_packs WHERE pack = ANY($1::bigint[])"
SNAPSHOT_STATE = f"""SELECT {EVENT_COLUMNS}, a.num, a.base, a.rest FROM events e
    LEFT JOIN auth_events a ON a.event_nid = e.nid WHERE e.nid = ANY($1::bigint[])"""
SNAPSHOT_TAIL = f"""SELECT {EVENT_COLUMNS} FROM events e WHERE e.room_nid = $1 AND e.position > 0
    ORDER BY e.position DESC LIMIT $2"""
SNAPSHOT_LEAVES = """SELECT event_id, coalesce(state_after, state_before) AS root FROM events
    WHERE event_id = ANY($1::text[])"""
SNAPSHOT_MOVES = """SELECT position, type, state_key, nid, was FROM state_moves
    WHERE room_nid = $1 AND position = ANY($2::bigint[])"""
SNAPSHOT_INVITATIONS = "SELECT user_id, event_id, event, stripped FROM invitations WHERE room_nid = $1"
SNAPSHOT_THREADS = "SELECT root, notify_total, highlight_total FROM threads WHERE room_nid = $1"
SNAPSHOT_RELATED = "SELECT DISTINCT target FROM relations WHERE target = ANY($1::text[]) AND rel_type = ANY($2::text[])"
SNAPSHOT_BASES = "SELECT base, chain FROM auth_bases WHERE room_nid = $1"
SNAPSHOT_NUMBER = "SELECT coalesce(max(num) + 1, 0) FROM auth_events WHERE room_nid = $1"
SNAPSHOT_EVENTS = f"SELECT {EVENT_COLUMNS} FROM events e WHERE e.nid = ANY($1::bigint[])"
SNAPSHOT_REDACTIONS = f"SELECT {EVENT_COLUMNS} FROM events e WHERE e.event_id = ANY($1::text[])"
