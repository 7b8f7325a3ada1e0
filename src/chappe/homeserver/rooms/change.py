"""What a commit makes of a room: applied to the room in memory, it is the room that would be read anew.

It holds plain values and events only, so it can be sent to other processes as bytes (`packed`, `unpacked`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from pyroaring import BitMap

from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.matrix.event_auth import StateKey


class AtHand(Protocol):
    """The room to which a change is applied: what it has already is not made twice."""

    @property
    def state(self) -> dict[StateKey, RoomEvent]: ...
    def recent(self, event_id: str | None) -> RoomEvent | None: ...


class RoomChange(msgspec.Struct, frozen=True):
    """`upto`: the commit's last position. `events`: those that the timeline gets, in order, with their positions and totals.
    `redacted`: (id of an event that is here, its client form from now on, the redaction; None, where its own content has come).
    `related`, `threads`: with which events a relation is told, and which threads there are, by what the timeline did not get now.
    `totals`: by thread ("": the main timeline) to which something was said, the notifications and highlights so far.
    `forward_extremities`: with the root of the state after each. `nodes`: those of the states' trees that are new.
    `next_num`, `bases`: what the auth chains get.
    `is_read_anew`: the room is more than this says.

    What is not of single events is as it is after the commit.
    """

    upto: int
    events: Sequence[RoomEvent]
    redacted: Sequence[tuple[str, bytes, RoomEvent | None]]
    related: Sequence[str]
    threads: Sequence[str]
    totals: dict[str, tuple[int, int]]
    forward_extremities: dict[str, bytes]
    root: bytes
    depth: int
    state_version: int
    revoke_version: int
    is_federated: bool
    is_stub: bool
    nodes: dict[bytes, bytes]
    next_num: int
    bases: Sequence[tuple[int, bytes]]
    is_read_anew: bool

    def packed(self) -> bytes:
        rows = _Rows()
        events = [rows.of(event) for event in self.events]
        for event in self.events:
            rows.add_context(event)
        redacted = [(target, head, rows.of(because)) for target, head, because in self.redacted]
        rest = [getattr(self, name) for name in _REST]
        return msgspec.msgpack.encode((rows.rows, rows.context, events, redacted, rest))

    @staticmethod
    def unpacked(data: bytes, room: AtHand) -> RoomChange:
        rows, context, events, redacted, rest = msgspec.msgpack.decode(data)
        found = [_at_hand(row, room) or _event(row) for row in rows]
        here: list[RoomEvent | None] = [*found, None]
        for index, replaces, because, state_delta in context:
            event = found[index]
            event.replaces, event.redacted_because = here[replaces], here[because]
            if state_delta is not None:
                event.state_delta = {(kind, key): (here[was], here[now]) for kind, key, was, now in state_delta}
        values = dict(zip(_REST, rest, strict=True))
        values["totals"] = {thread: tuple(totals) for thread, totals in values["totals"].items()}
        return RoomChange(
            events=[found[index] for index in events],
            redacted=[(target, head, here[because]) for target, head, because in redacted],
            **values,
        )


_REST = tuple(name for name in RoomChange.__struct_fields__ if name not in ("events", "redacted"))
_PLAIN = (
    "position",
    "notify_total",
    "highlight_total",
    "thread",
    "is_erased",
    "is_target",
    "relates_to",
    "is_bundled",
    "txn",
)  # attributes that an event gets once it is made
NOTHING = -1  # the index of no event


class _Rows:
    """Events as rows, each once. `context`: (index of an event, of what it replaces, of what redacted it, what else moved with it)."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.context: list[tuple[Any, ...]] = []
        self._index: dict[int, int] = {}

    def of(self, event: RoomEvent | None) -> int:
        if event is None:
            return NOTHING
        index = self._index.get(id(event))
        if index is None:
            index = self._index[id(event)] = len(self.rows)
            self.rows.append(_row(event))
        return index

    def add_context(self, event: RoomEvent) -> None:
        state_delta = None
        if event.state_delta is not None:
            state_delta = [(*key, self.of(was), self.of(now)) for key, (was, now) in event.state_delta.items()]
        self.context.append((self.of(event), self.of(event.replaces), self.of(event.redacted_because), state_delta))


def _row(event: RoomEvent) -> tuple[Any, ...]:
    chain = None if event.chain is None else (event.chain.num, event.chain.base, event.chain.rest.serialize())
    made = (event.nid, event.event_id, event.type, event.state_key, event.sender, event.ts, event.depth, event.head)
    return (*made, event.state_before), tuple(getattr(event, name) for name in _PLAIN), chain


def _event(row: Any) -> RoomEvent:
    made, plain, chain = row
    event = RoomEvent(*made)
    for name, value in zip(_PLAIN, plain, strict=True):
        setattr(event, name, value)
    if chain is not None:
        event.chain = ChainRow(chain[0], chain[1], BitMap.deserialize(chain[2]))
    return event


def _at_hand(row: Any, room: AtHand) -> RoomEvent | None:
    """The event itself, where the room has it."""
    nid, event_id, kind, state_key = row[0][:4]
    event = room.state.get((kind, state_key)) if state_key is not None else None
    return event if event is not None and event.nid == nid else room.recent(event_id)
