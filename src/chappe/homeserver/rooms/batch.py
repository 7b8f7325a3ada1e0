"""What the writes of one commit into a room are in the database, and make of the room in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from chappe.homeserver.database.rows import Row
from chappe.homeserver.rooms.ahead import Committed
from chappe.homeserver.rooms.change import RoomChange
from chappe.homeserver.rooms.event_write import EventWrite
from chappe.homeserver.rooms.fragments import AuthBaseRow, LaneRow, ThreadRow
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.state_tree import name_to_int

Totals = tuple[int, int]  # notifications and highlights
NewBase = tuple[int, bytes]  # of the room's auth chains


class BatchedRoom(Committed, Protocol):
    """The room, as it is before the commit (`LiveRoom`)."""

    is_new: bool
    is_federated: bool
    is_stub: bool
    state_version: int
    revoke_version: int
    notify_total: int
    highlight_total: int
    threads: dict[str, Totals]


def rows_of(
    room: BatchedRoom, writes: Sequence[EventWrite], starts: Sequence[int], new_bases: Sequence[NewBase]
) -> Iterator[Row]:
    """`starts`: the positions, counted from the commit's first, that come before each write."""
    totals: dict[str, list[int]] = {"": [0, 0, 0]}
    used: list[str] = []
    state_changes = revokes = depth = last = bump = 0
    for write, start in zip(writes, starts, strict=True):
        yield from write.fragment_rows(start, totals)
        bump = start + offset if (offset := write.bump_offset()) else bump
        if write.events:
            last = start + len(write.events)
        used += write.used
        state_changes += write.state_changes
        revokes += write.revokes
        if write.depth > depth:
            depth = write.depth
    main = totals.pop("")
    extremity = next((extremity for write in reversed(writes) for extremity in write.forward_extremities), None)
    strict = room.is_federated and not room.is_new
    yield LaneRow(
        room=room.nid,
        state_version=-1 if room.is_new else room.state_version,
        revoke_version=room.revoke_version,
        state_bump=state_changes,
        revoke_bump=revokes,
        used=list(dict.fromkeys(used)),
        leaf=extremity,
        root=name_to_int(writes[-1].root_after),
        depth=depth,
        notify_bump=main[0],
        highlight_bump=main[1],
        last_offset=last,
        bump_offset=bump,
        leaves_before=list(room.forward_extremities) if strict else None,
        leaves_after=list(_extremities_after(room, writes)) if room.is_federated else None,
    )
    for root, (notify, highlight, offset) in totals.items():
        yield ThreadRow(room=room.nid, root=root, notify_bump=notify, highlight_bump=highlight, last_offset=offset)
    if (summary := next((write.summary for write in reversed(writes) if write.summary is not None), None)) is not None:
        yield summary
    for base, chain in new_bases:
        yield AuthBaseRow(room=room.nid, base=base, chain=chain)


def change_of(
    room: BatchedRoom, writes: Sequence[EventWrite], positions: Sequence[int], new_bases: Sequence[NewBase]
) -> RoomChange:
    """What a commit of own writes makes of the room; its events get their positions and totals."""
    totals = {"": (room.notify_total, room.highlight_total)}
    events: list[RoomEvent] = []
    redacted: list[tuple[str, bytes, RoomEvent | None]] = []
    related: list[str] = []
    threads: list[str] = []
    nodes: dict[bytes, bytes] = {}
    state_version, revoke_version = room.state_version, room.revoke_version
    depth, is_stub, is_read_anew = room.depth, room.is_stub, False
    for write, before in zip(writes, positions, strict=True):
        _place(write.events, before, totals, room.threads)
        events += write.events
        redacted += write.redacted
        related += write.related
        threads += write.threads
        if write.nodes:
            nodes.update(write.nodes)
        state_version += write.state_changes
        revoke_version += write.revokes
        if write.depth > depth:
            depth = write.depth
        is_stub = is_stub and not write.forward_extremities
        # the numbers of stretches are given with the commit; before anybody hears of it, who waits for news among them
        if write.adds_stretches or write.is_read_anew:
            is_read_anew = True
    return RoomChange(
        upto=positions[-1] + max(1, writes[-1].positions),  # a commit takes one position at least
        events=events,
        redacted=redacted,
        related=related,
        threads=threads,
        totals=totals,
        forward_extremities=_extremities_after(room, writes),
        root=writes[-1].root_after,
        depth=depth,
        state_version=state_version,
        revoke_version=revoke_version,
        is_federated=room.is_federated,
        is_stub=is_stub,
        nodes=nodes,
        next_num=max(room.next_num, writes[-1].next_num),
        bases=new_bases,
        is_read_anew=is_read_anew,
    )


def _place(events: Sequence[RoomEvent], before: int, totals: dict[str, Totals], so_far: Mapping[str, Totals]) -> None:
    """Gives events their positions and totals, after the position `before`. `totals`: by thread, those of this commit; continued
    here. `so_far`: by thread, those of before it."""
    for position, event in enumerate(events, before + 1):
        notify, highlight = totals.get(event.thread) or so_far.get(event.thread, (0, 0))
        event.position = position
        event.notify_total += notify
        event.highlight_total += highlight
        totals[event.thread] = event.notify_total, event.highlight_total


def _extremities_after(room: BatchedRoom, writes: Sequence[EventWrite]) -> dict[str, bytes]:
    extremities = dict(room.forward_extremities)
    for write in writes:
        for used in write.used:
            extremities.pop(used, None)
        extremities.update(write.forward_extremities)
    return extremities
