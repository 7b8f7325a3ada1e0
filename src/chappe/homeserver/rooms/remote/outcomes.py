"""What may become of an event from another server that is received (`receive_pdu.py`), and why it is not written at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Received:
    """An event is in the database. `status`: HISTORY (in the timeline), REJECTED or SOFT_FAILED."""

    status: int


@dataclass(frozen=True, slots=True)
class Outdated:
    """The event was prepared while members of the room were missing; its states have been written anew since."""


@dataclass(frozen=True, slots=True)
class Diverged:
    """The forward extremities of the room have different states, which must be resolved before the event is written.

    `root`: of the room's state before it. `extremity_roots`: of the states after the forward extremities.
    """

    root: bytes
    extremity_roots: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class MissingPast:
    """Previous events or auth events of an event are not here: the ids in `prev_events`, `auth_events`. Nothing is written."""

    prev_events: Sequence[str]
    auth_events: Sequence[str]

    def __str__(self) -> str:
        return f"{len(self.prev_events)} events before it and {len(self.auth_events)} cited ones are not here"


Outcome = Received | MissingPast
