"""States as trees resolve as whole maps do by the letter of the text, and little is read for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from chappe.homeserver.rooms.auth_chains import AuthChains, ChainRow
from chappe.homeserver.rooms.state_conflict import AuthRow, StateResolver, StoredEvent
from chappe.homeserver.rooms.state_tree import EMPTY, KeyHash
from chappe.homeserver.rooms.state_tree_editor import TreeEditor
from chappe.homeserver.rooms.state_tree_reader import TreeReader
from chappe.matrix.event_auth import POWER_LEVELS, StateKey
from chappe.matrix.room_versions import ROOM_VERSIONS, RoomVersion
from chappe.matrix.state_resolution import ResolvableEvent
from tests.matrix.test_state_resolution import ALICE, BOB, CAROL, DAVE, History, Room, State, member, resolved

HASH = KeyHash(b"s" * 32)
FIRST = 1000  # numbers of events in the database are not those in the room


class Index:
    """A room's state events as the database keeps them, in memory; counts what is asked."""

    def __init__(self, room: Room) -> None:
        self.chains = AuthChains()
        self.events_in_order = [room.create, *room.events]
        self.nids = {event.event_id: FIRST + 3 * n for n, event in enumerate(self.events_in_order)}
        self.stored: dict[int, ResolvableEvent] = {self.nids[e.event_id]: e for e in self.events_in_order}
        self.chain_rows: dict[int, ChainRow] = {}
        self.cited_by: dict[int, list[int]] = {nid: [] for nid in self.stored}
        for nid, event in self.stored.items():
            cited = [self.nids[a.event_id] for a in event.auth_events]
            self.chain_rows[nid] = self.chains.add([self.chain_rows[c] for c in cited])
            for c in cited:
                self.cited_by[c].append(nid)
        self.by_num = {row.num: nid for nid, row in self.chain_rows.items()}
        self.asked: list[tuple[str, int]] = []

    def _row(self, nid: int) -> AuthRow:
        row = self.chain_rows[nid]
        return AuthRow(nid, row.num, self.chains.chain(row), [self.nids[a.event_id] for a in self.stored[nid].auth_events])

    async def rows(self, nids: Collection[int]) -> dict[int, AuthRow]:
        self.asked.append(("rows", len(nids)))
        return {nid: self._row(nid) for nid in nids}

    async def numbered(self, nums: Collection[int]) -> dict[int, AuthRow]:
        self.asked.append(("numbered", len(nums)))
        return {num: self._row(self.by_num[num]) for num in nums}

    async def citers(self, nids: Collection[int]) -> dict[int, dict[int, StateKey]]:
        self.asked.append(("citers", len(nids)))
        return {nid: {citer: self.stored[citer].key for citer in self.cited_by[nid]} for nid in nids}

    async def keys(self, nids: Collection[int]) -> dict[int, StateKey]:
        return {nid: self.stored[nid].key for nid in nids}

    async def events(self, nids: Collection[int]) -> dict[int, StoredEvent]:
        self.asked.append(("events", len(nids)))
        return {nid: StoredEvent(self.stored[nid].event_id, self.stored[nid].pdu) for nid in nids}


class Trees:
    """States of a room as trees, and their resolution."""

    def __init__(self, room: Room) -> None:
        self.index, self.packs, self.reads = Index(room), {}, 0
        self.editor = TreeEditor({})
        self.reader = TreeReader(self._packs)
        self.resolver = StateResolver(self.reader, HASH, self.index, room.version, self.index.nids[room.create.event_id])
        self._next = 1

    async def _packs(self, packs: list[int]) -> dict[int, bytes]:
        self.reads += len(packs)
        return {pack: self.packs[pack] for pack in packs}

    def edit(self, root: bytes, changes: dict[bytes, int | None]) -> bytes:
        items = list(changes.items())
        for at in range(0, len(items), 50):
            root, pack = self.editor.update(root, items[at : at + 50], self._next)
            if pack is not None:
                self.packs[self._next] = pack
            self._next += 1
        return root

    def root(self, state: State, start: State | None = None, start_root: bytes = EMPTY) -> bytes:
        """`start`: a state that this one grew from, and its root: what did not change is shared."""
        changed = {key: event for key, event in state.items() if start is None or start.get(key) is not event}
        return self.edit(start_root, {HASH(*key): self.index.nids[event.event_id] for key, event in changed.items()})

    async def merge(self, states: list[State]) -> State:
        base, changes = await self.resolver.resolve([self.root(state) for state in states])
        numbers, _ = await self.reader.read_whole_tree(self.edit(base, changes))
        found = [self.index.stored[nid] for nid in numbers]
        return {event.key: event for event in found}


class Compared(History):
    """Each merge of a random room, kept to be resolved again from trees."""

    def __init__(self, version: RoomVersion, seed: int) -> None:
        self.merges: list[tuple[list[State], State]] = []
        super().__init__(version, seed)

    def compare(self, states: list[State]) -> State:
        result = super().compare(states)
        if not all(state == states[0] for state in states):
            self.merges.append((states, result))
        return result


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("version", ["2", "11", "12"])
async def test_trees_resolve_as_whole_states_do(version: str, seed: int) -> None:
    history = Compared(ROOM_VERSIONS[version], seed + 50)
    for _ in range(120):
        history.step()
    history.wild()
    trees = Trees(history)
    for states, expected in history.merges:
        assert await trees.merge(states) == expected
    assert len(history.merges) > 20


async def test_version_1_takes_what_one_state_lacks_from_the_other() -> None:
    room = Room(ROOM_VERSIONS["1"])
    start = room.begin({BOB: 50})
    left = room.put(start, ("m.room.topic", ""), BOB, {"topic": "left"})
    right = room.put(room.put(start, ("m.room.name", ""), ALICE, {"name": "n"}), member(DAVE), DAVE, {"membership": "join"})
    right = room.put(right, ("m.room.topic", ""), BOB, {"topic": "right"})
    assert await Trees(room).merge([left, right]) == resolved([left, right], room.version, room.create)


@pytest.mark.parametrize("version", ["11", "12"])
async def test_little_of_a_large_room_is_read(version: str) -> None:
    room = Room(ROOM_VERSIONS[version])
    state = room.begin({BOB: 50, CAROL: 50})
    for n in range(1500):
        user = f"@user{n}:x.example"
        state = room.put(state, member(user), user, {"membership": "join"})
    left = room.put(state, member("@user7:x.example"), BOB, {"membership": "ban"})
    right = room.put(state, ("m.room.topic", ""), CAROL, {"topic": "x"})
    right = room.put(right, member("@user7:x.example"), "@user7:x.example", {"membership": "join", "displayname": "7"})
    right = room.put(right, POWER_LEVELS, ALICE, {**state[POWER_LEVELS].content, "ban": 40})
    trees = Trees(room)
    start = trees.root(state)
    roots = [trees.root(side, state, start) for side in (left, right)]
    trees.reader = TreeReader(trees._packs)
    trees.resolver = StateResolver(trees.reader, HASH, trees.index, room.version, trees.index.nids[room.create.event_id])
    trees.index.asked.clear()
    trees.reads = 0
    base, changes = await trees.resolver.resolve(roots)
    read: dict[str, Any] = {what: sum(n for kind, n in trees.index.asked if kind == what) for what, _ in trees.index.asked}
    assert trees.index.stored[changes[HASH(*member("@user7:x.example"))] or 0].content["membership"] == "ban"
    assert len(trees.index.asked) < 40 and read["events"] < 60 and read["rows"] < 60, read
    assert trees.reads < 40
