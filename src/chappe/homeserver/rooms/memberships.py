"""A user's rooms, cached per user and dropped when the clock hears that they changed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.rooms.store import RoomStore


@dataclass(frozen=True, slots=True)
class Membership:
    """A user in a room. `position`: of the last membership event; `joined_since`: where the last join began."""

    number: int
    room_id: str
    membership: str
    event_nid: int
    sender: str
    position: int
    joined_since: int | None
    was_joined: bool
    forgotten: bool


class Memberships:
    def __init__(self, store: RoomStore, clock: Clock, limit: int = 20_000) -> None:
        self._store, self._limit = store, limit
        self._cache: OrderedDict[str, dict[int, Membership]] = OrderedDict()
        self._changes: dict[str, int] = {}  # counts changes of users while their rooms are being read
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        for user, kinds in commit.users.items():
            if "membership" in kinds or commit.foreign:
                self.drop(user)

    def drop(self, user_id: str) -> None:
        self._cache.pop(user_id, None)
        if user_id in self._changes:
            self._changes[user_id] += 1

    async def of(self, user_id: str) -> dict[int, Membership]:
        """By room number; forgotten rooms included. Do not change it."""
        found = self._cache.get(user_id)
        if found is not None:
            self._cache.move_to_end(user_id)
            return found
        while True:
            before = self._changes.setdefault(user_id, 0)
            rows = await self._store.memberships_of(user_id)
            rooms = {
                r["room_nid"]: Membership(
                    r["room_nid"], r["room_id"], r["membership"], r["event_nid"], r["sender"], r["position"],
                    r["joined_since"], r["was_joined"], r["forgotten"],
                ) for r in rows
            }  # fmt: skip
            if self._changes.get(user_id, 0) == before:
                break
        self._changes.pop(user_id, None)
        self._cache[user_id] = rooms
        if len(self._cache) > self._limit:
            self._cache.popitem(last=False)
        return rooms

    async def joined(self, user_id: str) -> list[Membership]:
        return [m for m in (await self.of(user_id)).values() if m.membership == "join"]

    async def share_a_room(self, a: str, b: str) -> bool:
        """Whether two users are joined to a common room."""
        mine, theirs = await self.of(a), await self.of(b)
        return any(m.membership == "join" and (t := theirs.get(n)) and t.membership == "join" for n, m in mine.items())
