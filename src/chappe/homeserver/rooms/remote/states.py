"""The state before an event: what the states after the events that it follows resolve to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.remote.stored_auth import KnownAuth, StoredAuth, Unwritten
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.state_conflict import StateResolver
from chappe.homeserver.rooms.state_tree import EMPTY, children
from chappe.matrix.event_auth import CREATE

REMEMBERED, ROOMS_KNOWN = 2000, 8
Packs = list[tuple[int, bytes]]


class States:
    def __init__(self, rooms: Rooms, store: RemoteStore) -> None:
        self._rooms, self._store = rooms, store
        self._resolved: OrderedDict[frozenset[bytes], bytes] = OrderedDict()
        self._known: OrderedDict[int, KnownAuth] = OrderedDict()  # of the rooms that were resolved last

    async def resolve(self, room: LiveRoom, roots: Sequence[bytes], unwritten: Unwritten | None = None) -> bytes:
        """Resolves the states with these roots, stores the nodes of the result that are new, and returns its root."""
        distinct = frozenset(roots)
        if len(distinct) == 1:
            return roots[0]
        known = self._resolved.get(distinct)
        if known is not None:
            self._resolved.move_to_end(distinct)
            return known
        create = await self._rooms.trees.get_many(roots[0], [self._rooms.key_hash(*CREATE)])
        resolver = StateResolver(
            self._rooms.trees,
            self._rooms.key_hash,
            StoredAuth(self._store, room, self._known_of(room.nid), unwritten),
            room.version,
            next(iter(create.values())),
        )
        base, changes = await resolver.resolve(sorted(distinct))
        root = await self.store(room.nid, base, changes)
        self._resolved[distinct] = root
        if len(self._resolved) > REMEMBERED:
            self._resolved.popitem(last=False)
        return root

    def _known_of(self, number: int) -> KnownAuth:
        known = self._known.pop(number, None)
        if known is None or known.is_large():
            known = KnownAuth()
        self._known[number] = known
        if len(self._known) > ROOMS_KNOWN:
            self._known.popitem(last=False)
        return known

    async def edit(
        self, root: bytes, changes: Mapping[bytes, int | None], first_pack: int | None = None
    ) -> tuple[bytes, Packs]:
        """Sets (None: deletes) some keys of a state. Returns the new root, and the packs to store. `first_pack`: a number that the
        first one may have."""
        numbers: Iterable[int] = () if first_pack is None else (first_pack,)
        if first_pack is None or len(changes) > 1:
            numbers = (*numbers, *await self._rooms.numbers.take(2 + len(changes) // 8))
        return await self._rooms.trees.edit(root, changes, list(numbers))

    async def store(self, room_nid: int, root: bytes, changes: Mapping[bytes, int | None]) -> bytes:
        if not changes:
            return root
        new, packs = await self.edit(root, changes)
        if packs:
            await self._rooms.store.save_packs(room_nid, packs)
        return new

    async def of_entries(self, room: LiveRoom, near: bytes, entries: Mapping[bytes, int]) -> bytes:
        """Stores a whole state (`entries`: event numbers by key), as a change of one that is like it (`near`), and returns its root."""
        present: dict[bytes, int] = {}
        if near != EMPTY:
            present = await self._rooms.trees.entries(near)
        changes: dict[bytes, int | None] = {k: v for k, v in entries.items() if present.get(k) != v}
        changes.update(dict.fromkeys(present.keys() - entries.keys()))
        return await self.store(room.nid, near, changes)

    async def nodes_below(self, root: bytes, have: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """The nodes of a tree that are not among `have`, by name."""
        found: dict[bytes, bytes] = {}
        level = [root] if root != EMPTY and root not in have else []
        while level:
            nodes = await self._rooms.trees.nodes(level)
            found.update(nodes)
            level = [c for node in nodes.values() for c in children(node) if c not in have and c not in found]
        return found
