"""Which servers are in a room, those of this installation and others, and which may be in one room."""

from __future__ import annotations

from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.memberships import Memberships
from chappe.homeserver.rooms.registry import LiveRooms
from chappe.matrix.errors import Forbidden
from chappe.matrix.identifiers import domain_of

MOST_KNOWN = 10_000  # rooms of which the servers are kept
Mark = tuple[int, int, int]  # of which state, of which domains
Found = tuple[Mark, frozenset[str], frozenset[str]]


class RoomServers:
    def __init__(self, domains: Domains, boundaries: Boundaries, live: LiveRooms, memberships: Memberships) -> None:
        self._domains, self._boundaries, self._live, self._memberships = domains, boundaries, live, memberships
        self._known: dict[int, Found] = {}

    def others(self, room: LiveRoom) -> frozenset[str]:
        """The servers in a room that are not of here."""
        return self._find(room)[1]

    def _find(self, room: LiveRoom) -> Found:
        """(of which state, other servers, hosted domains). Found anew when the state has changed, or a domain has come."""
        mark = (room.state_version, room.incarnation, self._domains.count)
        known = self._known.get(room.nid)
        if known is None or known[0] != mark:
            if len(self._known) > MOST_KNOWN:
                self._known.clear()
            names = {domain_of(user) for user in room.joined}
            own = frozenset(filter(self._domains.is_hosted, names))
            others = {name for name in names | room.partial_servers if not self._domains.is_hosted(name)}
            known = self._known[room.nid] = mark, frozenset(others), own
        return known

    def may_share_room(self, server: str, own: str) -> bool:
        """Whether people of a server and of a hosted domain may be in one room."""
        return self._boundaries.may_share_room(server, own)

    def require_may_meet(self, user_id: str, room: LiveRoom) -> None:
        """Somebody of here comes into a room. Raises M_FORBIDDEN where their domain does not talk to a server in it."""
        own = domain_of(user_id)
        for server in self.others(room):
            if not self.may_share_room(server, own):
                raise Forbidden(f"People of {own} may not be in a room with people of {server}")

    def require_may_enter(self, server_name: str, room: LiveRoom) -> None:
        """Somebody of another server comes into a room, is invited or writes to it. Raises M_FORBIDDEN where a domain in it
        objects."""
        for own in self._find(room)[2]:
            if not self.may_share_room(server_name, own):
                raise Forbidden(f"People of {own}, who are in this room, may not be in a room with people of {server_name}")

    def has_own_member(self, room: LiveRoom) -> bool:
        """Whether anybody of here is in a room."""
        return bool(self._find(room)[2])

    async def sharing(self, user_id: str) -> set[str]:
        """Every other server that is in a room with a user."""
        found: set[str] = set()
        for membership in await self._memberships.joined(user_id):
            found |= self.others(await self._live.by_nid(membership.room_nid))
        return found
