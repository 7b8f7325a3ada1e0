"""What is in flight over a room: what it will be once all events that are built, and not yet committed, are committed.

New events are authorised by it and cite its forward extremities, so the next batch is ready when a commit returns. Where anything
happens otherwise than was expected, the room makes another one from what is committed, and the events are built again on that
(docs/decisions/0002).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Protocol

from pyroaring import BitMap

from chappe.homeserver.rooms.auth_chains import AuthChains
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.state_tree_editor import TreeEditor
from chappe.matrix.event_auth import CREATE, StateKey, power_levels_of
from chappe.matrix.power_levels import PowerLevels
from chappe.matrix.room_versions import RoomVersion

MAX_PREV_EVENTS = 20
Levels = tuple[RoomEvent | None, RoomEvent | None, PowerLevels]  # of which power levels and create events


class Committed(Protocol):
    """The room that lies under it (`LiveRoom`). `bases`, `next_num`: its auth chains, as `AuthChains` has them."""

    nid: int
    room_id: str
    version: RoomVersion
    state: dict[StateKey, RoomEvent]
    joined: dict[str, RoomEvent]
    invited: int
    forward_extremities: dict[str, bytes]
    root: bytes
    depth: int
    nodes: dict[bytes, bytes]
    bases: dict[int, BitMap]
    next_num: int


class Ahead:
    """`state`: what the events in flight change in the room's state; `root`: of the whole state with them. `joined`, `invited`: how
    many members there will be. `forward_extremities`: by event id, with the root of the state after each."""

    __slots__ = ("_levels", "chains", "depth", "forward_extremities", "invited", "joined", "room", "root", "state")

    def __init__(self, room: Committed, levels: Levels | None = None) -> None:
        self.room = room
        self.state: dict[StateKey, RoomEvent | None] = {}
        self.root, self.depth = room.root, room.depth
        self.forward_extremities = dict(room.forward_extremities)
        self.joined, self.invited = len(room.joined), room.invited
        self.chains = AuthChains(dict(room.bases), room.next_num)
        self._levels = levels

    # ------------------------------------------------------------------------------------------------- reading it

    def get(self, key: StateKey) -> RoomEvent | None:
        return self.state[key] if key in self.state else self.room.state.get(key)

    def power_levels(self) -> PowerLevels:
        """Parsed once per event."""
        levels, create = self.get(("m.room.power_levels", "")), self.get(CREATE)
        if self._levels is None or self._levels[0] is not levels or self._levels[1] is not create:
            assert create is not None
            self._levels = (levels, create, power_levels_of(self.get, self.room.version, create))
        return self._levels[2]

    def prev_events(self) -> list[str]:
        """What the next event cites: the first forward extremities, of which there may be more."""
        return list(self.forward_extremities)[:MAX_PREV_EVENTS]

    # ------------------------------------------------------------------------------------------------- building on it

    def set(self, key: StateKey, event: RoomEvent, name: bytes) -> tuple[bytes | None, dict[bytes, bytes]]:
        """Puts an event into the state. `name`: of the key, in the state's tree. Returns the new nodes of the tree: the row to store
        under the event's number (None: there are none), and by name.

        Who is a member is counted by `change_members`.
        """
        editor = TreeEditor(self.room.nodes)
        self.root, pack = editor.update(self.root, [(name, event.nid)], event.nid)
        self.state[key] = event
        return pack, editor.written

    def move(self, root: bytes, nodes: Mapping[bytes, bytes], changes: Mapping[StateKey, RoomEvent | None]) -> None:
        """Takes a state that was found otherwise. `nodes`: those of its tree that are not at hand; `changes`: by key, what stands
        there now."""
        self.root = root
        self.room.nodes.update(nodes)
        self.state.update(changes)

    def change_members(self, before: str, after: str) -> None:
        """Counts a membership that takes the place of another; "leave" for none."""
        self.joined += (after == "join") - (before == "join")
        self.invited += (after == "invite") - (before == "invite")

    def follow(self, event_id: str, depth: int) -> None:
        """Makes a new event a forward extremity in place of the first 20, which it cites."""
        extremities = dict(islice(self.forward_extremities.items(), MAX_PREV_EVENTS, None))
        extremities[event_id] = self.root
        self.forward_extremities = extremities
        self.depth = depth

    def receive(self, forward_extremities: dict[str, bytes], depth: int) -> None:
        """Takes the forward extremities with an event of another server, which cites what it likes."""
        self.forward_extremities, self.depth = forward_extremities, max(self.depth, depth)

    # ------------------------------------------------------------------------------------------------- what is committed

    def settle(self, key: StateKey, now: RoomEvent | None) -> None:
        """An entry of the state is committed: it is in flight no more, unless another one is by now."""
        if key in self.state and self.state[key] is now:
            del self.state[key]

    def forget_levels(self) -> None:
        """An event has got another content, in its place."""
        self._levels = None

    def anew(self, room: Committed) -> Ahead:
        """Another one, with nothing in flight. What was parsed is kept."""
        return Ahead(room, self._levels)
