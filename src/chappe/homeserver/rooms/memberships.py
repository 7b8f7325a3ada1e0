"""A user's rooms, cached per user and dropped when the clock hears that they changed."""

from __future__ import annotations

from collections.abc import Callable

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.user_cache import UserCache


class JoinedSince(Row):
    user_id: str
    room_nid: int
    since: int


class Membership(Row):
    """A user in a room. Positions: of the last membership event (`position`), of the join with which the present stay began
    (`joined_since`), of when all of the room (`retold`) or its state alone (`state_retold`) was to be sent anew."""

    room_nid: int
    room_id: str
    membership: str
    event_nid: int
    sender: str
    position: int
    joined_since: int | None
    was_joined: bool
    forgotten: bool
    retold: int | None
    state_retold: int | None

    @property
    def is_beside(self) -> bool:
        """Whether it stands outside of the room's timeline, because nobody here was in the room (`LiveRoom.shown`)."""
        return self.event_nid == 0

    @property
    def told_since(self) -> int:
        """A sync from a token before this position sends the room's state in full: the user came in then, or it is sent anew."""
        return max(self.members_told_since, self.state_retold or 0)

    @property
    def members_told_since(self) -> int:
        """The same for its members: a sync from an earlier token tells of them as of people whom the user has just met."""
        return max(self.joined_since or 0, self.retold or 0)

    def sees(self, position: int) -> bool | None:
        """Whether the user sees the event at a position; None where the history visibility at that event decides."""
        if self.membership == "join":
            return True if self.joined_since is not None and position >= self.joined_since else None
        return False if self.was_joined and position > self.position else None


# every room that a user has to do with, forgotten ones included
_OF = """SELECT m.room_nid, r.room_id, m.membership, m.event_nid, m.sender, m.position, m.joined_since, m.was_joined,
           m.forgotten, m.retold, m.state_retold
      FROM memberships m JOIN rooms r USING (room_nid) WHERE m.user_id = $1"""


class Memberships:
    def __init__(self, database: Database, clock: Clock, is_hosted: Callable[[str], bool]) -> None:
        self._database, self._is_hosted = database, is_hosted
        self._cache = UserCache(clock, ("membership",), self._load)

    async def _load(self, users: list[str]) -> dict[str, dict[int, Membership]]:
        return {user: await self._load_one(user) for user in users}

    async def _load_one(self, user_id: str) -> dict[int, Membership]:
        found = await read(self._database, Membership, _OF, user_id)
        return {membership.room_nid: membership for membership in found}

    def drop(self, user_id: str) -> None:
        """After a change that takes no position (forgetting a room)."""
        self._cache.drop(user_id)

    async def of(self, user_id: str) -> dict[int, Membership]:
        """By room nid; forgotten rooms included. Do not change it.

        People of other servers are not kept: thousands of them come with a room, of which no commit speaks one by one.
        """
        if not self._is_hosted(user_id):
            return await self._load_one(user_id)
        return await self._cache.get(user_id)

    async def joined(self, user_id: str) -> list[Membership]:
        return [m for m in (await self.of(user_id)).values() if m.membership == "join"]

    async def share_a_room(self, a: str, b: str) -> bool:
        """Whether two users are joined to a common room."""
        mine, theirs = await self.of(a), await self.of(b)
        return any(m.membership == "join" and (t := theirs.get(n)) and t.membership == "join" for n, m in mine.items())
