"""The order of a room's events: the log, and the stretches of its past that were read later, where they happened.

Positions above zero are the log. Below zero each stretch has a block of positions; block 0 lies before the log, the others
directly before an event of the log that follows what was not here, its `cut` (docs/decisions/0015).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from chappe.matrix.identifiers import host_of

BLOCK = 1 << 36  # positions of one stretch
MOST_STRETCHES = 1 << 12  # of one room: what is missing beyond lies before the log
LAST = 1 << 57  # no log is so long
_GAP = -(1 << 58)  # no event has such a position
SPACING = 16  # between neighbours of a stretch, for what comes in between


class Stretch(NamedTuple):
    """A piece of the past that was read later. It lies directly before the event of the log at position `cut`; 0: before the log.
    `ordinal`: its place among those before the same cut, 0 for the latest. `host`: whose word it is, see `number_of_host`.
    `is_fork`: what follows it follows the end of the log too, so that the log lies in its past."""

    cut: int
    ordinal: int
    number: int
    host: int = 0
    is_fork: int = 0


class Span(NamedTuple):
    """A piece of the order: the positions (low, high], in rising order. `stretch`: None for a piece of the log."""

    low: int
    high: int
    stretch: Stretch | None = None

    @property
    def has_history(self) -> bool:
        """Whether it holds what was read from other servers, or may."""
        return self.low < 0


class Cursor(NamedTuple):
    """A place between events: just after the position `at`. `span`: the index of its span in the order."""

    span: int
    at: int


def gap_before(cut: int) -> int:
    """The place between an event of the log and the gap before it, as a position: what came before is read from here."""
    return _GAP - cut


def number_of_host(server_name: str) -> int:
    """A number for all servers of one host, by which the database counts their stretches."""
    digest = hashlib.sha256(host_of(server_name).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def cut_of(position: int) -> int | None:
    """The position of the event for which `gap_before` made this place; None for any other position."""
    return _GAP - position if _GAP - LAST < position < _GAP else None


def block_of(number: int) -> tuple[int, int]:
    """The first and the last position of a stretch."""
    return -(number + 1) * BLOCK, -number * BLOCK - 1  # the lowest is only a place: what lies before the first event


class ReadingOrder:
    """The order in which a room is read. `spans`: the oldest first. `cuts`: positions of events of the log before which there is, or
    was, a gap."""

    def __init__(self, stretches: Iterable[Stretch] = (), is_federated: bool = False) -> None:
        self.is_federated = is_federated
        ordered = sorted(stretches, key=lambda s: (s.cut, -s.ordinal))
        self.cuts: list[int] = []
        self._breaks: list[int] = []  # those that no timeline is told across
        spans: list[Span] = []
        low = block_of(0)[0] if is_federated else 0
        for cut, before in groupby(ordered, key=lambda s: max(s.cut, 0)):
            here = list(before)
            if cut:
                spans.append(Span(low, cut - 1))
                low = cut - 1
                self.cuts.append(cut)
                if not here[-1].is_fork:
                    self._breaks.append(cut)
            spans += [Span(*block_of(s.number), s) for s in here]
        spans.append(Span(low, LAST))
        self.spans = spans
        self._is_cut = frozenset(self.cuts)
        self._cut_of_number = {s.number: s.cut for s in ordered}
        self._of_host = Counter(s.host for s in ordered)
        self._left = MOST_STRETCHES - len(ordered)
        self._index_of_number = {s.stretch.number: i for i, s in enumerate(spans) if s.stretch is not None}
        self._index_of_log = [i for i, s in enumerate(spans) if s.stretch is None]

    @property
    def beginning(self) -> int:
        """The position of the place before every event."""
        return self.spans[0].low

    def has_room_for(self, host: int) -> bool:
        """Whether a host may have one more: half as many as are left for all, so that neither one nor a few use them up."""
        return 2 * self._of_host[host] < self._left

    def index_of(self, position: int) -> int | None:
        """The span that holds a position; None for a block that is not known."""
        if position < 0 and (number := (-position - 1) // BLOCK):
            return self._index_of_number.get(number)
        return self._index_of_log[bisect_right(self.cuts, position)]

    def place(self, position: int) -> Cursor:
        """The place that a token names: just after a position, or the one that `gap_before` made."""
        if (cut := cut_of(position)) is not None:
            return Cursor(self._index_of_log[bisect_right(self.cuts, cut)], cut - 1)
        index = self.index_of(position)
        return Cursor(0, self.spans[0].low) if index is None else Cursor(index, position)

    def token(self, cursor: Cursor) -> int:
        """The position for a token that names this place: the inverse of `place`."""
        span = self.spans[cursor.span]
        if span.stretch is None and cursor.at == span.low and span.low >= 0 and cursor.span > 0:
            return gap_before(span.low + 1)
        return cursor.at

    def before(self, position: int) -> int:
        """The place just before an event."""
        return gap_before(position) if position in self._is_cut else position - 1

    def spans_before(self, position: int) -> list[Span]:
        """The spans, or their parts, that lie before an event."""
        end = self.place(self.before(position))
        return [*self.spans[: end.span], self.spans[end.span]._replace(high=end.at)]

    def spans_after(self, position: int) -> list[Span]:
        """The spans, or their parts, that lie after a place."""
        first = self.place(position)
        return [self.spans[first.span]._replace(low=first.at), *self.spans[first.span + 1 :]]

    def latest_cut(self, after: int, upto: int) -> int:
        """The last cut in (after, upto] of the log that does not follow what lies before it; 0 where there is none."""
        place = bisect_right(self._breaks, upto)
        return self._breaks[place - 1] if place and self._breaks[place - 1] > after else 0

    def stretches_after(self, position: int) -> list[Span]:
        """Those that lie before an event of the log beyond a position."""
        return [s for s in self.spans if s.stretch is not None and s.stretch.cut > position]

    def when(self, position: int) -> int:
        """When an event happened, as a position that can be compared with those of the log."""
        if (cut := cut_of(position)) is not None:
            return cut - 1
        if position >= 0 or not (number := (-position - 1) // BLOCK):
            return position
        before = self._cut_of_number.get(number, LAST)
        return before - 1 if before > 0 else position

    def key(self, position: int) -> tuple[int, int]:
        """Sorts positions as they are read."""
        index = self.index_of(position)
        return (-1 if index is None else index), position

    def grows(self, follower: int | None) -> Span:
        """The span to which the missing events before an event belong. `follower`: its position; None: those before everything."""
        log = self.spans[self._index_of_log[0]]
        if follower is None:
            return log
        if follower in self._is_cut:
            return self.spans[self._index_of_log[bisect_right(self.cuts, follower)] - 1]
        index = self.index_of(follower)
        return log if index is None or not self.spans[index].has_history else self.spans[index]

    def rank(self, span: Span) -> int:
        """The index of a span of an earlier order: a piece of the log ends elsewhere once another cut has come."""
        index = self.index_of(span.low + 1)
        assert index is not None, "no stretch ends"
        return index
