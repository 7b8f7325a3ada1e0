"""Sync tokens: a position of the clock, and what has no position: the typing serial and the to-device cursor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chappe.matrix.errors import BadRequest

_TOKEN = re.compile(r"s([0-9]{1,18})_([0-9]{1,18})_([0-9]{1,18})_([0-9a-f]{1,16})")
_POSITION = re.compile(r"t(-?[0-9]{1,18})")
_SLIDING = re.compile(r"p[0-9]{1,18}_([0-9]{1,18})_[0-9a-f]{1,16}")


@dataclass(frozen=True, slots=True)
class SyncToken:
    """`epoch` names the database's history: a token of another one starts afresh."""

    position: int
    typing: int
    to_device: int
    epoch: str

    def __str__(self) -> str:
        return f"s{self.position}_{self.typing}_{self.to_device}_{self.epoch}"


def parse_sync_token(text: str) -> SyncToken:
    """Raises M_INVALID_PARAM."""
    match = _TOKEN.fullmatch(text)
    if match is None:
        raise BadRequest("This is not a sync token of this server", "M_INVALID_PARAM")
    return SyncToken(int(match[1]), int(match[2]), int(match[3]), match[4])


def position_token(position: int) -> str:
    """A place in a timeline: `prev_batch`, `start`, `end`."""
    return f"t{position}"


def parse_position(text: str) -> int:
    """The position in any kind of token. Raises M_INVALID_PARAM."""
    match = _POSITION.fullmatch(text) or _SLIDING.fullmatch(text)
    return int(match[1]) if match else parse_sync_token(text).position


def optional_position(text: str | None) -> int | None:
    """The same for what clients may leave out, or leave empty."""
    return parse_position(text) if text else None
