"""The state tree and the auth chains against plain dictionaries and sets, on random histories."""

from __future__ import annotations

import random

import pytest
from pyroaring import BitMap

from chappe.homeserver.rooms.auth_chains import REST_LIMIT, AuthChains, ChainRow
from chappe.homeserver.rooms.state_tree import EMPTY, KeyHash, decode_pack, int_to_name, name_to_int
from chappe.homeserver.rooms.state_tree_editor import TreeEditor
from chappe.homeserver.rooms.state_tree_reader import TreeReader

KEY = KeyHash(b"s" * 32)


class Store:
    """Packs as the database keeps them; counts what is read."""

    def __init__(self) -> None:
        self.packs: dict[int, bytes] = {}
        self.reads = 0

    async def load(self, packs: list[int]) -> dict[int, bytes]:
        self.reads += 1
        return {pack: self.packs[pack] for pack in packs}


@pytest.mark.parametrize("seed", range(8))
async def test_every_root_keeps_its_state_forever(seed: int) -> None:
    choose, store, nodes = random.Random(seed), Store(), {}
    editor, root = TreeEditor(nodes), EMPTY
    state: dict[bytes, int] = {}
    history = []
    for number in range(1, 400):
        key = (
            KEY("m.room.member", f"@user{choose.randrange(150)}:x")
            if choose.random() < 0.9
            else KEY(f"t{choose.randrange(9)}", "")
        )
        remove = choose.random() < 0.25
        root, pack = editor.update(root, [(key, None if remove else number)], number)
        if pack is not None:
            store.packs[number] = pack
        state = {k: v for k, v in state.items() if k != key} | ({} if remove else {key: number})
        history.append((root, dict(state)))
    reader = TreeReader(store.load, limit=20_000)
    asked = [*choose.sample(sorted({key for _, then in history for key in then}), 60), KEY("absent", "")]
    some = choose.sample(history, 40)
    assert await reader.get_in([EMPTY, *(then for then, _ in some)], asked) == {
        then: {key: state_then[key] for key in asked if key in state_then} for then, state_then in [(EMPTY, {}), *some]
    }
    assert await reader.get_in([root], []) == {root: {}}
    for root_then, state_then in choose.sample(history, 40):
        assert int_to_name(name_to_int(root_then)) == root_then
        keys = [*choose.sample(sorted(state_then), min(5, len(state_then))), KEY("absent", "")]
        assert await reader.get_many(root_then, keys) == {k: state_then[k] for k in keys if k in state_then}
        numbers, kept = await reader.read_whole_tree(root_then)
        assert sorted(numbers) == sorted(state_then.values())
        assert all(kept[name] == nodes[name] for name in kept)


def test_equal_states_have_equal_shapes_however_they_came_about() -> None:
    keys = [KEY("m.room.member", f"@u{n}:x") for n in range(200)]

    def shape(nodes: dict[bytes, bytes], root: bytes) -> object:
        node = nodes.get(root, b"\0")
        return node if not node[0] else [shape(nodes, node[i : i + 6]) for i in range(5, len(node), 6)]

    def build(order: list[int], detour: bool) -> object:
        nodes: dict[bytes, bytes] = {}
        editor, root = TreeEditor(nodes), EMPTY
        for n in order:
            root, _ = editor.update(root, [(keys[n], n + 1)], n + 1)
        if detour:
            for n in range(60, 200):
                root, _ = editor.update(root, [(keys[n], None)], 1000 + n)
        return shape(nodes, root)

    assert build(list(range(60)), False) == build(random.Random(1).sample(range(200), 200), True)


def test_a_change_in_a_large_room_is_one_small_row() -> None:
    nodes: dict[bytes, bytes] = {}
    editor, root = TreeEditor(nodes), EMPTY
    for n in range(1, 20_001):
        root, _ = editor.update(root, [(KEY("m.room.member", f"@u{n}:x"), n)], n)
    sizes = []
    for n in range(100):
        _, pack = editor.update(root, [(KEY("m.room.member", f"@new{n}:x"), 30_000 + n)], 30_000 + n)
        assert pack is not None and set(decode_pack(30_000 + n, pack)) <= set(nodes)
        sizes.append(len(pack))
    assert sum(sizes) / len(sizes) < 600


@pytest.mark.parametrize("seed", range(5))
def test_auth_chains_are_the_closure_of_the_citations(seed: int) -> None:
    choose, chains = random.Random(seed), AuthChains()
    rows: list[ChainRow] = []
    closures: list[set[int]] = []
    stored: dict[int, bytes] = {}
    for number in range(600):
        cited = sorted(set(choose.choices(range(max(0, number - 40), number), k=3))) if number else []
        row = chains.add([rows[c] for c in cited])
        stored.update(chains.take_new_bases())
        closure = set(cited).union(*(closures[c] for c in cited))
        assert row.num == number and set(chains.chain(row)) == closure and len(row.rest) <= REST_LIMIT
        rows.append(row)
        closures.append(closure)
    again = AuthChains({n: BitMap.deserialize(raw) for n, raw in stored.items()}, len(rows))
    assert all(set(again.chain(row)) == closure for row, closure in zip(rows, closures, strict=True))
    assert len(stored) < 300  # bases are shared


@pytest.mark.parametrize("seed", range(6))
async def test_differences_of_states(seed: int) -> None:
    choose, store = random.Random(seed), Store()
    editor, root = TreeEditor({}), EMPTY
    state: dict[bytes, int] = {}
    history: list[tuple[bytes, dict[bytes, int]]] = [(EMPTY, {})]
    for number in range(1, 300):
        if choose.random() < 0.1:
            root, state = choose.choice(history)  # a fork
        changes: dict[bytes, int | None] = {
            KEY("m.room.member", f"@u{choose.randrange(120)}:x"): None if choose.random() < 0.3 else number
            for _ in range(choose.choice((1, 1, 20)))
        }
        root, pack = editor.update(root, changes.items(), number)
        if pack is not None:
            store.packs[number] = pack
        merged = {**state, **changes}
        state = {key: value for key, value in merged.items() if value is not None}
        history.append((root, state))
    reader = TreeReader(store.load)
    for _ in range(60):
        (a, ours), (b, theirs) = choose.choice(history), choose.choice(history)
        differ = {k: (ours.get(k), theirs.get(k)) for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)}
        assert await reader.diff(a, b) == differ


async def test_one_difference_in_many_entries_reads_one_path() -> None:
    store, editor, root = Store(), TreeEditor({}), EMPTY
    for number in range(1, 101):
        slice_ = [(KEY("m.room.member", f"@u{number}.{n}:x"), number * 100 + n) for n in range(50)]
        root, pack = editor.update(root, slice_, number)
        assert pack is not None
        store.packs[number] = pack
    other, pack = editor.update(root, [(KEY("m.room.topic", ""), 7)], 101)
    assert pack is not None
    store.packs[101] = pack
    asked: list[int] = []

    async def load(packs: list[int]) -> dict[int, bytes]:
        asked.append(len(packs))
        return {pack: store.packs[pack] for pack in packs}

    assert await TreeReader(load).diff(root, other) == {KEY("m.room.topic", ""): (None, 7)}
    assert len(asked) <= 5 and sum(asked) <= 10
