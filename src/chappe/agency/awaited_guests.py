"""Guests who were invited by their address and have not come yet: what administrators see of them, remind and withdraw.

Some were invited with a purpose and an end (`Sponsors`), others in the specification's way, which knows neither; whoever invited
them so answers for them as well once they come.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from chappe.agency.guests import Guests
from chappe.agency.organisations import Organisations
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.matrix.errors import NotFound

# `t`: what waits in rooms; `i`: for what and until when, where that was said
_AWAITED = """FROM third_party_invites t
  JOIN users u ON u.user_id = t.sender AND NOT u.deactivated LEFT JOIN organisation_people p ON p.user_id = t.sender
  LEFT JOIN guest_invitations i ON i.address = t.address AND i.sponsor = t.sender
 WHERE t.medium = 'email' AND ($1::text IS NULL OR p.organisation = $1)"""
_GROUPED = "GROUP BY t.address, t.sender, i.purpose, i.ends_ts"


class AwaitedGuest(Row):
    """Times are in ms. `rooms`: in how many the invitation waits. `purpose`: none where it was not asked for."""

    address: str
    sponsor: str
    purpose: str | None
    ends_ts: int | None
    invited_ts: int
    rooms: int


class AwaitedGuests:
    def __init__(self, database: Database, invites: ThirdPartyInvites, organisations: Organisations, guests: Guests) -> None:
        self._database, self._invites, self._organisations, self._guests = database, invites, organisations, guests

    async def of_organisation(self, organisation: str | None, limit: int) -> list[dict[str, Any]]:
        """Whom people of an organisation have invited (None: of all), the latest first."""
        rows = await read(
            self._database,
            AwaitedGuest,
            f"""SELECT t.address, t.sender AS sponsor, i.purpose, i.ends_ts, min(t.created_ts) AS invited_ts, count(*) AS rooms
                {_AWAITED} {_GROUPED} ORDER BY 5 DESC, 1, 2 LIMIT $2""",
            organisation,
            limit,
        )
        return await self._of_guests(rows)

    async def _of_guests(self, rows: list[AwaitedGuest]) -> list[dict[str, Any]]:
        """Without agents who have no account yet: an address of an organisation that is not the guests' makes an agent."""
        unsaid = {row.address for row in rows if row.purpose is None}
        homes = await self._organisations.homes_of(unsaid)
        agents = {address for address, home in homes.items() if not self._guests.is_guest_home(home)}
        return [asdict(row) for row in rows if row.purpose is not None or row.address not in agents]

    async def sponsors_of(self, organisation: str | None, address: str) -> list[str]:
        """Who has invited them. Raises M_NOT_FOUND where nobody of the organisation awaits them."""
        rows = await read(
            self._database,
            AwaitedGuest,
            f"""SELECT t.address, t.sender AS sponsor, i.purpose, i.ends_ts, min(t.created_ts) AS invited_ts, count(*) AS rooms
                {_AWAITED} AND t.address = $2 {_GROUPED} ORDER BY 5""",
            organisation,
            address,
        )
        found = await self._of_guests(rows)
        if not found:
            raise NotFound("Nobody of your organisation awaits this address")
        return [one["sponsor"] for one in found]

    async def remind(self, organisation: str | None, address: str) -> int:
        """Sends the mails of the invitations again, with new links. Returns how many."""
        sponsors = await self.sponsors_of(organisation, address)
        return sum([await self._invites.send_all_again(sponsor, address) for sponsor in sponsors])

    async def withdraw(self, organisation: str | None, address: str) -> None:
        """The links of the mails lead nowhere any more, and whoever proves the address is invited by nobody of the organisation."""
        for sponsor in await self.sponsors_of(organisation, address):
            await self._invites.withdraw(sponsor, address)
