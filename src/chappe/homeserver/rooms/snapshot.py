"""What the database has of a room, read in one transaction for its form in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import orjson
from pyroaring import BitMap

from chappe.homeserver.database.rows import Row, Source, find, mapping, read, values
from chappe.homeserver.load.breath import Breath
from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.room_event import RoomEvent, event_of_row
from chappe.homeserver.rooms.state_tree import int_to_name
from chappe.homeserver.rooms.state_tree_reader import TreeReader
from chappe.homeserver.rooms.stored_event import EVENT_COLUMNS, StateEvent, StoredEvent
from chappe.matrix.event_auth import StateKey
from chappe.matrix.relations import BUNDLED
from chappe.matrix.room_versions import RoomVersion

TAIL_LENGTH = 64


class RoomRow(Row):
    """`at`: the end of the log. `partial_servers`: of a room whose members have not all come yet. `stretches`: as `Stretch`es."""

    at: int
    state_version: int
    revoke_version: int
    leaves: list[str]
    root: int
    depth: int
    federated: bool
    stub: bool
    notify_total: int
    highlight_total: int
    last_position: int
    bump_position: int
    partial_servers: list[str] | None
    stretches: list[list[int]] | None


class ThreadTotals(Row):
    root: str
    notify_total: int
    highlight_total: int


class InvitationRow(Row):
    user_id: str
    event_id: str
    event: bytes
    stripped: bytes


class MoveRow(Row):
    """`nid`, `was`: the state event under the key from then on, and before."""

    position: int
    type: str
    state_key: str
    nid: int | None
    was: int | None


_ROOM = """SELECT (SELECT max(upto) FROM journal) AS at, r.state_version, r.revoke_version, r.leaves, r.root, r.depth,
           r.federated, r.stub, r.notify_total, r.highlight_total, r.last_position, r.bump_position, p.servers AS partial_servers,
           CASE WHEN r.federated THEN (SELECT array_agg(ARRAY[s.cut, s.ordinal, s.number, s.host, s.is_fork::int]
                                                            ORDER BY s.number) FROM stretches s
                                        WHERE s.room_nid = r.room_nid) END AS stretches
    FROM rooms r LEFT JOIN partial_rooms p USING (room_nid) WHERE r.room_nid = $1"""
_PACKS = "SELECT pack, data FROM state_packs WHERE pack = ANY($1::bigint[])"
_STATE = f"""SELECT {EVENT_COLUMNS}, a.num, a.base, a.rest FROM events e
    LEFT JOIN auth_events a ON a.event_nid = e.nid WHERE e.nid = ANY($1::bigint[])"""
_TAIL = f"""SELECT {EVENT_COLUMNS} FROM events e WHERE e.room_nid = $1 AND e.position > 0
    ORDER BY e.position DESC LIMIT $2"""
_EXTREMITIES = """SELECT event_id, coalesce(state_after, state_before) AS root FROM events
    WHERE event_id = ANY($1::text[])"""
_MOVES = """SELECT position, type, state_key, nid, was FROM state_moves
    WHERE room_nid = $1 AND position = ANY($2::bigint[])"""
_INVITATIONS = "SELECT user_id, event_id, event, stripped FROM invitations WHERE room_nid = $1"
_THREADS = "SELECT root, notify_total, highlight_total FROM threads WHERE room_nid = $1"
_RELATED = "SELECT DISTINCT target FROM relations WHERE target = ANY($1::text[]) AND rel_type = ANY($2::text[])"
_BASES = "SELECT base, chain FROM auth_bases WHERE room_nid = $1"
_NUMBER = "SELECT coalesce(max(num) + 1, 0) FROM auth_events WHERE room_nid = $1"
_EVENTS = f"SELECT {EVENT_COLUMNS} FROM events e WHERE e.nid = ANY($1::bigint[])"
_REDACTIONS = f"SELECT {EVENT_COLUMNS} FROM events e WHERE e.event_id = ANY($1::text[])"


class Identified(Protocol):
    """Which room is read."""

    @property
    def nid(self) -> int: ...
    @property
    def room_id(self) -> str: ...
    @property
    def version(self) -> RoomVersion: ...


class Snapshot:
    """What one repeatable-read transaction found."""

    room: RoomRow
    forward_extremities: dict[str, bytes]
    state: dict[StateKey, RoomEvent]
    nodes: dict[bytes, bytes]
    tail: list[RoomEvent]
    bases: dict[int, BitMap]
    next_num: int
    threads: dict[str, tuple[int, int]]
    related: set[str]
    invitations: Sequence[InvitationRow]

    @classmethod
    async def read(cls, connection: Source, room: Identified) -> Snapshot | None:
        self = cls()
        found = await find(connection, RoomRow, _ROOM, room.nid)
        if found is None:
            return None
        self.room = found
        roots = await mapping(connection, str, int, _EXTREMITIES, found.leaves)
        self.forward_extremities = {event_id: int_to_name(roots[event_id]) for event_id in found.leaves}
        numbers, self.nodes = await cls._tree(connection, int_to_name(found.root))
        state = await read(connection, StateEvent, _STATE, numbers)
        by_number, breath = {}, Breath()
        self.state = {}
        for row in state:
            await breath.take()
            event = event_of_row(row, room.room_id, room.version)
            if row.num is not None and row.base is not None and row.rest is not None:
                event.chain = ChainRow(row.num, row.base, BitMap.deserialize(row.rest))
            by_number[event.nid] = self.state[event.key] = event
        bases = await mapping(connection, int, bytes, _BASES, room.nid)
        self.bases = {base: BitMap.deserialize(chain) for base, chain in bases.items()}
        self.next_num = await connection.fetchval(_NUMBER, room.nid)
        tail = await read(connection, StoredEvent, _TAIL, room.nid, TAIL_LENGTH)
        self.tail = [by_number.get(r.nid) or event_of_row(r, room.room_id, room.version) for r in reversed(tail)]
        threads = await read(connection, ThreadTotals, _THREADS, room.nid)
        self.threads = {thread.root: (thread.notify_total, thread.highlight_total) for thread in threads}
        self.related = set(await values(connection, str, _RELATED, [e.event_id for e in self.tail], BUNDLED))
        self.invitations = ()
        if found.stub or found.federated:
            self.invitations = await read(connection, InvitationRow, _INVITATIONS, room.nid)
        await attach_context(
            connection, room, [*tail, *(r for r in state if r.redacted_by)], [*self.tail, *self.state.values()]
        )
        return self

    @staticmethod
    async def _tree(connection: Source, root: bytes) -> tuple[list[int], dict[bytes, bytes]]:
        async def load(packs: list[int]) -> dict[int, bytes]:
            return await mapping(connection, int, bytes, _PACKS, packs)

        return await TreeReader(load).read_whole_tree(root)


def shown_state(invitations: Sequence[InvitationRow], room_id: str) -> dict[str, dict[StateKey, RoomEvent]]:
    """Of a room that nobody here is in: what other servers showed with their invitations, which nothing proves. By invited
    person: what came with the invitation of one is not shown to another."""
    shown: dict[str, dict[StateKey, RoomEvent]] = {}
    for row in invitations:
        state = shown[row.user_id] = {}
        for value in (*orjson.loads(row.stripped), {**orjson.loads(row.event), "event_id": row.event_id}):
            head = {
                "content": value["content"],
                "event_id": value.get("event_id", ""),
                "room_id": room_id,
                "sender": value["sender"],
                "origin_server_ts": value.get("origin_server_ts", 0),
                "state_key": value["state_key"],
                "type": value["type"],
            }
            event = RoomEvent(
                0,
                head["event_id"],
                value["type"],
                value["state_key"],
                value["sender"],
                head["origin_server_ts"],
                0,
                orjson.dumps(head)[:-1],
                0,
            )
            state[event.key] = event
    return shown


async def attach_context(source: Source, room: Identified, rows: Sequence[StoredEvent], events: Sequence[RoomEvent]) -> None:
    """Gives events from the database what their `unsigned` needs (the state they replaced, why they were redacted), and what
    else changed in the room's state with them."""
    replaced = {row.nid: row.replaces for row in rows if row.replaces is not None}
    redacted = {row.nid: row.redacted_by for row in rows if row.redacted_by is not None}
    moved = {row.position for row in rows if row.moved}
    moves = await read(source, MoveRow, _MOVES, room.nid, list(moved)) if moved else ()
    by_nid: dict[int | None, RoomEvent] = {}
    by_id: dict[str, RoomEvent] = {}
    wanted = {*replaced.values(), *(n for m in moves for n in (m.nid, m.was) if n is not None)}
    if wanted:
        for row in await read(source, StoredEvent, _EVENTS, list(wanted)):
            by_nid[row.nid] = event_of_row(row, room.room_id, room.version)
    if redacted:
        for row in await read(source, StoredEvent, _REDACTIONS, list(set(redacted.values()))):
            by_id[row.event_id] = event_of_row(row, room.room_id, room.version)
    for event in events:
        if event.nid in replaced:
            event.replaces = by_nid.get(replaced[event.nid])
        if event.nid in redacted:
            event.redacted_because = by_id.get(redacted[event.nid])
        if event.position in moved:
            event.state_delta = {
                (m.type, m.state_key): (by_nid.get(m.was), by_nid.get(m.nid)) for m in moves if m.position == event.position
            }
