"""Room state as a persistent tree: an immutable hash-array-mapped trie from (type, state_key) to an event's number.

Nodes are bytes, used undecoded (docs/decisions/0003):
  leaf   00 | entries, sorted, 16 bytes each: keyed hash [10], event number [6]
  inner  01 | count u32 | 16 child names of 6 bytes, zeros where empty
A subtree is a leaf exactly if it holds at most BUCKET entries, so its shape depends on its content alone. A name is
a pack (5 bytes, the number of the event that caused the write) and a position in it (1 byte).

Here is their form; `state_tree_editor.py` makes new nodes, `state_tree_reader.py` reads them from the database.
"""

from __future__ import annotations

import hashlib
import struct
from itertools import accumulate

HASH, VALUE, NAME, HEADER = 10, 6, 6, 5
ENTRY, FAN, BUCKET = HASH + VALUE, 16, 16
EMPTY, NO_ENTRIES = bytes(NAME), b"\0"


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


def slot_of(key: bytes, depth: int) -> int:
    """Which of an inner node's children, at a depth below the root, a key lies under."""
    return (key[depth >> 1] >> (0 if depth & 1 else 4)) & 15


def child_at(node: bytes, slot: int) -> bytes:
    """The name below an inner node; EMPTY where there is none."""
    return node[HEADER + slot * NAME : HEADER + slot * NAME + NAME]


def children(node: bytes) -> list[bytes]:
    """The names below an inner node; none for a leaf."""
    if not node[0]:
        return []
    return [c for i in range(HEADER, len(node), NAME) if (c := node[i : i + NAME]) != EMPTY]


def find_in_leaf(leaf: bytes, key: bytes) -> int | None:
    """The event's number under a key."""
    at = leaf.find(key, 1)
    while at >= 0 and (at - 1) % ENTRY:  # a match across two entries is none
        at = leaf.find(key, at + 1)
    return None if at < 0 else int.from_bytes(leaf[at + HASH : at + ENTRY], "big")


def leaf_entries(leaf: bytes) -> set[bytes]:
    """Keys and event numbers, as `read_entry` takes them apart."""
    return {leaf[i : i + ENTRY] for i in range(1, len(leaf), ENTRY)}


def read_entry(entry: bytes) -> tuple[bytes, int]:
    return entry[:HASH], int.from_bytes(entry[HASH:], "big")


def encode_pack(nodes: list[bytes]) -> bytes:
    """The row of one edit: nodes − 1 (u8), the length of each (u16), the nodes."""
    return bytes([len(nodes) - 1]) + b"".join(len(n).to_bytes(2, "big") for n in nodes) + b"".join(nodes)


def decode_pack(pack: int, data: bytes) -> dict[bytes, bytes]:
    """Name to node."""
    ends, prefix = pack_ends(data), pack.to_bytes(5, "big")
    return {prefix + bytes([i]): data[ends[i] : ends[i + 1]] for i in range(len(ends) - 1)}


def pack_ends(pack: bytes) -> list[int]:
    """Where the nodes of a pack lie: each between two of these."""
    count = pack[0] + 1
    return list(accumulate(struct.unpack_from(f">{count}H", pack, 1), initial=1 + 2 * count))
