"""Which rooms and which people a reader may know of: asked by every listing and look-up that is no event's.

Events are `visibility.py`'s. What is not for a reader is answered as if it were not there.
"""

from __future__ import annotations

from collections.abc import Collection

from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.reading import Reading
from chappe.homeserver.rooms.join_rules import allowed_rooms, join_rule_of, may_know
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Memberships
from chappe.homeserver.rooms.registry import LiveRooms
from chappe.homeserver.rooms.room_servers import RoomServers
from chappe.homeserver.rooms.server_acl import require_allowed_by_acl
from chappe.homeserver.rooms.store import RoomStore
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import UserId, domain_of
from chappe.matrix.reader import Finds, Guest, Nobody, Person, Reader, ServerReader

PRESENT = ("join", "invite")


class Sight:
    def __init__(
        self,
        store: RoomStore,
        live: LiveRooms,
        memberships: Memberships,
        policy: Policy,
        reading: Reading,
        servers: RoomServers,
    ) -> None:
        self._store, self._live, self._memberships, self._policy = store, live, memberships, policy
        self._reading, self._servers = reading, servers

    def finds(self, reader: Reader) -> Finds:
        """How far the reader sees beyond what they are told unasked."""
        return self._policy.finds(reader)

    async def may_search(self, reader: Reader, amount: float = 1) -> bool:
        """Whether a directory is open to the reader; each look into it is counted (`Reading`), `amount` at once.

        Raises what refuses who has looked too often. Another server counts what its people look for.
        """
        if self.finds(reader) is not Finds.PUBLISHED:
            return False
        if isinstance(reader, Person | Guest):
            await self._reading.begins(reader.user_id, "searches", amount)
        return True

    def may_peek(self, user_id: str) -> bool:
        """Whether somebody may look into rooms that are open to the world, without being there."""
        return self.finds(Person(UserId(user_id))) is Finds.PUBLISHED

    def require(self, reader: Reader) -> None:
        """Raises M_MISSING_TOKEN where one must be somebody to be told anything."""
        if self.finds(reader) is Finds.NOTHING:
            if isinstance(reader, Nobody):
                raise MatrixError(401, "M_MISSING_TOKEN", "Sign in to see this")
            raise Forbidden("You may not see this")

    # ------------------------------------------------------------------------------------------------------- rooms

    async def knows(self, reader: Reader, room: LiveRoom) -> bool:
        """Whether the reader may see what a room is: name, topic, number of members."""
        finds = self.finds(reader)
        if finds is Finds.NOTHING:
            return False
        if isinstance(reader, ServerReader):
            return await self._server_knows(reader.server_name, room, finds)
        memberships = {} if isinstance(reader, Nobody) else await self._memberships.of(reader.user_id)
        if finds is Finds.SHARED:
            mine = memberships.get(room.nid)
            return mine is not None and mine.membership in PRESENT
        return may_know(memberships, room)

    async def knows_address(self, reader: Reader, room_id: str) -> bool:
        """Whether the reader may be told which room an alias means: who can say it may ask to come in."""
        room = await self._live.find(room_id)
        finds = self.finds(reader)
        if finds is not Finds.PUBLISHED:
            return room is not None and await self.knows(reader, room)
        return room is None or not isinstance(reader, ServerReader) or self.may_take_part(reader.server_name, room)

    def may_take_part(self, server_name: str, room: LiveRoom) -> bool:
        """Whether neither the room's access list nor a domain in it objects to a server."""
        try:
            require_allowed_by_acl(room, server_name)
            self._servers.require_may_enter(server_name, room)
        except Forbidden:
            return False
        return True

    async def _server_knows(self, server: str, room: LiveRoom, finds: Finds) -> bool:
        if not self.may_take_part(server, room):
            return False
        if has_present(room, server):
            return True
        if finds is Finds.SHARED:
            return False
        rule = join_rule_of(room)
        if rule in ("public", "knock", "knock_restricted") or room.history_visibility == "world_readable":
            return True
        for other in allowed_rooms(room) if rule == "restricted" else ():
            allowed = await self._live.find(other)
            if allowed is not None and any(domain_of(user) == server for user in allowed.joined):
                return True
        return False

    # ------------------------------------------------------------------------------------------------------ people

    async def known(self, reader: Reader, people: Collection[str]) -> Collection[str]:
        """Those of some people whom the reader may look up: profile, devices, keys."""
        finds = self.finds(reader)
        if finds is Finds.PUBLISHED:
            return people
        if finds is Finds.NOTHING or isinstance(reader, Nobody):
            return ()
        if isinstance(reader, ServerReader):
            return [user for user in people if await self.shares_room_with_server(user, reader.server_name)]
        return await self.acquainted(reader, people)

    async def looked_for_in_vain(self, reader: Reader, people: Collection[str]) -> None:
        """Some people were asked for by their ids and are not there. Ids are easily guessed: whoever guesses is counted as
        one who looks into a directory, once for each stranger. Raises what refuses who has looked too often.
        """
        if not people or not isinstance(reader, Person | Guest):
            return

        async def strangers() -> int:
            return len(people) - len(await self.acquainted(reader, people))

        await self._reading.begins(reader.user_id, "searches", strangers)

    async def acquainted(self, reader: Person | Guest, people: Collection[str]) -> set[str]:
        """Those of some people who are, with the reader, in a room: both joined, or one of them invited. One statement."""
        found = await self._store.acquainted(reader.user_id, people)
        return found | ({str(reader.user_id)} & set(people))

    async def reached(self, sender: Person | Guest, event_type: str, people: Collection[str]) -> Collection[str]:
        """Those of some people to whose devices a message goes: asks nothing where it goes to everybody."""
        others = [user for user in people if user != sender.user_id]
        if not others or self._policy.reaches_strangers(sender, event_type):
            return people
        return await self.acquainted(sender, people)

    async def reached_from(self, sender: UserId, event_type: str, people: Collection[str]) -> Collection[str]:
        """The same for somebody of another server. While a room is being entered, its members are not all known."""
        reached = set(await self.reached(Person(sender), event_type, people))
        for user in set(people) - reached:
            rooms = [await self._live.by_nid(m.room_nid) for m in await self._memberships.joined(user)]
            if any(domain_of(sender) in room.partial_servers for room in rooms):
                reached.add(user)
        return reached

    async def shares_room_with_server(self, user_id: str, server: str) -> bool:
        """Whether somebody is in a room with people of a server, or invited to one by the room's own events.

        An invitation that stands beside a room is its inviters' word, and so is what they show of the room: nobody becomes
        acquainted by it.
        """
        for membership in (await self._memberships.of(user_id)).values():
            if membership.membership not in PRESENT or membership.is_beside:
                continue
            if has_present(await self._live.by_nid(membership.room_nid), server):
                return True
        return False


def has_present(room: LiveRoom, server: str) -> bool:
    """Whether anybody of a server is in a room, or invited, in a state that was judged here: a stub has none."""
    if room.is_stub:
        return False
    if server in room.partial_servers or any(domain_of(user) == server for user in room.joined):
        return True
    suffix = f":{server}"
    return any(
        kind == "m.room.member" and key.endswith(suffix) and event.membership == "invite"
        for (kind, key), event in room.state.items()
    )
