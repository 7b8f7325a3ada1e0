"""What agents may know of the guests whom they meet."""

from __future__ import annotations

from typing import Any

from chappe.agency.guests import Guests
from chappe.agency.sponsors import Sponsors
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.rooms.memberships import Memberships
from chappe.matrix.errors import NotFound
from chappe.matrix.identifiers import UserId


class GuestCards:
    def __init__(self, sponsors: Sponsors, guests: Guests, accounts: Accounts, memberships: Memberships) -> None:
        self._sponsors, self._guests, self._accounts, self._memberships = sponsors, guests, accounts, memberships

    async def of(self, agent: UserId, guest: UserId) -> dict[str, Any]:
        """Raises M_NOT_FOUND for whom one does not meet, and for guests who ask."""
        row = await self._sponsors.row(guest)
        if row is None or self._guests.is_guest(agent) or not await self._memberships.share_a_room(agent, guest):
            raise NotFound("There is no such guest in your rooms")
        addresses = [row.address for row in await self._accounts.store.threepids(guest) if row.medium == "email"]
        return {"sponsor": row.sponsor, "purpose": row.purpose or "", "ends_ts": row.ends_ts, "addresses": addresses}
