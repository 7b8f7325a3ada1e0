"""A room in memory as plain values, for comparing two of them: everything that others read of it.

Left out is what is a process's own (`generation`, `stale`, `pending`, `shared`, `incarnation` and what is counted since then:
`threads_before`), or the time of the reading (`at`); and of `nodes` those of other states, which are any that were at hand.
Of the tail, a room that was just read has the last 63 events, and one that goes on 64. Where state lies that came before this
server did is found out when somebody reads back, and known to the database alone.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import orjson
import pytest

from chappe.homeserver.rooms.change import RoomChange
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.snapshot import TAIL_LENGTH
from chappe.homeserver.rooms.state_tree import EMPTY, children

Changes = Callable[[LiveRoom], list[bytes]]


class Follower:
    """The same room in another process, which hears of commits by their changes alone, from `start` on."""

    def __init__(self, live: LiveRoom, changes: Changes) -> None:
        self.live, self.room, self._changes = live, another(live), changes
        self.heard = 0

    async def start(self) -> None:
        self._changes(self.live)
        await self.room.reload()

    async def require_same(self) -> None:
        """Hears of all that was committed until now: both rooms are then what one reads anew."""
        for data in self._changes(self.live):
            await self._hear(data)
        fresh = await read_anew(self.live)
        require_same(self.room, fresh)
        require_same(self.live, fresh)

    async def _hear(self, data: bytes) -> None:
        self.room.apply(RoomChange.unpacked(data, self.room))
        self.room.reset()
        self.heard += 1
        while self.room.stale:
            await self.room.reload()


def another(room: LiveRoom) -> LiveRoom:
    return LiveRoom(room.nid, room.room_id, room.version, room._database)


async def read_anew(room: LiveRoom) -> LiveRoom:
    fresh = another(room)
    await fresh.reload()
    return fresh


def record(monkeypatch: pytest.MonkeyPatch) -> Changes:
    """From now on, the changes of every room in memory are kept, as they travel. Returns what gives those of one since it was asked."""
    kept: dict[int, list[bytes]] = {}
    apply = LiveRoom.apply

    def recorded(self: LiveRoom, change: RoomChange) -> None:
        data = change.packed()
        apply(self, change)
        kept.setdefault(id(self), []).append(data)

    monkeypatch.setattr(LiveRoom, "apply", recorded)
    return lambda room: kept.pop(id(room), [])


def _said(event: RoomEvent) -> Any:
    return orjson.loads(event.head + b"}")


def _event(event: RoomEvent | None) -> Any:
    if event is None:
        return None
    chain = event.chain and (event.chain.num, event.chain.base, list(event.chain.rest))
    because = event.redacted_because.event_id if event.redacted_because else None
    made = (event.nid, event.event_id, event.type, event.state_key, event.sender, event.ts, event.depth, _said(event))
    place = (event.state_before, event.position) if event.position > 0 else None
    return (*made, place, event.thread, event.txn, event.is_erased, event.relates_to, because, chain)


def _in_tail(event: RoomEvent) -> Any:
    delta = event.state_delta and {key: (was and was.nid, now and now.nid) for key, (was, now) in event.state_delta.items()}
    replaces = event.replaces and (event.replaces.event_id, _said(event.replaces), event.replaces.sender)
    return (*_event(event)[:-1], event.notify_total, event.highlight_total, replaces, delta)


def _tree(room: LiveRoom) -> dict[bytes, bytes]:
    """The nodes of its state, all of which it must have."""
    found: dict[bytes, bytes] = {}
    names = [room.root] if room.root != EMPTY else []
    while names:
        found.update({name: room.nodes[name] for name in names})
        names = [child for name in names for child in children(found[name])]
    return found


def _tail(room: LiveRoom) -> list[RoomEvent]:
    return list(room.tail)[1 - TAIL_LENGTH :]


def require_same(room: LiveRoom, fresh: LiveRoom) -> None:
    """A room is the one that was read anew. What was related to, and is no more, it may still remember."""
    here, there = picture(room), picture(fresh)
    for name in here:
        parts = zip_longest(_parts(here[name]), _parts(there[name]))
        assert here[name] == there[name], (name, [(a, b) for a, b in parts if a != b])
    assert room.complete_from <= fresh.complete_from
    assert {event.event_id for event in _tail(fresh)} & fresh.related <= room.related


def _parts(value: Any) -> list[Any]:
    """Of what is large: that the message says in what two rooms differ, and not all that they have."""
    return sorted(value.items()) if isinstance(value, dict) else value if isinstance(value, list) else [value]


def picture(room: LiveRoom) -> dict[str, Any]:
    return {
        "tree": _tree(room),
        "state": {key: _event(event) for key, event in room.state.items()},
        "joined": {user: event.nid for user, event in room.joined.items()},
        "tail": [_in_tail(event) for event in _tail(room)],
        "threads": room.threads,
        "forward_extremities": room.forward_extremities,
        "bases": {base: list(chain) for base, chain in room.bases.items()},
        "stretches": [list(stretch) for stretch in room._stretches],
        "shown": {user: {key: event.event_id for key, event in state.items()} for user, state in room.shown.items()},
        **{
            name: getattr(room, name)
            for name in (
                "bump_position",
                "depth",
                "exists",
                "highlight_total",
                "history_visibility",
                "invited",
                "is_federated",
                "is_new",
                "is_stub",
                "last_position",
                "next_num",
                "nid",
                "notify_total",
                "partial_servers",
                "revoke_version",
                "room_id",
                "root",
                "state_version",
                "version",
            )
        },
        "ahead": (room.ahead.state, room.ahead.root, room.ahead.depth, room.ahead.joined, room.ahead.invited),
        "ahead's extremities": (room.ahead.forward_extremities, room.ahead.chains.next_num),
    }
