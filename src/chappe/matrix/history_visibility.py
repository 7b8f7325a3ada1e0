"""Who may see an event of the past (client-server API, "Room history visibility"). One pure decision."""

from __future__ import annotations

VISIBILITIES = ("world_readable", "shared", "invited", "joined")
DEFAULT_VISIBILITY = "shared"
_RANK = {name: rank for rank, name in enumerate(VISIBILITIES)}


def parse_visibility(value: object) -> str:
    """An unknown or missing value counts as `shared`."""
    return value if type(value) is str and value in _RANK else DEFAULT_VISIBILITY


def more_open(a: str, b: str) -> str:
    """The more generous of two: for a visibility event itself, the one before or after it suffices."""
    return min(a, b, key=_RANK.__getitem__)


def is_visible(visibility: str, membership_then: str, joined_later: bool) -> bool:
    """Whether a reader sees an event.

    `visibility`: in force at the event. `membership_then`: the reader's membership at the event ("leave" for none).
    `joined_later`: whether the reader has joined at some time after it.
    """
    if visibility == "world_readable" or membership_then == "join":
        return True
    if visibility == "shared":
        return joined_later
    return visibility == "invited" and membership_then == "invite"
