"""Guests leave a room that no longer admits them (client-server API, "Guest access"), however it came to that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import GUEST_ACCESS, Rooms
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import UserId

log = logging.getLogger(__name__)
REASON = "Guests are no longer admitted"


class EvictGuests:
    """At once where this process writes the change; whom that missed, as a process died say, by a job (`sweep`)."""

    def __init__(
        self, accounts: AccountStore, administration: Administration, rooms: Rooms, membership: MembershipChanges, tasks: Tasks
    ) -> None:
        self._accounts, self._administration = accounts, administration
        self._rooms, self._membership, self._tasks = rooms, membership, tasks
        rooms.listen_to_guest_access(self._told)

    def _told(self, room: LiveRoom) -> Awaitable[None] | None:
        """`m.room.guest_access` has changed. Returns what is done once they are out."""
        access = room.get(GUEST_ACCESS)
        if access is not None and access.content.get("guest_access") == "can_join":
            return None
        return asyncio.shield(self._tasks.keep(self._evict(room), f"guests of room {room.nid}"))

    async def _evict(self, room: LiveRoom) -> None:
        for guest in await self._accounts.guests_among(list(room.joined)):
            await self._leave(guest, room.room_id)

    async def sweep(self) -> None:
        for guest, room_id in await self._administration.guests_not_admitted():
            await self._leave(guest, room_id)

    async def _leave(self, guest: str, room_id: str) -> None:
        try:
            await self._membership.evict(UserId(guest), room_id, REASON)
        except MatrixError as error:
            log.warning("a guest could not be removed", extra={"fields": {"room": room_id, "error": error.errcode}})
