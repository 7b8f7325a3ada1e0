"""Guests leave a room that no longer admits them (client-server API, "Guest access")."""

from __future__ import annotations

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.matrix.identifiers import UserId
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms


class EvictGuests:
    def __init__(self, accounts: AccountStore, rooms: Rooms, membership: MembershipChanges) -> None:
        self._accounts, self._rooms, self._membership = accounts, rooms, membership

    async def __call__(self, room_id: str) -> None:
        """After a change of m.room.guest_access: does nothing where guests may stay."""
        room = await self._rooms.require(room_id)
        access = room.get(("m.room.guest_access", ""))
        if access is not None and access.content.get("guest_access") == "can_join":
            return
        for guest in await self._accounts.guests_among(list(room.joined)):
            await self._membership.leave(UserId(guest), room_id, "Guests are no longer admitted")
