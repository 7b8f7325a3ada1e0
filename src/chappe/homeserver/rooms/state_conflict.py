"""Resolves states that are trees: what they conflict in is found from their differences, never from whole states.

`matrix/state_resolution.py` has the algorithms; this finds the conflicted state set, the auth difference and the conflicted
state subgraph for them, reading tree nodes only where the roots differ and auth chains only of what is found there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pyroaring import BitMap

from chappe.homeserver.rooms.state_tree import KeyHash
from chappe.homeserver.rooms.state_tree_reader import TreeReader
from chappe.matrix.event_auth import CREATE, JOIN_RULES, POWER_LEVELS, StateKey, auth_event_keys
from chappe.matrix.room_versions import RoomVersion
from chappe.matrix.state_resolution import Conflict, ResolvableEvent, resolve

OFF_THE_LOOP = 200  # events from which on a resolution runs in a thread


@dataclass(frozen=True, slots=True)
class AuthRow:
    """An event's number in its room, its auth chain as such numbers (itself left out), and the events that it cites."""

    nid: int
    num: int
    chain: BitMap
    auth: Sequence[int]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    event_id: str
    pdu: dict[str, Any]
    is_rejected: bool = False


class AuthIndex(Protocol):
    """What is stored of a room's state events. Each call is one statement, whatever it asks for."""

    async def rows(self, nids: Collection[int]) -> Mapping[int, AuthRow]: ...
    async def numbered(self, nums: Collection[int]) -> Mapping[int, AuthRow]: ...
    async def citers(self, nids: Collection[int]) -> Mapping[int, Mapping[int, StateKey]]: ...
    async def keys(self, nids: Collection[int]) -> Mapping[int, StateKey]: ...
    async def events(self, nids: Collection[int]) -> Mapping[int, StoredEvent]: ...


@dataclass(slots=True)
class _Difference:
    """`sides`: by key, the event that each state has under it."""

    roots: list[bytes]
    sides: dict[bytes, list[int | None]]

    @property
    def conflicted(self) -> set[int]:
        return {nid for row in self.sides.values() for nid in row if nid is not None}


class StateResolver:
    def __init__(self, reader: TreeReader, key_hash: KeyHash, index: AuthIndex, version: RoomVersion, create: int) -> None:
        """`create`: the room's create event."""
        self._reader, self._hash, self._index = reader, key_hash, index
        self._version, self._create = version, create

    async def resolve(self, roots: Sequence[bytes]) -> tuple[bytes, dict[bytes, int | None]]:
        """One of the roots, and what to set or (None) delete there to get the resolved state."""
        distinct = list(dict.fromkeys(roots))
        base = distinct[0]
        difference = await self._difference(distinct)
        settled = self._without_conflict(difference)
        if difference.sides:
            settled.update(await self._settle(base, difference))
        return base, settled

    async def _difference(self, roots: list[bytes]) -> _Difference:
        sides: dict[bytes, list[int | None]] = {}
        for at, root in enumerate(roots[1:], 1):
            for key, (ours, theirs) in (await self._reader.diff(roots[0], root)).items():
                sides.setdefault(key, [ours] * len(roots))[at] = theirs
        return _Difference(roots, sides)

    def _without_conflict(self, difference: _Difference) -> dict[bytes, int | None]:
        """Algorithm 1 takes what some states lack from the others; it is no conflict there."""
        if self._version.state_resolution != "1":
            return {}
        agreed: dict[bytes, int | None] = {}
        for key, row in list(difference.sides.items()):
            values = {nid for nid in row if nid is not None}
            if len(values) == 1:
                agreed[key] = values.pop()
                del difference.sides[key]
        return agreed

    async def _settle(self, base: bytes, difference: _Difference) -> dict[bytes, int | None]:
        conflicted = difference.conflicted
        rows = dict(await self._index.rows(conflicted))
        others: set[int] = set()
        if self._version.state_resolution != "1":
            others = await self._others(base, difference, rows) - conflicted
            rows.update(await self._index.rows(others))
        events = await self._load(base, difference, rows, conflicted | others)
        conflict = Conflict(
            self._version,
            events.of(self._create),
            [events.of(n) for n in sorted(conflicted)],
            [events.of(n) for n in sorted(others)],
            events.unconflicted.get,
        )
        large = len(conflicted) + len(others) > OFF_THE_LOOP
        state = await asyncio.to_thread(resolve, conflict) if large else resolve(conflict)
        final = {self._hash(*key): events.nid_of(event) for key, event in state.items()}
        return {**dict.fromkeys(difference.sides), **final}

    # ------------------------------------------------------------------------------------------- what is in conflict

    async def _others(self, base: bytes, difference: _Difference, rows: Mapping[int, AuthRow]) -> set[int]:
        """The auth difference and, in algorithm 2.1, the conflicted state subgraph."""
        sides = [[row[i] for row in difference.sides.values()] for i in range(len(difference.roots))]
        chains = [_closed(rows[nid] for nid in side if nid is not None) for side in sides]
        nums = BitMap.union(*chains) - BitMap.intersection(*chains)
        own = BitMap([row.num for row in rows.values()])
        nums = await self._cited_by_conflict_only(base, difference, nums - own)
        full = nums | own
        if self._version.state_resolution == "2.1":
            nums |= await self._between(own, rows, full)
        return {row.nid for row in (await self._index.numbered(list(nums))).values()}

    async def _between(self, own: BitMap, rows: Mapping[int, AuthRow], full: BitMap) -> BitMap:
        """Events in the chain of one conflicted event whose own chain holds another."""
        above = BitMap.union(*[row.chain for row in rows.values()]) - full
        above.remove_range(0, own.min() + 1)  # numbers rise along auth edges
        found = await self._index.numbered(list(above))
        return BitMap([num for num, row in found.items() if row.chain.intersect(own)])

    async def _cited_by_conflict_only(self, base: bytes, difference: _Difference, nums: BitMap) -> BitMap:
        """Those of `nums` that are neither unconflicted nor in an unconflicted event's auth chain.

        The chains of the whole state decide this; instead, all are followed together towards those that cite them until an
        unconflicted event is met. What unconflicted power levels and join rules build on is known to be cited.
        """
        left = BitMap(nums)
        holders = await self._holders(base, difference, [self._hash(*POWER_LEVELS), self._hash(*JOIN_RULES)])
        for row in (await self._index.rows(set(holders.values()))).values():
            left -= row.chain
        rows = await self._index.numbered(list(left))
        # by event: which of `left` it has in its chain, or is
        reached = {row.nid: (row.chain & left) | BitMap([num]) for num, row in rows.items()}
        frontier, keys = dict(reached), dict(await self._index.keys(reached))
        while frontier:
            hashes = {nid: self._hash(*keys[nid]) for nid in frontier if nid in keys}
            holders = await self._holders(base, difference, set(hashes.values()))
            for num in BitMap().union(*[frontier[nid] for nid, key in hashes.items() if holders.get(key) == nid]):
                left -= rows[num].chain
                left.discard(num)
            frontier = {nid: still for nid, nums in frontier.items() if (still := nums & left)}
            citers = await self._index.citers(frontier) if frontier else {}
            further: dict[int, BitMap] = {}
            for nid, nums in frontier.items():
                keys.update(citers[nid])
                for citer in citers[nid]:
                    fresh = nums - reached[citer] if citer in reached else nums
                    if fresh:
                        reached[citer] = reached.get(citer, BitMap()) | fresh
                        further[citer] = further.get(citer, BitMap()) | fresh
            frontier = further
        return left

    async def _holders(self, base: bytes, difference: _Difference, keys: Iterable[bytes]) -> dict[bytes, int]:
        """The unconflicted events under some keys."""
        return await self._reader.get_many(base, [key for key in keys if key not in difference.sides])

    # ------------------------------------------------------------------------------------------------------- events

    async def _load(self, base: bytes, difference: _Difference, rows: dict[int, AuthRow], full: Collection[int]) -> _Events:
        """Every event that resolution may look at: the full conflicted set, what decides on it, and what they cite."""
        stored = dict(await self._index.events(full))
        wanted = {CREATE, POWER_LEVELS, JOIN_RULES}
        for event in stored.values():
            pdu = event.pdu
            wanted.update(auth_event_keys(pdu["type"], pdu["state_key"], pdu["sender"], pdu["content"], self._version))
        by_hash = {self._hash(*key): key for key in wanted | {(e.pdu["type"], e.pdu["state_key"]) for e in stored.values()}}
        holders = await self._holders(base, difference, by_hash)
        heads = {*holders.values(), self._create} - rows.keys()
        rows.update(await self._index.rows(heads))
        chain = BitMap.union(*[row.chain for row in rows.values()]) - BitMap([row.num for row in rows.values()])
        rows.update((row.nid, row) for row in (await self._index.numbered(list(chain))).values())
        stored.update(await self._index.events(rows.keys() - stored.keys()))
        return _Events(rows, stored, {by_hash[key]: nid for key, nid in holders.items()})


def _closed(rows: Iterable[AuthRow]) -> BitMap:
    """The auth chain of a part of a state, its own events among it (docs/decisions/0011)."""
    result = BitMap()
    for row in rows:
        result |= row.chain
        result.add(row.num)
    return result


class _Events:
    """The events as resolution reads them, each with what it cites; made in the order of their numbers."""

    def __init__(self, rows: Mapping[int, AuthRow], stored: Mapping[int, StoredEvent], holders: Mapping[StateKey, int]) -> None:
        self._made: dict[int, ResolvableEvent] = {}
        self._nids: dict[str, int] = {}
        for row in sorted(rows.values(), key=lambda row: row.num):
            event = stored[row.nid]
            auth_events = [self._made[nid] for nid in row.auth if not stored[nid].is_rejected]
            self._made[row.nid] = ResolvableEvent(event.event_id, event.pdu, auth_events)
            self._nids[event.event_id] = row.nid
        self.unconflicted = {key: self._made[nid] for key, nid in holders.items()}

    def of(self, nid: int) -> ResolvableEvent:
        return self._made[nid]

    def nid_of(self, event: ResolvableEvent) -> int:
        return self._nids[event.event_id]
