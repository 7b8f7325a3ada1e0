"""What a draft is judged by: the state events that it stands on, and judging it again where they are others by now."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import ParamSpec, TypeVar

from chappe.homeserver.policy.reading import one_act
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.matrix.errors import MatrixError
from chappe.matrix.event_auth import StateKey

MOST_TIMES = 50
P = ParamSpec("P")
T = TypeVar("T")
Ground = Mapping[StateKey, str | None]  # entries of a room's state, by the ids of their events


class StateMoved(Exception):
    """The state by which a draft was judged has changed: whoever judged it has to judge it again (`judged_again`)."""


def id_at(room: LiveRoom, key: StateKey) -> str | None:
    """Which event stands in a room's state, with what is in flight."""
    event = room.get(key)
    return None if event is None else event.event_id


def ground_of(room: LiveRoom, keys: Iterable[StateKey]) -> Ground:
    """What a draft is judged by, taken before it is."""
    return {key: id_at(room, key) for key in keys}


def judged_again(act: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Decorates what looks at a room's state, decides, and writes: done anew where the state moved before it was written."""

    @functools.wraps(act)
    async def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        with one_act():
            for _ in range(MOST_TIMES):
                try:
                    return await act(*args, **kwargs)
                except StateMoved:
                    continue
        raise MatrixError(429, "M_LIMIT_EXCEEDED", "This changes too fast: try again", retry_after_ms=1000)

    return repeated
