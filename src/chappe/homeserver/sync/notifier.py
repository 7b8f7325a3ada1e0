"""Wakes the requests that wait, when a commit or a typing change concerns them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chappe.homeserver.bus.waiters import Waiters
from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.polls import MostWaiting, Polls

QUIET = frozenset(("presence", "seen"))  # of these the user's own devices know already
PRESENCE_AFTER = 5.0  # seconds
# Who sends is answered before who waits: clients match the event that they get with the answer to what they sent.
WAKE_AFTER = 0.002


class Notifier:
    def __init__(self, clock: Clock, rooms: Rooms, tasks: Tasks, most_waiting: MostWaiting) -> None:
        self.waiters, self.polls = Waiters(), Polls(most_waiting)
        self._rooms, self._tasks = rooms, tasks
        self._moved: set[str] = set()
        self.presence_after = PRESENCE_AFTER
        self._commits: list[Commit] = []
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        if not len(self.waiters):
            return
        if not self._commits:
            self._tasks.later(WAKE_AFTER, self._tell)
        self._commits.append(commit)

    def _tell(self) -> None:
        """Wakes whom the commits of the last WAKE_AFTER seconds concern, each once."""
        commits, self._commits = self._commits, []
        rooms: dict[int, None] = {}
        for commit in commits:
            self.waiters.wake(user for user, kinds in commit.users.items() if not QUIET.issuperset(kinds))
            rooms.update((number, None) for number, kinds in commit.rooms.items() if kinds != {"private_receipts"})
            for user, kinds in commit.users.items():
                if commit.foreign or "device_list" in kinds:  # of another process's commit nobody knows which it was
                    following = self._rooms.following
                    self._tasks.start(self._wake(following.people_around if commit.foreign else following.people, user), "news")
                elif "presence" in kinds:
                    self._presence_changed(user)
        for number in rooms:
            self.room_changed(number)

    def room_changed(self, number: int) -> None:
        """Wakes the members of a room; if it is not in memory, nobody knows whom it concerns."""
        room = self._rooms.live.live(number)
        if room is None:
            self.waiters.wake_all()
        else:
            self.waiters.wake_members(room.joined)

    def _presence_changed(self, user_id: str) -> None:
        """Presence can wait a moment: many changes wake people once."""
        if not self._moved:
            self._tasks.later(self.presence_after, self._tell_presence)
        self._moved.add(user_id)

    def _tell_presence(self) -> None:
        moved, self._moved = self._moved, set()
        if len(self.waiters):
            self._tasks.start(self._wake_around(moved), "news of presence")

    async def _wake_around(self, users: set[str]) -> None:
        """Wakes these users and who shares a room with one. Rooms that are not in memory are left out."""
        rooms: dict[int, None] = {}
        for user in users:
            self.waiters.wake([user])
            rooms.update(dict.fromkeys(m.room_nid for m in await self._rooms.memberships.joined(user)))
        for room in self._rooms.live.in_memory(rooms):
            self.waiters.wake_members(room.joined)

    async def _wake(self, people: Callable[[str], Awaitable[set[str]]], user_id: str) -> None:
        self.waiters.wake(await people(user_id))
