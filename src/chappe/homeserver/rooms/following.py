"""Who is told of whose devices: people, and their servers, of whom one is in a room that the other is in or is invited to, or of
whom one has invited the other.

A server tells the others in a user's rooms of the user's devices (server-server API, "Device Management"). That begins when a
room is shared and ends when none is. Of people who are only invited not every server tells: what is known of them is never
taken for fresh, yet what their server does tell is passed on, and theirs is told as well.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Membership, Memberships
from chappe.homeserver.rooms.registry import LiveRooms
from chappe.homeserver.rooms.room_servers import RoomServers
from chappe.homeserver.rooms.sight import PRESENT
from chappe.homeserver.rooms.store import RoomStore
from chappe.matrix.identifiers import domain_of


class Following:
    def __init__(
        self,
        store: RoomStore,
        live: LiveRooms,
        memberships: Memberships,
        servers: RoomServers,
        is_hosted: Callable[[str], bool],
    ) -> None:
        self._store, self._live, self._memberships = store, live, memberships
        self._servers, self._is_hosted = servers, is_hosted

    # ------------------------------------------------------------------------------------------------- who is told

    async def _rooms(self, user_id: str) -> AsyncIterator[tuple[LiveRoom, Membership]]:
        """The rooms that a user is in or invited to, with the membership in each."""
        for membership in (await self._memberships.of(user_id)).values():
            if membership.membership in PRESENT:
                yield await self._live.by_nid(membership.room_nid), membership

    async def people(self, user_id: str) -> set[str]:
        """Everybody who is told of a user's devices, the user included."""
        return await self.people_around(user_id) | await self._store.invited_by(user_id)

    async def people_around(self, user_id: str) -> set[str]:
        """The same without those whom the user has invited. No statement for people of here."""
        found = {user_id}
        async for room, membership in self._rooms(user_id):
            found.update(room.joined)
            if membership.membership == "invite":
                found.add(membership.sender)
        return found

    async def servers(self, user_id: str) -> set[str]:
        """Every other server that is told of the devices of somebody of here."""
        found: set[str] = set()
        people = await self._store.invited_by(user_id)
        async for room, membership in self._rooms(user_id):
            found |= self._servers.others(room)
            if membership.membership == "invite":
                people.add(membership.sender)
        return found | {domain_of(user) for user in people if not self._is_hosted(user)}

    async def is_followed(self, user_id: str) -> bool:
        """Whether anybody of here is told of the devices of somebody of another server."""
        async for room, _ in self._rooms(user_id):
            if self._servers.has_own_member(room):
                return True
        return any(self._is_hosted(user) for user in await self._store.invited_by(user_id))

    async def came_to_ours(self, user_id: str) -> bool:
        """Whether somebody of another server is in a room that they entered when somebody of here was in it: who was in it heard."""
        async for room, membership in self._rooms(user_id):
            if membership.joined_since is not None and self._ours_since(room) < membership.joined_since:
                return True
        return False

    # ------------------------------------------------------------------------------------- since when, without a break

    async def unbroken(self, reader: str, lists: Mapping[str, int]) -> set[str]:
        """Those of some people of other servers with whom people of here have shared a room of the reader without a break.

        `lists`: by user id, the position since when. Whoever it is not certain of is left out.
        """
        mine = {m.room_nid: m.joined_since or m.position for m in await self._memberships.joined(reader)}
        ours: dict[int, float] = {}
        found: set[str] = set()
        for row in await self._store.joined_since(lists, mine):
            user, number = row.user_id, row.room_nid
            if user in found or row.since > lists[user]:
                continue
            if mine[number] > lists[user] and number not in ours:
                ours[number] = self._ours_since(await self._live.by_nid(number))
            if min(mine[number], ours.get(number, math.inf)) <= lists[user]:
                found.add(user)
        return found

    def _ours_since(self, room: LiveRoom) -> float:
        """Since when somebody of here was in a room at the latest: a change of a name counts as if it were a join."""
        positions = (e.position for user, e in room.joined.items() if e.position > 0 and self._is_hosted(user))
        return min(positions, default=math.inf)

    async def newly_told(self, user_id: str, after: int, upto: int) -> set[str]:
        """The other servers that somebody of here has come to share a room with, in (after, upto]."""
        had: set[str] = set()
        found: set[str] = set()
        for membership in await self._memberships.joined(user_id):
            since = membership.joined_since or membership.position
            if since <= upto:
                servers = self._servers.others(await self._live.by_nid(membership.room_nid))
                (found if since > after else had).update(servers)
        return found - had
