"""In which order, and on what, the group writer builds the writes of a lane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import pytest

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.rows import Row
from chappe.homeserver.database.writing_function import Consequence, Fragment, compose
from chappe.matrix.errors import Forbidden


class Notebook:
    """A lane that knows the names of the writes that were built on it."""

    def __init__(self) -> None:
        self.nid, self.generation, self.stale = 1, 0, False
        self.built: list[str] = []

    async def reload(self) -> None:
        self.stale = False

    def make_stale(self) -> None:
        self.stale = True

    def reset(self) -> None:
        self.generation += 1
        self.built = []

    def batch_rows(self, writes: Sequence[Write], starts: Sequence[int]) -> Iterable[Row]:
        return ()

    def committed(self, writes: Sequence[Write], positions: Sequence[int]) -> None:
        """Nothing is committed here."""


class Line(Write):
    """`ground`: what it was built on. `is_refused`, `is_unfounded`: its next build is refused, or finds no ground."""

    def __init__(self, notebook: Notebook, name: str) -> None:
        super().__init__(notebook)
        self.notebook, self.name, self.is_refused, self.is_unfounded = notebook, name, False, False
        self.ground: list[str] = []

    def build(self) -> None:
        self.ground = list(self.notebook.built)
        self.notebook.built.append(self.name)
        self.is_set_aside = self.is_unfounded
        if self.is_refused:
            raise Forbidden("No more")


def _lines() -> tuple[Notebook, list[Line]]:
    notebook = Notebook()
    lines = [Line(notebook, name) for name in ("first", "second", "third")]
    for line in lines:
        line.build()
        line.generation = notebook.generation
    return notebook, lines


async def _prepared(lines: list[Line]) -> list[tuple[str, list[str]]]:
    ready = await GroupWriter("", cast(Clock, None))._prepare([*lines])
    return [(line.name, line.ground) for line in lines if line in ready]


async def test_after_one_that_nobody_waits_for_any_more_the_others_keep_their_order() -> None:
    _, lines = _lines()
    lines[1].future.cancel()
    assert await _prepared(lines) == [("first", []), ("third", ["first"])]


async def test_what_was_refused_is_no_ground_for_others() -> None:
    notebook, lines = _lines()
    notebook.reset()
    lines[1].is_refused = True
    assert await _prepared(lines) == [("first", []), ("third", ["first"])]
    with pytest.raises(Forbidden):
        await lines[1].future


async def test_what_was_set_aside_is_answered_and_is_no_ground_for_others() -> None:
    notebook, lines = _lines()
    notebook.reset()
    lines[0].is_unfounded = True
    assert await _prepared(lines) == [("second", []), ("third", ["second"])]
    assert await lines[0].future is None


class Removed(Row):
    who: str


def test_the_consequences_of_a_fragment_run_after_it_where_it_has_rows() -> None:
    delete = "DELETE FROM devices d USING unnest(devices_removed_rows) r WHERE d.owner = r.who;"
    own = Fragment("devices_removed", Removed, delete)
    text, order = compose([own], [Consequence("devices_removed", "DELETE FROM keys;")])
    assert f"IF cardinality(devices_removed_rows) > 0 THEN {delete}\nDELETE FROM keys; END IF;" in text
    assert [fragment.name for fragment in order] == ["sent", "devices_removed"]  # no argument of its own
    with pytest.raises(ValueError, match="pushers_removed"):
        compose([own], [Consequence("pushers_removed", "DELETE FROM keys;")])


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM devices d USING unnest(devices_rows) r;", "takes devices_rows: no fragment has that name"),
        ("DELETE FROM devices;", "does not take its own rows, devices_removed_rows"),
    ],
)
def test_a_fragment_that_takes_no_rows_of_its_own_is_refused_before_the_start(sql: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^Fragment devices_removed {says}"):
        compose([Fragment("devices_removed", Removed, sql)])


async def test_nobody_waits_for_a_writer_that_has_ended() -> None:
    writer = GroupWriter("", cast(Clock, None))
    queued = writer.submit(Write())
    await writer.close()
    assert queued.cancelled()
    assert writer.submit(Write()).cancelled()
