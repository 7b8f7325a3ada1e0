"""Auth chains as sets of per-room numbers: a shared base bitmap plus at most 16 further numbers per event.

An event's chain is every auth event it cites, directly or not. Numbers are given in the order of acceptance, so auth
events come before those that cite them (docs/decisions/0003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyroaring import BitMap

REST_LIMIT = 16
EMPTY_BASE = 0


@dataclass(frozen=True, slots=True)
class ChainRow:
    """What is stored per state event: its number in the room, its base, and what its chain has beyond the base."""

    num: int
    base: int
    rest: BitMap


class AuthChains:
    """The chains of a room's state events that are at hand. `bases` holds the few bitmaps that are stored whole."""

    def __init__(self, bases: dict[int, BitMap] | None = None, next_num: int = 0) -> None:
        self.bases = {EMPTY_BASE: BitMap(), **(bases or {})}
        self.next_num = next_num
        self.new_bases: list[tuple[int, bytes]] = []
        self._closed: dict[int, int] = {}  # event's number -> the base that is its chain and itself

    def chain(self, row: ChainRow) -> BitMap:
        return self.bases[row.base] | row.rest

    def add(self, auth: Sequence[ChainRow]) -> ChainRow:
        """The row of a new event that cites `auth`. New bases appear in `new_bases` until taken."""
        chain = BitMap([row.num for row in auth])
        for row in auth:
            chain |= self.chain(row)
        candidates = [row.base for row in auth] + [self._closed[r.num] for r in auth if r.num in self._closed]
        base = max(candidates, key=lambda b: len(self.bases[b]), default=EMPTY_BASE)
        if len(chain) - len(self.bases[base]) > REST_LIMIT:
            base = self._new_base(auth, chain)
        row = ChainRow(self.next_num, base, chain - self.bases[base])
        self.next_num += 1
        return row

    def _new_base(self, auth: Sequence[ChainRow], chain: BitMap) -> int:
        """The closed chain of the auth event with the longest chain: usually the power levels, shared by what follows."""
        top = max(auth, key=lambda row: len(self.chain(row)))
        if top.num not in self._closed:
            self._closed[top.num] = self._store(self.chain(top) | BitMap([top.num]))
        base = self._closed[top.num]
        if len(chain) - len(self.bases[base]) > REST_LIMIT:
            base = self._store(BitMap(chain))
        return base

    def _store(self, bitmap: BitMap) -> int:
        number = max(self.bases) + 1
        bitmap.run_optimize()
        self.bases[number] = bitmap
        self.new_bases.append((number, bitmap.serialize()))
        return number

    def take_new_bases(self) -> list[tuple[int, bytes]]:
        taken, self.new_bases = self.new_bases, []
        return taken
