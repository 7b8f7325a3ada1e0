"""The order in which a room is read: the log, and the stretches that lie before events of it."""

from __future__ import annotations

from random import Random

import pytest

from chappe.homeserver.rooms.stretches import (
    BLOCK,
    LAST,
    MOST_STRETCHES,
    Cursor,
    ReadingOrder,
    Span,
    Stretch,
    cut_of,
    gap_before,
    number_of_host,
)
from chappe.homeserver.sync.token import parse_position, position_token

LOG, PAST, GAP, JUMP = 100, -5, -BLOCK - 5, -2 * BLOCK - 5  # positions; those of blocks 0, 1 and 2
ORDER = ReadingOrder([Stretch(300, 0, 1), Stretch(300, 1, 2)], is_federated=True)


def test_a_room_of_our_own_is_one_span() -> None:
    assert ReadingOrder().spans == [Span(0, LAST)]


def test_a_room_without_gaps_is_one_span() -> None:
    assert ReadingOrder(is_federated=True).spans == [Span(-BLOCK, LAST)]


def test_stretches_lie_before_their_cut_the_latest_last() -> None:
    read = [PAST, 1, LOG, 299, JUMP, GAP, 300, 301]
    assert sorted(read, key=ORDER.key) == read
    assert sorted(sorted(read), key=ORDER.key) == read


@pytest.mark.parametrize("position", [PAST, 0, 1, 299, JUMP, GAP, 300, 10**6])
def test_a_place_is_its_token(position: int) -> None:
    assert ORDER.token(ORDER.place(position)) == position


def test_the_place_before_a_cut_is_not_the_end_of_what_was_before_the_gap() -> None:
    before = ORDER.before(300)
    assert before == gap_before(300) and cut_of(before) == 300
    assert ORDER.before(301) == 300 and ORDER.before(GAP) == GAP - 1
    assert ORDER.place(299) < ORDER.place(JUMP) < ORDER.place(GAP) < ORDER.place(before) < ORDER.place(300)
    assert ORDER.token(ORDER.place(before)) == before
    assert parse_position(position_token(before)) == before


def test_every_end_of_a_span_is_a_place_in_it() -> None:
    for index, span in enumerate(ORDER.spans):
        ends = [span.low, span.high] if span.has_history else [span.high]
        assert [ORDER.place(ORDER.token(Cursor(index, at))) for at in ends] == [Cursor(index, at) for at in ends]
    assert ORDER.place(ORDER.beginning) == Cursor(0, ORDER.beginning)


def test_older_tokens_of_the_beginning_are_the_beginning() -> None:
    assert ORDER.place(-(1 << 53)) == Cursor(0, ORDER.beginning)


@pytest.mark.parametrize(("position", "when"), [(PAST, PAST), (LOG, LOG), (GAP, 299), (JUMP, 299), (gap_before(300), 299)])
def test_when_it_was(position: int, when: int) -> None:
    assert ORDER.when(position) == when


def test_of_an_unknown_stretch_nobody_joined_later() -> None:
    assert ORDER.when(-7 * BLOCK - 1) >= LAST - 1


def test_what_is_missing_belongs_where_its_follower_is() -> None:
    first, *_ = ORDER.spans
    numbers = {f: ORDER.grows(f).stretch for f in (None, 1, PAST, 300, GAP, JUMP)}
    assert [f for f, stretch in numbers.items() if stretch is None] == [None, 1, PAST]
    assert [stretch.number for stretch in numbers.values() if stretch is not None] == [1, 1, 2]
    assert ORDER.grows(None) == first


def test_the_latest_cut() -> None:
    order = ReadingOrder([Stretch(300, 0, 1), Stretch(200, 0, 2), Stretch(0, 1, 3)], is_federated=True)
    assert [order.latest_cut(*window) for window in ((0, 400), (0, 299), (200, 299), (199, 200), (300, 400))] == [
        300,
        200,
        0,
        200,
        0,
    ]
    assert order.beginning == -4 * BLOCK, "what was jumped to before the log lies before what was before it"


def test_a_cut_that_follows_the_log_is_none_for_timelines() -> None:
    order = ReadingOrder([Stretch(200, 0, 1), Stretch(300, 1, 2), Stretch(300, 0, 3, is_fork=1)], is_federated=True)
    assert [order.latest_cut(0, upto) for upto in (199, 250, 400)] == [0, 200, 200]
    assert order.before(300) == gap_before(300), "it is read where it belongs all the same"


class Compared(int):
    """A position that counts how often it is looked at."""

    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return int(self) == other

    def __lt__(self, other: int) -> bool:
        Compared.times += 1
        return int(self) < other

    def __gt__(self, other: int) -> bool:
        Compared.times += 1
        return int(self) > other

    __hash__ = int.__hash__


def test_as_many_gaps_as_a_room_may_have_are_ordered_in_little_more_than_their_number() -> None:
    stretches = [Stretch(Compared(10 * n), 0, n) for n in range(1, MOST_STRETCHES)]
    Random(1).shuffle(stretches)
    Compared.times = 0
    assert len(ReadingOrder(stretches, is_federated=True).spans) == 2 * MOST_STRETCHES - 1
    assert Compared.times < 50 * MOST_STRETCHES


def filled(stretches: list[Stretch], host: int) -> list[Stretch]:
    """With as many as a host may add."""
    while ReadingOrder(stretches, is_federated=True).has_room_for(host):
        number = len(stretches) + 1
        stretches = [*stretches, Stretch(10 * number, 0, number, host)]
    return stretches


def test_neither_one_host_nor_a_few_use_up_what_a_room_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chappe.homeserver.rooms.stretches.MOST_STRETCHES", 400)
    stretches = filled([], 1)
    assert 100 < len(stretches) < 200
    for host in range(2, 8):
        before = len(stretches)
        stretches = filled(stretches, host)
        assert len(stretches) > before
    order = ReadingOrder(stretches, is_federated=True)
    assert order.has_room_for(8) and not order.has_room_for(1)


def test_servers_of_one_host_are_one() -> None:
    assert number_of_host("evil.example") == number_of_host("EVIL.example:8448") != number_of_host("good.example")
    assert -(1 << 63) <= number_of_host("evil.example") < 1 << 63


def test_those_after_a_position() -> None:
    assert [s.stretch.number for s in ORDER.stretches_after(299) if s.stretch is not None] == [2, 1]
    assert ORDER.stretches_after(300) == []


def test_a_span_keeps_its_rank_when_another_cut_comes() -> None:
    before = ReadingOrder(is_federated=True)
    assert [ORDER.rank(span) for span in (before.grows(None), ORDER.grows(JUMP), ORDER.grows(GAP))] == [0, 1, 2]
    assert [ORDER.rank(span) for span in ORDER.spans] == [0, 1, 2, 3]


def test_what_lies_before_an_event() -> None:
    everything = [PAST, 1, LOG, 299, JUMP, GAP, 300, 301]
    for place, position in enumerate(everything):
        spans = ORDER.spans_before(position)
        assert [p for p in everything if any(s.low < p <= s.high for s in spans)] == everything[:place]
    assert ORDER.spans_before(2**53 - 1)[:-1] == ORDER.spans[:-1], "an event that is not there yet"
    assert all(s.low >= s.high for s in ORDER.spans_before(-(1 << 62))), "one that is in no timeline"
