"""Guests who were invited by their address and have not come yet: what administrators see of them, remind and withdraw."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.matrix.errors import NotFound

# `t`: what waits in rooms; `i`: who answers for the guest, for what, until when
_AWAITED = """FROM guest_invitations i
  JOIN third_party_invites t ON t.medium = 'email' AND t.address = i.address AND t.sender = i.sponsor
  JOIN users u ON u.user_id = i.sponsor AND NOT u.deactivated LEFT JOIN organisation_people p ON p.user_id = i.sponsor
 WHERE ($1::text IS NULL OR p.organisation = $1)"""


class AwaitedGuest(Row):
    """Times are in ms. `rooms`: in how many the invitation waits."""

    address: str
    sponsor: str
    purpose: str
    ends_ts: int | None
    invited_ts: int
    rooms: int


class AwaitedGuests:
    def __init__(self, database: Database, invites: ThirdPartyInvites) -> None:
        self._database, self._invites = database, invites

    async def of_organisation(self, organisation: str | None, limit: int) -> list[dict[str, Any]]:
        """Whom people of an organisation have invited (None: of all), the latest first."""
        rows = await read(
            self._database,
            AwaitedGuest,
            f"""SELECT i.address, i.sponsor, i.purpose, i.ends_ts, min(t.created_ts) AS invited_ts, count(*) AS rooms {_AWAITED}
                GROUP BY i.address, i.sponsor, i.purpose, i.ends_ts ORDER BY 5 DESC, 1 LIMIT $2""",
            organisation,
            limit,
        )
        return [asdict(row) for row in rows]

    async def sponsor_of(self, organisation: str | None, address: str) -> str:
        """Raises M_NOT_FOUND where nobody of the organisation awaits them."""
        sponsor = await self._database.fetchval(f"SELECT i.sponsor {_AWAITED} AND i.address = $2", organisation, address)
        if sponsor is None:
            raise NotFound("Nobody of your organisation awaits this address")
        return str(sponsor)

    async def remind(self, organisation: str | None, address: str) -> int:
        """Sends the mails of the invitations again, with new links. Returns how many."""
        return await self._invites.send_all_again(await self.sponsor_of(organisation, address), address)

    async def withdraw(self, organisation: str | None, address: str) -> None:
        """The links of the mails lead nowhere any more, and whoever proves the address is invited by nobody."""
        await self._invites.withdraw(await self.sponsor_of(organisation, address), address)
