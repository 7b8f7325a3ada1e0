"""A live room: the in-memory form of a room in one process.

`state`, its `root`, the `forward_extremities` and so on are as committed. The events that are built and not yet committed lie over
them, in `ahead`. Whatever happens otherwise than was expected raises `generation`: what was built is then built again
(docs/decisions/0002). A commit comes in as a `RoomChange`. Nobody else assigns a room's attributes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from pyroaring import BitMap

from chappe.homeserver.database.group_writer import Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row
from chappe.homeserver.rooms.ahead import Ahead
from chappe.homeserver.rooms.auth_chains import EMPTY_BASE
from chappe.homeserver.rooms.batch import change_of, rows_of
from chappe.homeserver.rooms.change import RoomChange
from chappe.homeserver.rooms.event_write import EventWrite
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.snapshot import TAIL_LENGTH, Snapshot, shown_state
from chappe.homeserver.rooms.state_tree import EMPTY, children, int_to_name
from chappe.homeserver.rooms.stretches import ReadingOrder, Stretch
from chappe.homeserver.rooms.summary import NEWS
from chappe.matrix.event_auth import StateKey
from chappe.matrix.history_visibility import parse_visibility
from chappe.matrix.power_levels import PowerLevels
from chappe.matrix.room_versions import RoomVersion

SHARED_CHUNKS = 64
_incarnations = itertools.count(1)


class LiveRoom:
    """See the module. Numbers are the database's; `complete_from`: the tail holds every event after this position."""

    __slots__ = (
        "_commits",
        "_database",
        "_loading",
        "_new_bases",
        "_order",
        "_stretches",
        "ahead",
        "at",
        "bases",
        "bump_position",
        "complete_from",
        "depth",
        "exists",
        "forward_extremities",
        "generation",
        "highlight_total",
        "incarnation",
        "invited",
        "is_entered",
        "is_federated",
        "is_new",
        "is_stub",
        "joined",
        "last_position",
        "next_num",
        "nid",
        "nodes",
        "notify_total",
        "partial_servers",
        "pending",
        "related",
        "revoke_version",
        "room_id",
        "root",
        "shared",
        "shown",
        "stale",
        "state",
        "state_version",
        "tail",
        "threads",
        "threads_before",
        "version",
    )

    def __init__(self, nid: int, room_id: str, version: RoomVersion, database: Database, is_new: bool = False) -> None:
        self.nid, self.room_id, self.version, self._database = nid, room_id, version, database
        self.is_new = is_new  # its first write creates it: there is nothing to read
        self.generation, self.stale, self.pending = 0, not is_new, 0
        self.exists = True
        self.at = 0  # loaded as of this position
        self.state: dict[StateKey, RoomEvent] = {}
        # Where nobody here is in it: by invited person, what the other server showed to this one.
        self.shown: dict[str, dict[StateKey, RoomEvent]] = {}
        self.joined: dict[str, RoomEvent] = {}
        self.invited = 0
        self.state_version = self.revoke_version = 0
        self.forward_extremities: dict[str, bytes] = {}  # by event id, with the root of the state after each
        # `is_entered`: somebody of here is about to come into a stub, whose real state is there already
        self.is_federated = self.is_stub = self.is_entered = False
        self.partial_servers: frozenset[str] = frozenset()  # those in the room, while not all its members are here
        self.root = EMPTY
        self.depth = 0
        self.notify_total = self.highlight_total = 0
        self.bump_position = 0  # of the last event that people would call news
        self.threads: dict[str, tuple[int, int]] = {}  # by root: notifications and highlights so far
        # the same, before the first event since the room was loaded
        self.threads_before: dict[str, tuple[int, int]] = {}
        self.incarnation = next(_incarnations)  # of these counters: another one after each load
        self.related: set[str] = set()  # of the events in the tail, those with which a relation is told (or was)
        self.nodes: dict[bytes, bytes] = {}  # of the trees of both states, as committed and with what is in flight
        self.bases: dict[int, BitMap] = {EMPTY_BASE: BitMap()}  # of its auth chains, as `AuthChains` has them
        self.next_num = 0
        self._new_bases: list[tuple[int, bytes]] = []  # of the batch that is being written
        self.tail: deque[RoomEvent] = deque()
        self.complete_from = 0
        self.last_position = 0
        self._stretches: Sequence[Sequence[int]] = ()
        self._order: ReadingOrder | None = None  # made when somebody asks
        self._loading = asyncio.Lock()
        self._commits = 0  # that were applied
        self.shared: dict[tuple[str, int, int], bytes] = {}  # chunks assembled once for all members: (what, from, to)
        self.ahead = Ahead(self)

    # ------------------------------------------------------------------------------------------------- reading it

    def get(self, key: StateKey) -> RoomEvent | None:
        """The state event under a key, as it will be once everything in flight is committed: new events are authorised by it."""
        ahead = self.ahead.state
        return ahead[key] if key in ahead else self.state.get(key)

    def content_of(self, key: StateKey) -> dict[str, Any] | None:
        event = self.get(key)
        return event.content if event is not None else None

    def membership(self, user_id: str) -> str:
        """The membership of a user, as committed; "leave" for none."""
        event = self.state.get(("m.room.member", user_id))
        return event.membership if event else "leave"

    def beside(self, user_id: str) -> RoomEvent | None:
        """The membership that stands beside the room's events: an invitation, a knock, or their end."""
        return self.shown.get(user_id, {}).get(("m.room.member", user_id))

    def known_to(self, user_id: str, key: StateKey) -> RoomEvent | None:
        """The state event under a key, as far as a person knows: for somebody who is invited from elsewhere, or has knocked there,
        what the other server showed of the room."""
        if user_id not in self.joined and (beside := self.beside(user_id)) and beside.membership in ("invite", "knock"):
            return self.shown[user_id].get(key)
        return self.get(key)

    @property
    def history_visibility(self) -> str:
        event = self.state.get(("m.room.history_visibility", ""))
        return parse_visibility(event.content.get("history_visibility") if event else None)

    @property
    def is_partial(self) -> bool:
        """Whether members are still being fetched (`remote/completing.py`)."""
        return len(self.partial_servers) > 0

    def power_levels(self) -> PowerLevels:
        """The power levels in the state with what is in flight."""
        return self.ahead.power_levels()

    def tail_after(self, position: int) -> list[RoomEvent] | None:
        """The events after a position, or None where the tail does not reach so far back."""
        if position < self.complete_from:
            return None
        if position >= self.last_position:
            return []
        result = []
        for event in reversed(self.tail):
            if event.position <= position:
                break
            result.append(event)
        result.reverse()
        return result

    @property
    def order(self) -> ReadingOrder:
        """In which its events are read: by position, where no history came to lie between events of the log."""
        if self._order is None or self._order.is_federated != self.is_federated:
            self._order = ReadingOrder((Stretch(*values) for values in self._stretches), self.is_federated)
        return self._order

    def recent(self, event_id: str | None) -> RoomEvent | None:
        """An event of the tail."""
        return next((event for event in reversed(self.tail) if event.event_id == event_id), None)

    def lowers_counts(self, event: RoomEvent) -> bool:
        """Whether a new event redacts what may have been unread: reactions are often taken back, and never counted."""
        if event.type != "m.room.redaction":
            return False
        target = self.recent(event.redacts)
        return target is None or target.type != "m.reaction"

    # ---------------------------------------------------------------------------------------- the writer's side

    def reset(self) -> None:
        """Forgets everything built and not yet committed: it will be built again on the committed state."""
        self.generation += 1
        self.ahead = self.ahead.anew(self)

    def make_stale(self) -> None:
        """Has it read anew before anybody builds on it, or reads it."""
        self.stale = True

    def keep(self) -> None:
        """Has it stay in memory until `let_go`: a write is under way."""
        self.pending += 1

    def let_go(self) -> None:
        self.pending -= 1

    def take_id(self, room_id: str) -> None:
        """A new room's id is told by its first event."""
        self.room_id = room_id

    def become_federated(self) -> None:
        """An event of another server is about to be written."""
        self.is_federated = True

    def open_to_newcomer(self) -> None:
        """Somebody of here is about to come into a stub, whose real state has been stored."""
        self.is_entered, self.stale = True, True

    def shut_again(self) -> None:
        """The newcomer was not let in: it is a stub as before."""
        self.is_entered, self.stale = False, True

    def share(self, key: tuple[str, int, int], chunk: bytes) -> None:
        """Keeps what was assembled for all members, until something changes or there is too much of it."""
        if len(self.shared) >= SHARED_CHUNKS:
            self.shared.clear()
        self.shared[key] = chunk

    def batch_rows(self, writes: Sequence[Write], starts: Sequence[int]) -> Iterable[Row]:
        mine: Sequence[EventWrite] = writes  # type: ignore[assignment]
        self._new_bases = self.ahead.chains.take_new_bases()
        return rows_of(self, mine, starts, self._new_bases)

    def committed(self, writes: Sequence[Write], positions: Sequence[int]) -> None:
        """Own writes became durable; `positions`: the position before each write's first event."""
        mine: Sequence[EventWrite] = writes  # type: ignore[assignment]
        self.apply(change_of(self, mine, positions, self._new_bases))

    def apply(self, change: RoomChange) -> None:
        """Makes the room what a commit has made of it. Where another process made it, what is in flight has to be built again
        (`reset`)."""
        if change.upto <= self.at:
            return  # already part of what was loaded
        self._commits += 1
        for event in change.events:
            self._append(event)
        for target_id, head, because in change.redacted:
            self._redact(target_id, head, because)
        for event_id in change.related:
            if self.recent(event_id) is not None:
                self.related.add(event_id)
        for thread in change.threads:
            self.threads.setdefault(thread, (0, 0))
        self._take_totals(change.totals)
        self.forward_extremities, self.root, self.depth = change.forward_extremities, change.root, change.depth
        self.state_version, self.revoke_version = change.state_version, change.revoke_version
        self.is_federated, self.is_stub, self.is_new = change.is_federated, change.is_stub, False
        self.nodes.update(change.nodes)
        self.next_num = change.next_num
        for base, chain in change.bases:
            self.bases[base] = BitMap.deserialize(chain)
        self.stale = self.stale or change.is_read_anew
        self.shared.clear()
        if len(self.nodes) > 400 and len(self.nodes) > 4 * max(100, len(self.state) // 4):
            self._forget_old_nodes()

    def _append(self, event: RoomEvent) -> None:
        self.last_position = event.position
        if event.type in NEWS:
            self.bump_position = event.position
        if event.relates_to is not None and event.is_bundled:
            self.related.add(event.relates_to)
        self._push(event)
        if event.state_delta is not None:
            for key, (before, now) in event.state_delta.items():
                self._settle(key, before, now)
        elif event.state_key is not None:
            self._settle(event.key, event.replaces, event)

    def _settle(self, key: StateKey, before: RoomEvent | None, now: RoomEvent | None) -> None:
        """Puts `now` in the place of `before` in the committed state, and takes it out of what is in flight."""
        if now is None:
            self.state.pop(key, None)
        else:
            self.state[key] = now
        self.ahead.settle(key, now)
        if key[0] == "m.room.member":
            was, membership = (before.membership if before else "leave"), (now.membership if now else "leave")
            self.invited += (membership == "invite") - (was == "invite")
            if now is not None and membership == "join":
                self.joined[key[1]] = now
            else:
                self.joined.pop(key[1], None)

    def _take_totals(self, totals: dict[str, tuple[int, int]]) -> None:
        for thread, total in totals.items():
            if thread == "":
                self.notify_total, self.highlight_total = total
            else:
                self.threads_before.setdefault(thread, self.threads.get(thread, (0, 0)))
                self.threads[thread] = total

    def _push(self, event: RoomEvent) -> None:
        self.tail.append(event)
        if len(self.tail) > TAIL_LENGTH:
            old = self.tail.popleft()
            self.related.discard(old.event_id)
            self.complete_from, old.replaces = old.position, None

    def _redact(self, event_id: str, head: bytes, because: RoomEvent | None) -> None:
        """`because`: None where the event's own content has come, which brings back nothing that was redacted meanwhile."""
        self.ahead.forget_levels()
        for event in {id(e): e for e in (*self.tail, *self.state.values()) if e.event_id == event_id}.values():
            if because is None and event.is_redacted:
                return
            event.set_head(head)
            event.redacted_because = because
        for event in self.tail:
            if event.replaces is not None and event.replaces.event_id == event_id:
                event.replaces.set_head(head)
                event.set_head(event.head)

    def _forget_old_nodes(self) -> None:
        kept: dict[bytes, bytes] = {}
        level = [r for r in (self.root, self.ahead.root) if r != EMPTY]
        while level:
            kept.update((name, self.nodes[name]) for name in level)
            level = [c for name in level for c in children(self.nodes[name]) if c not in kept]
        self.nodes = kept

    # --------------------------------------------------------------------------------------------- loading it

    async def reload(self) -> None:
        """Reads the room in one snapshot. Repeats itself through `stale` if something was heard, or written, meanwhile."""
        async with self._loading:
            if not self.stale:
                return
            before = self.generation, self._commits
            async with self._database.transaction("repeatable_read", readonly=True) as connection:
                snapshot = await Snapshot.read(connection, self)
            if (self.generation, self._commits) != before:
                return
            if snapshot is None:
                self.exists = self.is_new  # a new room whose creation was not committed
                self.stale = False
                self.reset()
                return
            self._install(snapshot)
            self.stale = False
            self.reset()

    def _install(self, s: Snapshot) -> None:
        row = s.room
        self.at, self.state_version, self.revoke_version = row.at, row.state_version, row.revoke_version
        self.forward_extremities, self.root, self.depth = s.forward_extremities, int_to_name(row.root), row.depth
        self.is_federated, self.is_stub = row.federated, row.stub
        self.partial_servers = frozenset(row.partial_servers or ())
        if (stretches := row.stretches or ()) != self._stretches:
            self._stretches, self._order = stretches, None
        self.notify_total, self.highlight_total = row.notify_total, row.highlight_total
        self.last_position, self.bump_position = row.last_position, row.bump_position
        self.threads, self.threads_before, self.related = s.threads, {}, s.related
        self.incarnation = next(_incarnations)
        self.state, self.nodes, self.is_new = s.state, s.nodes, False
        self.shown = shown_state(s.invitations, self.room_id)
        if self.is_stub and not self.is_entered:
            self.state = {
                **{key: event for state in self.shown.values() for key, event in state.items()},
                **{event.key: event for user in self.shown if (event := self.beside(user)) is not None},
            }
        members = [e for e in s.state.values() if e.type == "m.room.member"]
        self.joined = {e.key[1]: e for e in members if e.membership == "join"}
        self.invited = sum(1 for e in members if e.membership == "invite")
        self.bases, self.next_num = {EMPTY_BASE: BitMap(), **s.bases}, s.next_num
        self.tail = deque(s.tail)
        self.complete_from = s.tail[0].position if len(s.tail) >= TAIL_LENGTH else 0
        if len(self.tail) >= TAIL_LENGTH:
            self.tail.popleft()
        self.shared.clear()
