"""Walking through a room in the order in which it is read: where a reading stands, what it reads next, and what lies beyond."""

from __future__ import annotations

from chappe.homeserver.rooms.stretches import Cursor, ReadingOrder, Span


class Walk:
    """Walks through a room in the order in which it is read. `at`: everything up to this position, seen from the start, was read."""

    def __init__(self, order: ReadingOrder, start: int, stop: int | None, backwards: bool, newest: int, closings: int) -> None:
        self._order, self.backwards, self._newest, self.closings = order, backwards, newest, closings
        self.index, self.at = order.place(start)
        self._end = None if stop is None else order.place(stop)
        self.gap: int | None = None  # the position of the event before which something is missing
        self.turns = 0  # of reading, without those to close a gap
        self.crosses = False  # the gaps that could not be closed
        self.is_cut_short = False  # the beginning is not reached, and time is over

    @property
    def span(self) -> Span:
        return self._order.spans[self.index]

    @property
    def cut(self) -> int | None:
        """The event of the log with which the span begins, where something lies before it."""
        return self.span.low + 1 if self.span.stretch is None and not self.span.has_history and self.index > 0 else None

    @property
    def ends_here(self) -> bool:
        return self._end is not None and self._end.span == self.index

    @property
    def has_more_beyond(self) -> bool:
        """Whether there is a gap, or another span."""
        return self.gap is not None or self._is_before_end

    @property
    def _is_before_end(self) -> bool:
        if self.backwards:
            return self.index > (self._end.span if self._end is not None else 0)
        return self.index < (self._end.span if self._end is not None else len(self._order.spans) - 1)

    @property
    def is_at_beginning(self) -> bool:
        """Whether it goes forwards from before everything: what was before the first event that is here is not waited for."""
        return not self.backwards and self.index == 0 and self.span.has_history and self.at <= self.span.low

    @property
    def cannot_close_gap(self) -> bool:
        """Whether it goes forwards and stands before a gap for which no more is asked of others."""
        return not self.backwards and self.gap is not None and self.closings <= 0

    @property
    def token(self) -> int:
        return self._order.token(Cursor(self.index, self.at))

    def ahead(self) -> tuple[int, int]:
        """The positions that are read next: (low, high]."""
        low, high = self.span.low, min(self.span.high, self._newest)
        if self._end is not None and not self._is_before_end:
            here = self._end.at if self.ends_here else self.at
            low, high = (here, high) if self.backwards else (low, here)
        low, high = (low, min(self.at, high)) if self.backwards else (max(self.at, low), high)
        if self.gap is not None:
            low, high = (max(low, self.gap - 1), high) if self.backwards else (low, self._before_gap(high))
        return low, high

    def _before_gap(self, high: int) -> int:
        assert self.gap is not None
        return min(high, self.gap - 1) if self.gap <= self.span.high else high  # else it is before the cut

    def pass_by(self, position: int) -> None:
        """Notes that the event at a position has been read."""
        self.at = position - 1 if self.backwards else position

    def step(self) -> bool:
        """Goes into the next span. False where there is none, or the walk ends here."""
        if not self._is_before_end:
            return False
        self.index += -1 if self.backwards else 1
        self.at = self.span.high if self.backwards else self.span.low
        return True
