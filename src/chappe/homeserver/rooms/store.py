"""The room engine's SQL: how rooms, events and memberships are read. What a commit writes: `fragments.py`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import orjson

from chappe.homeserver.database.pool import Database, Record
from chappe.homeserver.database.rows import mapping, read, values
from chappe.homeserver.rooms.memberships import JoinedSince
from chappe.homeserver.rooms.stored_event import (
    EVENT_COLUMNS,
    EventPlace,
    SaidBefore,
    ScannedEvent,
    StateChange,
    StoredEvent,
    ThreadOf,
    TimelineEvent,
)
from chappe.homeserver.rooms.summary import RoomInLists
from chappe.matrix.filters import RoomEventFilter

OUTLIER = -(1 << 62)  # the position of events that are in no timeline
BEGINNING = -(1 << 53)  # before every event that is in a timeline
SCANNED_AT_ONCE = 1000  # events looked at by one statement for those that pass a filter

Statuses = tuple[int, ...]  # of `events.status`: 0 history, 1 outlier, 2 rejected, 3 soft-failed
IN_A_TIMELINE: Statuses = (0,)
NOT_HELD_BACK: Statuses = (0, 1)  # and what is only cited: the state that a room had when one came in is
# servers judge for themselves what came late; what the rules refuse is no event of the room
FOR_SERVERS: Statuses = (0, 1, 3)
WHATEVER_IS_HERE: Statuses = (0, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows found, the newest first; everything beyond the position `reached` was looked at."""

    rows: Sequence[TimelineEvent]
    reached: int


class Scanned(NamedTuple):
    """Where is looked: from the newest in (after, upto], for as many as are `wanted`."""

    room: int
    after: int
    upto: int
    wanted: int


def _scan(place: Scanned, rows: Sequence[Record]) -> Scan:
    """`rows`: of one place; one that is empty where nothing passes."""
    found = [ScannedEvent(*row) for row in rows if row["nid"] is not None]
    if len(found) >= place.wanted:
        return Scan(found, found[-1].position - 1)
    return Scan(found, place.after if rows[0]["scanned"] < SCANNED_AT_ONCE else rows[0]["low"] - 1)


def _like(patterns: Sequence[str]) -> list[str]:
    """Patterns of LIKE for those of a filter, in which `*` stands for anything."""
    escaped = (p.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for p in patterns)
    return [p.replace("*", "%") for p in escaped]


class RoomStore:
    """Reads. Every method is one statement unless it says otherwise."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def nid_of(self, room_id: str) -> int | None:
        return await self.database.fetchval("SELECT room_nid FROM rooms WHERE room_id = $1", room_id)  # type: ignore[no-any-return]

    async def nids_of(self, room_ids: list[str]) -> dict[str, int]:
        return await mapping(
            self.database, str, int, "SELECT room_id, room_nid FROM rooms WHERE room_id = ANY($1::text[])", room_ids
        )

    async def next_room_number(self) -> int:
        return await self.database.fetchval("SELECT nextval('room_numbers')")  # type: ignore[no-any-return]

    async def event_number_block(self) -> int:
        """The first of 10,000 event numbers that are this process's own."""
        return await self.database.fetchval("SELECT nextval('event_numbers')")  # type: ignore[no-any-return]

    async def load_packs(self, packs: list[int]) -> dict[int, bytes]:
        return await mapping(
            self.database, int, bytes, "SELECT pack, data FROM state_packs WHERE pack = ANY($1::bigint[])", packs
        )

    async def save_packs(self, room_nid: int, packs: Sequence[tuple[int, bytes]]) -> None:
        await self.database.execute(
            "INSERT INTO state_packs (pack, room_nid, data) SELECT p, $1, d FROM unnest($2::bigint[], $3::bytea[]) x(p, d)",
            room_nid,
            [p for p, _ in packs],
            [d for _, d in packs],
        )

    async def sent(self, txn: str) -> str | None:
        """What a transaction id was answered before."""
        return await self.database.fetchval("SELECT result FROM sent WHERE txn = $1", txn)  # type: ignore[no-any-return]

    async def state_hash_secret(self) -> bytes:
        return await self.database.fetchval("SELECT value FROM secrets WHERE name = 'state_hash'")  # type: ignore[no-any-return]

    async def events_by_nid(self, nids: Sequence[int]) -> list[StoredEvent]:
        return await read(
            self.database, StoredEvent, f"SELECT {EVENT_COLUMNS} FROM events e WHERE e.nid = ANY($1::bigint[])", list(nids)
        )

    async def places(self, nids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """By number of those events that are in a timeline: the position, and the root of the state before."""
        if not nids:
            return {}
        rows = await read(
            self.database,
            EventPlace,
            "SELECT nid, position, state_before FROM events WHERE nid = ANY($1::bigint[]) AND status = 0",
            list(nids),
        )
        return {row.nid: (row.position, row.state_before) for row in rows}

    async def events_by_id(self, room_nid: int, event_ids: Sequence[str], which: Statuses = IN_A_TIMELINE) -> list[StoredEvent]:
        """Events of a room by their ids: by default those that people may be shown."""
        return await read(
            self.database,
            StoredEvent,
            f"""SELECT {EVENT_COLUMNS} FROM events e
                 WHERE e.event_id = ANY($1::text[]) AND e.room_nid = $2 AND e.status = ANY($3::smallint[])""",
            list(event_ids),
            room_nid,
            which,
        )

    async def said_before(self, room_nid: int, after: int, upto: int, before_ts: int, limit: int) -> list[SaidBefore]:
        """What is no state and has not been erased, with positions in (after, upto], in their order. `before_ts`: a time, in ms."""
        return await read(
            self.database,
            SaidBefore,
            """SELECT event_id, sender, position, json FROM events WHERE room_nid = $1 AND position > $2
                AND position <= $3 AND ts < $4 AND state_key IS NULL AND redacted_by IS DISTINCT FROM ''
              ORDER BY position LIMIT $5""",
            room_nid,
            after,
            upto,
            before_ts,
            limit,
        )

    async def events_between(self, room_nid: int, after: int, upto: int, limit: int, backwards: bool) -> list[TimelineEvent]:
        """Events with positions in (after, upto]: the oldest `limit`, or with `backwards` the newest, newest first."""
        order = "DESC" if backwards else "ASC"
        return await read(
            self.database,
            TimelineEvent,
            f"""SELECT {EVENT_COLUMNS}, EXISTS (SELECT 1 FROM relations x WHERE x.target = e.event_id AND x.room_nid = $1) AS is_target
                  FROM events e WHERE e.room_nid = $1 AND e.position > $2 AND e.position <= $3
                ORDER BY e.position {order} LIMIT $4""",
            room_nid,
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

    async def first_position(self, room_nid: int, after: int, upto: int) -> int | None:
        """Of the first event with a position in (after, upto]."""
        return await self.database.fetchval(  # type: ignore[no-any-return]
            """SELECT position FROM events WHERE room_nid = $1 AND position > $2 AND position <= $3
                ORDER BY position LIMIT 1""",
            room_nid,
            after,
            upto,
        )

    async def events_by_time(self, room_nid: int, ts: int, backwards: bool, offset: int, limit: int) -> list[StoredEvent]:
        """Events at a time or beyond it, the nearest first."""
        comparison, order = ("<=", "DESC") if backwards else (">=", "ASC")
        return await read(
            self.database,
            StoredEvent,
            f"""SELECT {EVENT_COLUMNS} FROM events e WHERE e.room_nid = $1 AND e.ts {comparison} $2
                   AND e.status = 0
                ORDER BY e.ts {order}, e.position {order} OFFSET $3 LIMIT $4""",
            room_nid,
            ts,
            offset,
            limit,
        )

    async def state_changes_between(self, room_nid: int, after: int, upto: int) -> list[StateChange]:
        """What the room's state got with positions in (after, upto], in order: state events as they came, and what state
        resolution brought back."""
        return await read(
            self.database,
            StateChange,
            f"""SELECT {EVENT_COLUMNS}, e.position AS at FROM events e WHERE e.room_nid = $1 AND e.position > $2
                AND e.position <= $3 AND e.state_key IS NOT NULL AND NOT e.moved
                UNION ALL
                SELECT {EVENT_COLUMNS}, m.position FROM state_moves m JOIN events e ON e.nid = m.nid
                 WHERE m.room_nid = $1 AND m.position > $2 AND m.position <= $3
                ORDER BY at""",
            room_nid,
            after,
            upto,
        )

    async def state_before_next(self, room_nid: int, after: int, upto: int) -> int | None:
        """The root of the state before the first event with a position in (after, upto]."""
        return await self.database.fetchval(  # type: ignore[no-any-return]
            """SELECT state_before FROM events WHERE room_nid = $1 AND position > $2 AND position <= $3
                ORDER BY position LIMIT 1""",
            room_nid,
            after,
            upto,
        )

    async def root_after(self, room_nid: int, position: int) -> int:
        """The root of the room's state once everything up to `position` had happened."""
        sql = """SELECT coalesce(
            (SELECT coalesce(e.room_before, e.state_before) FROM events e WHERE e.room_nid = $1 AND e.position > $2
              ORDER BY e.position LIMIT 1),
            (SELECT r.root FROM rooms r WHERE r.room_nid = $1))"""
        return await self.database.fetchval(sql, room_nid, position)  # type: ignore[no-any-return]

    async def acquainted(self, user_id: str, people: Collection[str]) -> set[str]:
        """Those of some people who are in a room with a user: both joined, or one of them invited."""
        return set(
            await values(
                self.database,
                str,
                """SELECT DISTINCT t.user_id FROM memberships m JOIN memberships t USING (room_nid)
                WHERE m.user_id = $1 AND t.user_id = ANY($2::text[]) AND m.membership IN ('join', 'invite')
                  AND t.membership IN ('join', 'invite') AND 'join' IN (m.membership, t.membership)""",
                user_id,
                list(people),
            )
        )

    async def invited_by(self, user_id: str) -> set[str]:
        """Whose invitation by a user waits for an answer."""
        return set(
            await values(
                self.database, str, "SELECT user_id FROM memberships WHERE sender = $1 AND membership = 'invite'", user_id
            )
        )

    async def came_invited(self, room_nid: int, joined_since: int) -> bool:
        """Whether the stay that began with the join at a position followed an invitation."""
        before = await self.database.fetchval(
            "SELECT b.json FROM events e JOIN events b ON b.nid = e.replaces WHERE e.room_nid = $1 AND e.position = $2",
            room_nid,
            joined_since,
        )
        return before is not None and orjson.loads(before)["content"].get("membership") == "invite"

    async def joined_since(self, people: Collection[str], rooms: Collection[int]) -> list[JoinedSince]:
        """Since when (`since`) some people are in those of some rooms that they are in."""
        return await read(
            self.database,
            JoinedSince,
            """SELECT user_id, room_nid, coalesce(joined_since, position) AS since FROM memberships
                WHERE user_id = ANY($1::text[]) AND room_nid = ANY($2::bigint[]) AND membership = 'join'""",
            list(people),
            list(rooms),
        )

    async def forget(self, user_id: str, room_nid: int) -> None:
        await self.database.execute(
            "UPDATE memberships SET forgotten = true WHERE user_id = $1 AND room_nid = $2", user_id, room_nid
        )

    async def count_messages(self, room_nid: int, after: int) -> int:
        """How many messages came after a position."""
        sql = """SELECT count(*) FROM events WHERE room_nid = $1 AND position > $2 AND state_key IS NULL
                   AND type IN ('m.room.message', 'm.room.encrypted', 'm.sticker')"""
        return await self.database.fetchval(sql, room_nid, after)  # type: ignore[no-any-return]

    async def last_positions(self, rooms: Sequence[int]) -> dict[int, int]:
        return await mapping(
            self.database, int, int, "SELECT room_nid, last_position FROM rooms WHERE room_nid = ANY($1::bigint[])", list(rooms)
        )

    async def threads_of(self, room_nid: int, event_ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """By event: the thread that it belongs to, and whether it is itself related to another."""
        rows = await read(
            self.database,
            ThreadOf,
            """SELECT e.event_id, e.thread, EXISTS (SELECT 1 FROM relations x WHERE x.nid = e.nid) AS related
                 FROM events e WHERE e.room_nid = $1 AND e.event_id = ANY($2::text[])""",
            room_nid,
            list(event_ids),
        )
        return {row.event_id: (row.thread, row.related) for row in rows}

    async def related_targets(
        self, room_nid: int, event_ids: Sequence[str], rel_types: Sequence[str] | None, senders: Sequence[str] | None
    ) -> set[str]:
        """Those of some events to which others relate, in given ways or by given people."""
        return set(
            await values(
                self.database,
                str,
                """SELECT DISTINCT target FROM relations WHERE target = ANY($1::text[])
                AND ($2::text[] IS NULL OR rel_type = ANY($2)) AND ($3::text[] IS NULL OR sender = ANY($3))
                AND room_nid = $4""",
                list(event_ids),
                rel_types,
                senders,
                room_nid,
            )
        )

    async def annotated(self, room_nid: int, target: str, sender: str, event_type: str, key: str) -> bool:
        """Whether somebody has put this annotation on an event already."""
        return bool(
            await self.database.fetchval(
                """SELECT EXISTS (SELECT 1 FROM relations WHERE target = $1 AND sender = $2 AND rel_type = 'm.annotation'
                AND type = $3 AND key = $4 AND room_nid = $5)""",
                target,
                sender,
                event_type,
                key,
                room_nid,
            )
        )

    async def listed(self, rooms: Sequence[int]) -> list[RoomInLists]:
        """What lists of rooms order and filter by."""
        return await read(
            self.database,
            RoomInLists,
            """SELECT r.room_nid, r.last_position, s.room_type, s.encryption, s.name, s.canonical_alias
                 FROM rooms r JOIN room_summaries s USING (room_nid) WHERE r.room_nid = ANY($1::bigint[])""",
            list(rooms),
        )

    async def room_of_event(self, event_id: str) -> int | None:
        return await self.database.fetchval("SELECT room_nid FROM events WHERE event_id = $1", event_id)  # type: ignore[no-any-return]

    async def without_summary(self) -> list[int]:
        """Rooms from before summaries were kept."""
        return await values(
            self.database,
            int,
            "SELECT room_nid FROM rooms r WHERE NOT EXISTS (SELECT 1 FROM room_summaries s WHERE s.room_nid = r.room_nid)",
        )

    async def forget_retractions(self, read: Sequence[tuple[int, str, int | None]]) -> None:
        """Of (room, thread, position) those up to the position; None: all, as nobody of here is in the room."""
        await self.database.execute(
            """DELETE FROM retractions t USING unnest($1::bigint[], $2::text[], $3::bigint[]) AS r(room, thread, read)
                WHERE t.room_nid = r.room AND t.thread = r.thread AND (r.read IS NULL OR t.position <= r.read)""",
            *(list(column) for column in zip(*read, strict=True)),
        )
