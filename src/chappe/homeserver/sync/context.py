"""What one /sync is about: the reader, from where to where, with which filter, and what the log says has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chappe.homeserver.database.clock import ANYTHING, Clock
from chappe.homeserver.http.request import Requester
from chappe.homeserver.rooms.memberships import Membership
from chappe.homeserver.rooms.timeline import Scans
from chappe.homeserver.sync.token import SyncToken
from chappe.matrix.filters import Filter


@dataclass(slots=True)
class Changes:
    """What the commits after the token changed that concerns the reader.

    `rooms`: by number of the reader's rooms, the kinds of what changed. `mine`: the kinds of what changed for the reader.
    `device_lists`, `presence`: whose. `known`: False where this process no longer remembers the commits; all may have changed.
    """

    known: bool = True
    rooms: dict[int, set[str]] = field(default_factory=dict)
    mine: set[str] = field(default_factory=set)
    device_lists: set[str] = field(default_factory=set)
    presence: set[str] = field(default_factory=set)

    def touches(self, number: int, kind: str) -> bool:
        kinds = self.rooms.get(number)
        return not self.known or (kinds is not None and (kind in kinds or "*" in kinds))

    def concern_me(self, kind: str) -> bool:
        return not self.known or kind in self.mine or "*" in self.mine


@dataclass(slots=True)
class SyncContext:
    """One request to /sync. It tells of the positions (since.position, upto]. `since` None: an initial sync."""

    requester: Requester
    since: SyncToken | None
    upto: int
    filter: Filter
    full_state: bool
    state_after: str | None
    memberships: Mapping[int, Membership]
    changes: Changes
    scans: Scans = field(default_factory=Scans)

    @property
    def user_id(self) -> str:
        return self.requester.user_id

    @property
    def after(self) -> int:
        return self.since.position if self.since else 0

    @property
    def joined(self) -> list[int]:
        """The numbers of the rooms that the reader is in."""
        return [m.room_nid for m in self.memberships.values() if m.membership == "join"]


def changes_since(clock: Clock, user_id: str, since: SyncToken | None, memberships: Mapping[int, Membership]) -> Changes:
    return changes_after(clock, user_id, since.position if since else None, memberships)


def changes_after(clock: Clock, user_id: str, since: int | None, memberships: Mapping[int, Membership]) -> Changes:
    """Walks the commits after a position that this process remembers; touches no database."""
    commits = clock.since(since) if since is not None else None
    if commits is None:
        return Changes(known=False)
    changes = Changes()
    for commit in commits:
        for number, kinds in commit.rooms.items():
            if number in memberships:
                changes.rooms.setdefault(number, set()).update(kinds)
        if (mine := commit.users.get(user_id)) is not None:
            changes.mine.update(mine)
        for user, kinds in commit.users.items():
            if "device_list" in kinds or kinds is ANYTHING:
                changes.device_lists.add(user)
            if "presence" in kinds or "seen" in kinds or kinds is ANYTHING:
                changes.presence.add(user)
    return changes
