"""A node is a list of parts; a part says what it gives, answers, adds to sync, runs and ends.

Each feature's folder has a `part.py` with one `Part`; `app/features.py` lists them, and `app/assemble.py` makes what they name. What
a part needs stands in one place only, in the signatures of what it gives: a class names its needs in its constructor, a function
in its parameters. A need is a type; whoever gives that type is found, or the node does not start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NewType

from chappe.homeserver.database.table import Table

Maker = Callable[..., Any]  # a class, or a function whose return annotation says which type it gives
DataFolder = NewType("DataFolder", Path)  # of this node
End = Callable[[Any], Awaitable[None]]  # of an account's way to act: see `accounts/account_states.py`


@dataclass(frozen=True, slots=True)
class Loop:
    """Runs from the node's start to its stop, under the supervisor.

    `release`: gives back what it held, once it has stopped, so that other processes need not wait for it.
    """

    name: str
    run: Callable[[], Awaitable[object]]
    release: Callable[[], Awaitable[object]] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Is run every so many seconds: once in the cluster, or in each process where it concerns that process's memory.

    `cannot_be_undone`: it is done only while there is evidence for what time it is."""

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]
    is_per_process: bool = False
    cannot_be_undone: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """`gives`: what others may name as a need, each made once for the node. `replaces`: what takes the place of what another part
    gives under that type, where a layer above answers what the engine asks (`Policy`, `Holds`).

    `endpoints`: classes with `@endpoint` methods. `sections`: what it says in /sync and sliding sync. `tables`: those it owns.

    The rest are functions that name what they need. `starts` does what must be done before the node serves anybody. `runs` yields the
    part's `Loop`s and `Job`s. `closes` ends what is under way, while the loops still run; the parts that were made last close first.
    `ends` returns, by the name of a way in `accounts/ways_to_act.py`, what ends it for an account. `measures` adds figures to the
    `Metrics` that it names.
    """

    name: str
    gives: tuple[Maker, ...] = ()
    replaces: tuple[Maker, ...] = ()
    endpoints: tuple[Maker, ...] = ()
    sections: tuple[Maker, ...] = ()
    tables: tuple[Table, ...] = ()
    starts: Callable[..., Awaitable[object]] | None = None
    runs: Callable[..., Iterable[Loop | Job]] | None = None
    closes: Callable[..., Awaitable[object]] | None = None
    ends: Callable[..., Mapping[str, End]] | None = None
    measures: Callable[..., None] | None = None

    @property
    def makers(self) -> tuple[Maker, ...]:
        """All that needs something."""
        functions = filter(None, (self.starts, self.runs, self.closes, self.ends, self.measures))
        return (*self.sections, *self.gives, *self.replaces, *self.endpoints, *functions)
