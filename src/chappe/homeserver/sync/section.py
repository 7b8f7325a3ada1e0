"""What a feature says in the answers of /sync and of sliding sync.

A feature has one section, beside its code, which serves both. The engines know no feature: they ask the sections of the node's
list, in its order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import msgspec

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.sync.context import SyncContext
from chappe.homeserver.sync.sliding.extension import Extension, ExtensionContext


@dataclass(slots=True)
class SyncAnswer:
    """An answer of /sync while sections add to it.

    `events`: JSON events by the member of the answer that lists them ("account_data", "presence", "to_device"); each is news.
    `members`: other members of the answer, as JSON; whether they are news, their section says in `has_news`.
    `room_account_data`: JSON events by room id. `newly_shared`: people who share a room with the reader only since the token;
    the section of device lists finds them, those after it use them.
    """

    events: dict[str, list[bytes]] = field(default_factory=dict)
    members: dict[str, bytes] = field(default_factory=dict)
    room_account_data: dict[str, list[bytes]] = field(default_factory=dict)
    has_news: bool = False
    newly_shared: Collection[str] = ()
    typing: int = 0  # the next token's typing serial
    to_device: int = 0  # the next token's place in the inbox


class JoinedRoom(NamedTuple):
    """`is_new`: the reader has nothing of the room yet, or is told of it anew."""

    membership: Membership
    room: LiveRoom
    is_new: bool


class Extended(NamedTuple):
    """What stands under a section's name in `extensions`, and whether a request that waits ends for it."""

    content: dict[str, Any]
    is_news: bool = True


class Section:
    """The base says nothing: a feature overrides what it has a word in.

    `extension`: the section's name among the extensions of sliding sync, "" where it has none; `request`: the shape of what
    clients ask of it, with `enabled`.
    """

    extension: ClassVar[str] = ""
    request: ClassVar[type[msgspec.Struct]] = Extension

    async def of_account(self, context: SyncContext, answer: SyncAnswer) -> None:
        """/sync: adds what is not of one room. Asked before anything of rooms is read."""

    async def touched(self, context: SyncContext) -> Iterable[int]:
        """/sync since a token: the rooms (numbers) of which this section has news that the log does not name."""
        return ()

    async def ephemeral(self, context: SyncContext, rooms: Sequence[JoinedRoom]) -> Mapping[int, bytes]:
        """/sync: one JSON event for the `ephemeral` part of a room, by room number."""
        return {}

    async def extended(self, context: ExtensionContext, wanted: Any) -> Extended | None:
        """Sliding sync: the answer to `wanted`, a `request`; None where there is nothing to say."""
        return None


class Sections(tuple[Section, ...]):
    """All sections of a node, in the order in which they are asked."""

    __slots__ = ()

    def that(self, method: str) -> list[Section]:
        """The sections that have a word in something: those that override a method of the base."""
        return [section for section in self if getattr(type(section), method) is not getattr(Section, method)]
