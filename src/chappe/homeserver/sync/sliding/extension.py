"""What a request of sliding sync asks of an extension, and what the extension is told of the request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.sync.context import Changes
from chappe.homeserver.sync.sliding.connection import SentState


class Extension(msgspec.Struct, frozen=True):
    """`lists`, `rooms`: where a client narrows an extension to some of its lists and subscriptions."""

    enabled: bool = False
    lists: list[str] | None = None
    rooms: list[str] | None = None


@dataclass(slots=True)
class ExtensionContext:
    """`start`: what the client has; positions considered go up to `upto`. `rooms`: the joined rooms that the request's rules
    match, id by number; `fresh`: those of them sent for the first time; `windows`: the rooms in each list's window;
    `subscriptions`: the ids of rooms that are subscribed to."""

    user_id: str
    device_id: str
    start: SentState
    upto: int
    changes: Changes
    memberships: Mapping[int, Membership]
    rooms: Mapping[int, str]
    fresh: Collection[int]
    windows: Mapping[str, Collection[int]]
    subscriptions: Collection[str]

    def since(self, name: str) -> int:
        """From where an extension goes on: from the start if the last answer did not have it."""
        return self.start.position if name in self.start.extensions else 0

    def of(self, extension: Extension) -> dict[int, str]:
        """The rooms that an extension is asked for: all relevant ones, or those of some lists and subscriptions."""
        if extension.lists is None and extension.rooms is None:
            return dict(self.rooms)
        chosen: set[int] = set()
        for name in self.windows if extension.lists is None or "*" in extension.lists else extension.lists:
            chosen.update(self.windows.get(name, ()))
        wanted = set(self.subscriptions)
        if extension.rooms is not None and "*" not in extension.rooms:
            wanted &= set(extension.rooms)
        return {n: room_id for n, room_id in self.rooms.items() if n in chosen or room_id in wanted}

    def late(self, name: str, rooms: Mapping[int, str]) -> list[int]:
        """Of some rooms, those of which the client has nothing under this name yet: they are told whole."""
        since = self.since(name)
        return [n for n in rooms if n in self.fresh or since == 0 or n not in self.start.relevant]
