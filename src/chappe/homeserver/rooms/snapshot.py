"""What the database has of a room, read in one transaction for its form in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import orjson
from pyroaring import BitMap

from chappe.homeserver.load.breath import Breath
from chappe.homeserver.rooms import store
from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.room_event import RoomEvent, event_of_row
from chappe.homeserver.rooms.state_tree import TreeReader, int_to_name
from chappe.matrix.event_auth import StateKey
from chappe.matrix.relations import BUNDLED
from chappe.matrix.room_versions import RoomVersion

TAIL_LENGTH = 64


class Identified(Protocol):
    """Which room is read."""

    @property
    def number(self) -> int: ...
    @property
    def room_id(self) -> str: ...
    @property
    def version(self) -> RoomVersion: ...


class Snapshot:
    """What one repeatable-read transaction found."""

    room: Any
    forward_extremities: dict[str, bytes]
    state: dict[StateKey, RoomEvent]
    nodes: dict[bytes, bytes]
    tail: list[RoomEvent]
    bases: dict[int, BitMap]
    next_num: int
    threads: dict[str, tuple[int, int]]
    related: set[str]
    invitations: Sequence[Any]

    @classmethod
    async def read(cls, connection: Any, room: Identified) -> Snapshot | None:
        self = cls()
        self.room = await connection.fetchrow(store.SNAPSHOT_ROOM, room.number)
        if self.room is None:
            return None
        roots = {r["event_id"]: r["root"] for r in await connection.fetch(store.SNAPSHOT_LEAVES, self.room["leaves"])}
        self.forward_extremities = {event_id: int_to_name(roots[event_id]) for event_id in self.room["leaves"]}
        numbers, self.nodes = await cls._tree(connection, int_to_name(self.room["root"]))
        rows = await connection.fetch(store.SNAPSHOT_STATE, numbers)
        by_number, breath = {}, Breath()
        self.state = {}
        for row in rows:
            await breath.take()
            event = event_of_row(row, room.room_id, room.version)
            if row["num"] is not None:
                event.chain = ChainRow(row["num"], row["base"], BitMap.deserialize(row["rest"]))
            by_number[event.nid] = self.state[event.key] = event
        bases = await connection.fetch(store.SNAPSHOT_BASES, room.number)
        self.bases = {row["base"]: BitMap.deserialize(row["chain"]) for row in bases}
        self.next_num = await connection.fetchval(store.SNAPSHOT_NUMBER, room.number)
        tail = await connection.fetch(store.SNAPSHOT_TAIL, room.number, TAIL_LENGTH)
        self.tail = [by_number.get(r["nid"]) or event_of_row(r, room.room_id, room.version) for r in reversed(tail)]
        threads = await connection.fetch(store.SNAPSHOT_THREADS, room.number)
        self.threads = {r["root"]: (r["notify_total"], r["highlight_total"]) for r in threads}
        related = await connection.fetch(store.SNAPSHOT_RELATED, [e.event_id for e in self.tail], BUNDLED)
        self.related = {r["target"] for r in related}
        self.invitations = ()
        if self.room["stub"] or self.room["federated"]:
            self.invitations = await connection.fetch(store.SNAPSHOT_INVITATIONS, room.number)
        await attach_context(
            connection.fetch, room, [*tail, *(r for r in rows if r["redacted_by"])], [*self.tail, *self.state.values()]
        )
        return self

    @staticmethod
    async def _tree(connection: Any, root: bytes) -> tuple[list[int], dict[bytes, bytes]]:
        async def load(packs: list[int]) -> dict[int, bytes]:
            return {r["pack"]: r["data"] for r in await connection.fetch(store.SNAPSHOT_PACKS, packs)}

        return await TreeReader(load).whole(root)


def shown_state(invitations: Sequence[Any], room_id: str) -> dict[str, dict[StateKey, RoomEvent]]:
    """Of a room that nobody here is in: what other servers showed with their invitations, which nothing proves. By invited
    person: what came with the invitation of one is not shown to another."""
    shown: dict[str, dict[StateKey, RoomEvent]] = {}
    for row in invitations:
        state = shown[row["user_id"]] = {}
        for value in (*orjson.loads(row["stripped"]), {**orjson.loads(row["event"]), "event_id": row["event_id"]}):
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


async def attach_context(fetch: Any, room: Identified, rows: Sequence[Any], events: Sequence[RoomEvent]) -> None:
    """Gives events from the database what their `unsigned` needs (the state they replaced, why they were redacted), and what
    else changed in the room's state with them."""
    replaced = {row["nid"]: row["replaces"] for row in rows if row["replaces"] is not None}
    redacted = {row["nid"]: row["redacted_by"] for row in rows if row["redacted_by"] is not None}
    moved = {row["position"] for row in rows if row["moved"]}
    moves = await fetch(store.SNAPSHOT_MOVES, room.number, list(moved)) if moved else ()
    by_nid, by_id = {}, {}
    wanted = {*replaced.values(), *(n for m in moves for n in (m["nid"], m["was"]) if n is not None)}
    if wanted:
        for row in await fetch(store.SNAPSHOT_EVENTS, list(wanted)):
            by_nid[row["nid"]] = event_of_row(row, room.room_id, room.version)
    if redacted:
        for row in await fetch(store.SNAPSHOT_REDACTIONS, list(set(redacted.values()))):
            by_id[row["event_id"]] = event_of_row(row, room.room_id, room.version)
    for event in events:
        if event.nid in replaced:
            event.replaces = by_nid.get(replaced[event.nid])
        if event.nid in redacted:
            event.redacted_because = by_id.get(redacted[event.nid])
        if event.position in moved:
            event.moved = {
                (m["type"], m["state_key"]): (by_nid.get(m["was"]), by_nid.get(m["nid"]))
                for m in moves
                if m["position"] == event.position
            }
