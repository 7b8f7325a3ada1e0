"""What every write of events into a room has in common: the rows, and what a commit does to the live room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from chappe.homeserver.database.group_writer import Lane, Write
from chappe.homeserver.database.rows import Row
from chappe.homeserver.rooms.ahead import Ahead
from chappe.homeserver.rooms.fragments import EventRow, MembershipRow, PlacedRow, PushHitRow, RelationRow
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.state_tree import EMPTY
from chappe.homeserver.rooms.summary import NEWS, SummaryRow
from chappe.matrix.event_auth import StateKey
from chappe.matrix.push_rules import PushContext
from chappe.matrix.relations import Relation
from chappe.matrix.shared_verdict import shared_verdict


class RoomLane(Lane, Protocol):
    """The room, as a lane of the group writer: every reset gives it another `ahead`."""

    ahead: Ahead


class EventWrite(Write):
    """A write of events into one room. `build` begins with `start_over` and sets all that follows.

    `ahead`: what is in flight over the room, on which it is built.
    `events`: those that the timeline gets, in order. `used`: the forward extremities that they replace; `forward_extremities`: the new
    ones, by event id, with the root of the state after each. `state_changes`: how often the root of the room's state changes.
    `related`, `threads`: with which events a relation is told, and which threads there are, by what did not come into the timeline now.
    """

    lane: RoomLane
    ahead: Ahead
    events: list[RoomEvent]
    used: list[str]
    forward_extremities: dict[str, bytes]
    # what events that are here become: by which redaction; by none, where their own content has come
    redacted: list[tuple[str, bytes, RoomEvent | None]]
    related: Sequence[str] = ()
    threads: Sequence[str] = ()
    root_after = EMPTY
    state_changes = 0
    depth = 0
    next_num = 0  # of the room's auth chains, after it
    nodes: dict[bytes, bytes]  # of the trees of states, those that are new with it
    summary: SummaryRow | None  # where something changed that lists of rooms show
    revokes = False
    adds_stretches = False  # of history, to the order in which the room is read
    is_read_anew = False  # the room as it is in memory will not be what is written
    _rows: list[Row]
    _pdus: list[bytes]

    def __init__(self, lane: RoomLane, txn: str | None) -> None:
        super().__init__(lane, txn)
        self.event_txn: str | None = None  # remembered with the event: its author sees the transaction id

    def start_over(self) -> None:
        self.ahead = self.lane.ahead
        self.events, self.used, self.redacted, self._rows, self._pdus = [], [], [], [], []
        self.rooms, self.users, self.revokes = {self.lane.nid: {"events"}}, {}, False
        self.summary, self.adds_stretches, self.is_read_anew = None, False, False
        self.forward_extremities, self.nodes, self.state_changes = {}, {}, 0

    def changes(self, key: StateKey) -> bool:
        """Whether the room's state has another event under a key after this write."""
        return any(key in e.state_delta if e.state_delta is not None else (e.type, e.state_key) == key for e in self.events)

    def add_row(self, row: Row) -> None:
        self._rows.append(row)

    def add_membership(self, index: int, event: RoomEvent, before: str) -> None:
        target, membership = event.key[1], event.membership
        self.ahead.change_members(before, membership)
        self.add_row(
            MembershipRow(
                at=index + 1, who=target, room=self.lane.nid, membership=membership, nid=event.nid, sender=event.sender
            )
        )
        self.touch_user(target, "membership")
        if membership in ("leave", "ban"):
            self.revokes = True

    def add_relation(self, index: int, event: RoomEvent, relation: Relation) -> None:
        event.relate(relation)
        self.add_row(
            RelationRow(
                at=index + 1,
                nid=event.nid,
                room=self.ahead.room.nid,
                target=relation.target,
                rel_type=relation.rel_type,
                type=event.type,
                sender=event.sender,
                key=relation.key,
                ts=event.ts,
                event_id=event.event_id,
            )
        )

    def add_notifications(self, index: int, event: RoomEvent, content: Mapping[str, Any]) -> None:
        """Once for all readers, whatever the size of the room; a row only for those who are mentioned."""
        if event.type == "m.room.create":
            return
        room, levels = self.ahead.room, self.ahead.power_levels()
        context = PushContext(room.room_id, len(room.joined), lambda name: levels.of(event.sender) >= levels.notification(name))
        verdict = shared_verdict(event.type, event.state_key, dict(content), context)
        event.notify_total, event.highlight_total = int(verdict.everyone.notify), int(verdict.everyone.highlight)
        if event.type == "m.room.member":
            return
        for user in verdict.mentioned:
            if user != event.sender and user in room.joined:
                self.add_row(
                    PushHitRow(
                        at=index + 1,
                        who=user,
                        room=room.nid,
                        thread=event.thread,
                        notify=not event.notify_total,
                        highlight=not event.highlight_total,
                    )
                )
                self.touch_user(user, "mention")

    def fragment_rows(self, start: int, totals: dict[str, list[int]]) -> Iterator[Row]:
        """The rows, once the batch is known: `start` positions come before this write.

        `totals`: by thread, what the batch adds to the thread's notifications and highlights so far; continued here.
        """
        number = self.lane.nid
        for index, (event, pdu) in enumerate(zip(self.events, self._pdus, strict=True)):
            total = totals.setdefault(event.thread, [0, 0, 0])
            total[0] += event.notify_total
            total[1] += event.highlight_total
            total[2] = start + index + 1
            yield EventRow(
                at=start + index + 1,
                nid=event.nid,
                room=number,
                event_id=event.event_id,
                type=event.type,
                state_key=event.state_key,
                sender=event.sender,
                ts=event.ts,
                depth=event.depth,
                state_before=event.state_before,
                replaces=event.replaces.nid if event.replaces else None,
                thread=event.thread,
                notify=total[0],
                highlight=total[1],
                txn=event.txn,
                state_after=event.state_after,
                room_before=event.room_before,
                moved=event.state_delta is not None,
                json=pdu,
            )
        for row in self._rows:
            yield replace(row, at=start + row.at) if isinstance(row, PlacedRow) else row

    def bump_offset(self) -> int:
        """Of the last event that people would call news, counted from 1; 0 where there is none."""
        return max((i for i, e in enumerate(self.events, 1) if e.type in NEWS), default=0)


StateDelta = dict[StateKey, tuple[RoomEvent | None, RoomEvent | None]]
