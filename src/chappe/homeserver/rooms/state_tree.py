"""Room state as a persistent tree: an immutable hash-array-mapped trie from (type, state_key) to an event's number.

Nodes are bytes, used undecoded (docs/decisions/0003):
  leaf   00 | entries, sorted, 16 bytes each: keyed hash [10], event number [6]
  inner  01 | count u32 | 16 child names of 6 bytes, zeros where empty
A subtree is a leaf exactly if it holds at most BUCKET entries, so its shape depends on its content alone. A name is
a pack (5 bytes, the number of the event that caused the write) and a position in it (1 byte).
"""

from __future__ import annotations

import hashlib
import struct
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from itertools import accumulate

HASH, VALUE, NAME, HEADER = 10, 6, 6, 5
ENTRY, FAN, BUCKET = HASH + VALUE, 16, 16
CHILDREN = range(HEADER, HEADER + FAN * NAME, NAME)  # where they lie in an inner node
PACK_NODES = 256
DIFFERENCES, SMALL_DIFFERENCE = 200, 500  # that are remembered
EMPTY, NO_ENTRIES = bytes(NAME), b"\0"
EntryChange = tuple[bytes, int | None]


class KeyHash:
    """Keyed, so that nobody outside can search for state keys that collide. The secret is one per database."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __call__(self, event_type: str, state_key: str) -> bytes:
        head = event_type.encode()  # its length keeps ("a", "bc") and ("ab", "c") apart
        text = len(head).to_bytes(2, "big") + head + state_key.encode()
        return hashlib.blake2b(text, digest_size=HASH, key=self._secret).digest()


def name_to_int(name: bytes) -> int:
    return int.from_bytes(name, "big")


def int_to_name(number: int) -> bytes:
    return number.to_bytes(NAME, "big")


def _slot(key: bytes, depth: int) -> int:
    return (key[depth >> 1] >> (0 if depth & 1 else 4)) & 15


def _child(node: bytes, slot: int) -> bytes:
    return node[HEADER + slot * NAME : HEADER + slot * NAME + NAME]


def children(node: bytes) -> list[bytes]:
    """The names below an inner node; none for a leaf."""
    if not node[0]:
        return []
    return [c for i in range(HEADER, len(node), NAME) if (c := node[i : i + NAME]) != EMPTY]


def _find(leaf: bytes, key: bytes) -> int | None:
    at = leaf.find(key, 1)
    while at >= 0 and (at - 1) % ENTRY:  # a match across two entries is none
        at = leaf.find(key, at + 1)
    return None if at < 0 else int.from_bytes(leaf[at + HASH : at + ENTRY], "big")


def _leaf_entries(leaf: bytes) -> set[bytes]:
    return {leaf[i : i + ENTRY] for i in range(1, len(leaf), ENTRY)}


def _read(entry: bytes) -> tuple[bytes, int]:
    return entry[:HASH], int.from_bytes(entry[HASH:], "big")


class TreeEditor:
    """Changes trees whose nodes are at hand in `nodes`; new nodes go there and into `written`, one pack per edit, in its order."""

    def __init__(self, nodes: MutableMapping[bytes, bytes]) -> None:
        self.nodes = nodes
        self.written: dict[bytes, bytes] = {}
        self._pack = 0
        self._done: list[tuple[int, bytes]] | None = None  # packs that are full, where more than one may be written
        self._further: Iterator[int]

    def update(self, root: bytes, changes: Iterable[EntryChange], pack: int) -> tuple[bytes, bytes | None]:
        """Sets (None: deletes) keys. Returns the new root and the row to store under `pack`, None if nothing changed.

        Raises ValueError where the edit would need more than one pack (256 nodes): build large states in slices.
        """
        self._pack, self.written = pack, {}
        new, _ = self._apply(root, 0, sorted(dict(changes).items()))
        return new, encode_pack(list(self.written.values())) if self.written else None

    def update_widely(
        self, root: bytes, changes: Iterable[EntryChange], packs: Iterable[int]
    ) -> tuple[bytes, list[tuple[int, bytes]]]:
        """`update` for any number of changes. `packs`: as many numbers as it takes (about one for ten changes).

        Raises ValueError where they are not enough.
        """
        done: list[tuple[int, bytes]] = []
        self._further = iter(packs)
        try:
            self._done, self._pack, self.written = done, next(self._further), {}
            new, _ = self._apply(root, 0, sorted(dict(changes).items()))
        except StopIteration:
            raise ValueError("an edit of the state tree needs more packs") from None
        finally:
            self._done = None
        if self.written:
            done.append((self._pack, encode_pack(list(self.written.values()))))
        return new, done

    def _load(self, name: bytes) -> bytes:
        return NO_ENTRIES if name == EMPTY else self.nodes[name]

    def _save(self, node: bytes) -> bytes:
        if len(self.written) == PACK_NODES:
            if self._done is None:
                raise ValueError("an edit of the state tree needs more than 256 nodes")
            self._done.append((self._pack, encode_pack(list(self.written.values()))))
            self._pack, self.written = next(self._further), {}
        name = self._pack.to_bytes(5, "big") + bytes([len(self.written)])
        self.written[name] = self.nodes[name] = node
        return name

    def _apply(self, name: bytes, depth: int, changes: list[EntryChange]) -> tuple[bytes, int]:
        node = self._load(name)
        if not node[0]:
            return self._apply_to_leaf(name, node, depth, changes)
        groups: dict[int, list[EntryChange]] = {}
        for change in changes:
            groups.setdefault(_slot(change[0], depth), []).append(change)
        body, delta, moved = bytearray(node[HEADER:]), 0, False
        for slot, group in groups.items():
            old = _child(node, slot)
            new, grown = self._apply(old, depth + 1, group)
            delta += grown
            if new != old:
                body[slot * NAME : (slot + 1) * NAME], moved = new, True
        if not moved:
            return name, 0
        count = int.from_bytes(node[1:HEADER], "big") + delta
        if count <= BUCKET:
            entries = [e for i in range(FAN) for e in self._entries(bytes(body[i * NAME : (i + 1) * NAME]))]
            return self._make(entries, depth), delta
        return self._save(b"\1" + count.to_bytes(4, "big") + bytes(body)), delta

    def _apply_to_leaf(self, name: bytes, node: bytes, depth: int, changes: list[EntryChange]) -> tuple[bytes, int]:
        have = {node[i : i + HASH]: node[i + HASH : i + ENTRY] for i in range(1, len(node), ENTRY)}
        before = len(have)
        for key, value in changes:
            if value is None:
                have.pop(key, None)
            else:
                have[key] = value.to_bytes(VALUE, "big")
        entries = [key + value for key, value in sorted(have.items())]
        if b"".join(entries) == node[1:]:
            return name, 0
        return self._make(entries, depth), len(have) - before

    def _entries(self, name: bytes) -> list[bytes]:
        node = self._load(name)
        if not node[0]:
            return [node[i : i + ENTRY] for i in range(1, len(node), ENTRY)]
        return [e for slot in range(FAN) for e in self._entries(_child(node, slot))]

    def _make(self, entries: list[bytes], depth: int) -> bytes:
        if not entries:
            return EMPTY
        if len(entries) <= BUCKET or depth == 2 * HASH:
            return self._save(b"\0" + b"".join(entries))
        groups: list[list[bytes]] = [[] for _ in range(FAN)]
        for entry in entries:
            groups[_slot(entry, depth)].append(entry)
        below = b"".join([self._make(group, depth + 1) for group in groups])
        return self._save(b"\1" + len(entries).to_bytes(4, "big") + below)


def encode_pack(nodes: list[bytes]) -> bytes:
    """The row of one edit: nodes − 1 (u8), the length of each (u16), the nodes."""
    return bytes([len(nodes) - 1]) + b"".join(len(n).to_bytes(2, "big") for n in nodes) + b"".join(nodes)


def decode_pack(pack: int, data: bytes) -> dict[bytes, bytes]:
    """Name to node."""
    ends, prefix = _ends(data), pack.to_bytes(5, "big")
    return {prefix + bytes([i]): data[ends[i] : ends[i + 1]] for i in range(len(ends) - 1)}


def _ends(pack: bytes) -> list[int]:
    """Where the nodes of a pack lie: each between two of these."""
    count = pack[0] + 1
    return list(accumulate(struct.unpack_from(f">{count}H", pack, 1), initial=1 + 2 * count))


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
                        child = _child(nodes[name], _slot(key, depth))
                        if child != EMPTY:
                            deeper.setdefault(child, []).append(key)
            level, depth = deeper, depth + 1
        return found

    def _remember(self, prefix: bytes, data: bytes) -> Pack:
        pack = data, _ends(data)
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
                    deeper.append((_child(node, _slot(key, depth)), key))
                elif (number := _find(node, key)) is not None:
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
                        slots.setdefault(_slot(key, depth), []).append(key)
                    for slot, keys_there in slots.items():
                        if (child := _child(node, slot)) != EMPTY:  # a node that has something is in one place only
                            deeper.setdefault(child, ([], keys_there))[0].extend(tops)
                elif found := {key: number for key in below if (number := _find(node, key)) is not None}:
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
                ours = below[x] if one[0] else _leaf_entries(one)
                theirs = below[y] if other[0] else _leaf_entries(other)
                gone, come = dict(map(_read, ours - theirs)), dict(map(_read, theirs - ours))
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
                    result[top].update(_leaf_entries(nodes[name]))
            level = deeper
        return result

    async def entries(self, root: bytes) -> dict[bytes, int]:
        """All of a state: by key, the event's number."""
        _, nodes = await self.read_whole_tree(root)
        return dict(_read(entry) for node in nodes.values() if not node[0] for entry in _leaf_entries(node))

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
