"""Changes of a room's state: the new nodes of its tree (`state_tree.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping

from chappe.homeserver.rooms.state_tree import (
    BUCKET,
    EMPTY,
    ENTRY,
    FAN,
    HASH,
    HEADER,
    NAME,
    NO_ENTRIES,
    VALUE,
    child_at,
    encode_pack,
    slot_of,
)

PACK_NODES = 256
EntryChange = tuple[bytes, int | None]


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
            groups.setdefault(slot_of(change[0], depth), []).append(change)
        body, delta, moved = bytearray(node[HEADER:]), 0, False
        for slot, group in groups.items():
            old = child_at(node, slot)
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
        return [e for slot in range(FAN) for e in self._entries(child_at(node, slot))]

    def _make(self, entries: list[bytes], depth: int) -> bytes:
        if not entries:
            return EMPTY
        if len(entries) <= BUCKET or depth == 2 * HASH:
            return self._save(b"\0" + b"".join(entries))
        groups: list[list[bytes]] = [[] for _ in range(FAN)]
        for entry in entries:
            groups[slot_of(entry, depth)].append(entry)
        below = b"".join([self._make(group, depth + 1) for group in groups])
        return self._save(b"\1" + len(entries).to_bytes(4, "big") + below)
