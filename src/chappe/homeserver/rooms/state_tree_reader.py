"""Reading rooms' states: their trees (`state_tree.py`) as the database has them, and where two of them differ."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from chappe.homeserver.rooms.state_tree import (
    EMPTY,
    ENTRY,
    FAN,
    HASH,
    HEADER,
    NAME,
    NO_ENTRIES,
    child_at,
    children,
    find_in_leaf,
    leaf_entries,
    pack_ends,
    read_entry,
    slot_of,
)
from chappe.homeserver.rooms.state_tree_editor import TreeEditor

CHILDREN = range(HEADER, HEADER + FAN * NAME, NAME)  # where they lie in an inner node
DIFFERENCES, SMALL_DIFFERENCE = 200, 500  # that are remembered

Pack = tuple[bytes, list[int]]  # a row, and where its nodes lie


def _node(pack: Pack, name: bytes) -> bytes:
    data, ends = pack
    return data[ends[name[5]] : ends[name[5] + 1]]


def _cost(pack: Pack) -> int:
    """About what it takes in memory."""
    return len(pack[0]) + 36 * len(pack[1]) + 300


Difference = Mapping[bytes, tuple[int | None, int | None]]
LoadPacks = Callable[[list[int]], Awaitable[dict[int, bytes]]]


class TreeReader:
    """Reads trees from the database through a byte-bounded cache of packs: one statement per level that is not cached."""

    def __init__(self, load_packs: LoadPacks, limit: int = 32 << 20) -> None:
        self._load_packs, self._limit, self._size = load_packs, limit, 0
        self._cache: OrderedDict[bytes, Pack] = OrderedDict()
        self._differences: OrderedDict[tuple[bytes, bytes], Difference] = OrderedDict()

    async def nodes(self, names: Iterable[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        missing: dict[bytes, list[bytes]] = {}
        for name in names:
            if name == EMPTY:
                found[name] = NO_ENTRIES
            elif (pack := self._cache.get(name[:5])) is not None:
                self._cache.move_to_end(name[:5])
                found[name] = _node(pack, name)
            else:
                missing.setdefault(name[:5], []).append(name)
        if missing:
            rows = await self._load_packs(sorted(int.from_bytes(prefix, "big") for prefix in missing))
            for number, data in rows.items():
                prefix = number.to_bytes(5, "big")
                pack = self._remember(prefix, data)
                found.update((name, _node(pack, name)) for name in missing[prefix])
        return found

    def learn(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Packs that are about to be stored: they can be read from now on."""
        for number, data in rows:
            prefix = number.to_bytes(5, "big")
            known = self._cache.get(prefix)
            if known is not None and known[0] != data:  # of a write that did not come to be
                self._size -= _cost(self._cache.pop(prefix))
                self._differences.clear()
            self._remember(prefix, data)

    async def edit(
        self, root: bytes, changes: Mapping[bytes, int | None], packs: Sequence[int]
    ) -> tuple[bytes, list[tuple[int, bytes]]]:
        """A tree with some entries set or (None) taken away, and the rows to store; see `TreeEditor.update_widely`."""
        nodes = await self._paths(root, changes)
        while True:
            known = set(nodes)
            try:
                new, rows = TreeEditor(nodes).update_widely(root, changes.items(), packs)
            except KeyError as missing:  # beside the paths: what an inner node is made a leaf from
                nodes = {name: nodes[name] for name in known}
                nodes.update(await self.nodes(missing.args))
                continue
            self.learn(rows)
            return new, rows

    async def _paths(self, root: bytes, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The nodes on the ways from a root to some keys."""
        found: dict[bytes, bytes] = {}
        level: dict[bytes, list[bytes]] = {root: list(keys)} if root != EMPTY else {}
        depth = 0
        while level:
            nodes = await self.nodes(level)
            found.update(nodes)
            deeper: dict[bytes, list[bytes]] = {}
            for name, below in level.items():
                if nodes[name][0]:
                    for key in below:
                        child = child_at(nodes[name], slot_of(key, depth))
                        if child != EMPTY:
                            deeper.setdefault(child, []).append(key)
            level, depth = deeper, depth + 1
        return found

    def _remember(self, prefix: bytes, data: bytes) -> Pack:
        pack = data, pack_ends(data)
        if prefix not in self._cache:
            self._cache[prefix] = pack
            self._size += _cost(pack)
            while self._size > self._limit:
                _, old = self._cache.popitem(last=False)
                self._size -= _cost(old)
        return pack

    async def get_many(self, root: bytes, keys: Iterable[bytes]) -> dict[bytes, int]:
        """The event numbers under some keys; absent keys are left out."""
        result: dict[bytes, int] = {}
        todo = [(root, key) for key in keys]
        depth = 0
        while todo:
            nodes = await self.nodes({name for name, _ in todo})
            deeper = []
            for name, key in todo:
                node = nodes[name]
                if node[0]:
                    deeper.append((child_at(node, slot_of(key, depth)), key))
                elif (number := find_in_leaf(node, key)) is not None:
                    result[key] = number
            todo, depth = deeper, depth + 1
        return result

    async def get_in(self, roots: Iterable[bytes], keys: Sequence[bytes]) -> dict[bytes, dict[bytes, int]]:
        """The same of many states, by root: what they have in common is gone through once. A statement per level at most."""
        result: dict[bytes, dict[bytes, int]] = {root: {} for root in roots}
        # by node: the roots above it, and what is looked for in it
        level = {root: ([root], list(keys)) for root in result} if keys else {}
        depth = 0
        while level:
            nodes = await self.nodes(level)
            deeper: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
            for name, (tops, below) in level.items():
                node = nodes[name]
                if node[0]:
                    slots: dict[int, list[bytes]] = {}
                    for key in below:
                        slots.setdefault(slot_of(key, depth), []).append(key)
                    for slot, keys_there in slots.items():
                        if (child := child_at(node, slot)) != EMPTY:  # a node that has something is in one place only
                            deeper.setdefault(child, ([], keys_there))[0].extend(tops)
                elif found := {key: number for key in below if (number := find_in_leaf(node, key)) is not None}:
                    for top in tops:
                        result[top].update(found)
            level, depth = deeper, depth + 1
        return result

    async def diff(self, a: bytes, b: bytes) -> Difference:
        """Where two states differ: the event under a key in each, None where it has none. Equal subtrees are not read."""
        known = self._differences.get((a, b))
        if known is not None:
            self._differences.move_to_end((a, b))
            return known
        found = await self._diff(a, b)
        if len(found) <= SMALL_DIFFERENCE:  # the ends of a fork are compared again with each event
            self._differences[a, b] = found
            if len(self._differences) > DIFFERENCES:
                self._differences.popitem(last=False)
        return found

    async def _diff(self, a: bytes, b: bytes) -> Difference:
        found: dict[bytes, tuple[int | None, int | None]] = {}
        pairs = [(a, b)] if a != b else []
        while pairs:
            nodes = await self.nodes({name for pair in pairs for name in pair})
            uneven = [name for x, y in pairs if nodes[x][0] != nodes[y][0] for name in (x, y) if nodes[name][0]]
            below = await self._entries_below(uneven)  # a leaf on one side, a subtree on the other
            deeper: list[tuple[bytes, bytes]] = []
            for x, y in pairs:
                one, other = nodes[x], nodes[y]
                if one[0] and other[0]:
                    deeper += [(p, q) for i in CHILDREN if (p := one[i : i + NAME]) != (q := other[i : i + NAME])]
                    continue
                ours = below[x] if one[0] else leaf_entries(one)
                theirs = below[y] if other[0] else leaf_entries(other)
                gone, come = dict(map(read_entry, ours - theirs)), dict(map(read_entry, theirs - ours))
                found.update((key, (gone.get(key), come.get(key))) for key in gone.keys() | come.keys())
            pairs = deeper
        return found

    async def _entries_below(self, names: Iterable[bytes]) -> dict[bytes, set[bytes]]:
        """By name of a subtree: all entries in it. Small ones: a leaf stands beside them."""
        result: dict[bytes, set[bytes]] = {name: set() for name in names}
        level = [(name, name) for name in result]
        while level:
            nodes = await self.nodes({name for _, name in level})
            deeper = []
            for top, name in level:
                if nodes[name][0]:
                    deeper += [(top, child) for child in children(nodes[name])]
                else:
                    result[top].update(leaf_entries(nodes[name]))
            level = deeper
        return result

    async def entries(self, root: bytes) -> dict[bytes, int]:
        """All of a state: by key, the event's number."""
        _, nodes = await self.read_whole_tree(root)
        return dict(read_entry(entry) for node in nodes.values() if not node[0] for entry in leaf_entries(node))

    async def read_whole_tree(self, root: bytes) -> tuple[list[int], dict[bytes, bytes]]:
        """Every event number of a state, and the nodes of its tree."""
        numbers: list[int] = []
        kept: dict[bytes, bytes] = {}
        level = [] if root == EMPTY else [root]
        while level:
            nodes = await self.nodes(level)
            level = []
            for name, node in nodes.items():
                kept[name] = node
                if node[0]:
                    level += children(node)
                else:
                    numbers += [int.from_bytes(node[i + HASH : i + ENTRY], "big") for i in range(1, len(node), ENTRY)]
        return numbers, kept
