"""External guests have a sponsor: the agent who invited them, for a purpose, until a day that the sponsor puts off or brings near.

A guest's account ends on that day. When their address comes to belong to an organisation they become agents where they are:
same account, same rooms, their organisation behind their name.
"""

from __future__ import annotations

import logging
from typing import Any

from msgspec.structs import asdict

from chappe.agency.guest_rows import (
    EndedGuest,
    EndingGuest,
    Guest,
    GuestAddress,
    GuestOfSponsor,
    GuestRow,
    Invitation,
    InvitedGuest,
    ListedGuest,
)
from chappe.agency.guests import Guests
from chappe.agency.names import display_name
from chappe.agency.organisations import Organisations
from chappe.config import Agency
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.endings import THE_WHOLE, on_its_day
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import columns, find, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.outbound.mail.letters import named
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.homeserver.policy import InvitationTerms
from chappe.homeserver.rooms.memberships import Memberships
from chappe.i18n import ending
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.identifiers import UserId, domain_of

log = logging.getLogger(__name__)
DAY_MS = 86_400_000
REMINDER_DAYS = (14, 3)
PURPOSE_AT_MOST = 500
# an invitation is withdrawn where it stands: in the room
_WAITS = (
    "EXISTS (SELECT 1 FROM third_party_invites t WHERE t.medium = 'email' AND t.address = i.address AND t.sender = i.sponsor)"
)


class Sponsors:
    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        memberships: Memberships,
        guests: Guests,
        organisations: Organisations,
        mail: MailQueue,
        settings: Agency,
        set_name: SetProfileField,
        deactivate: DeactivateAccount,
        now_ms: NowMs,
    ) -> None:
        self._database, self._accounts, self._memberships, self._guests = database, accounts, memberships, guests
        self._organisations, self._mail, self._set_name, self._now_ms = organisations, mail, set_name, now_ms
        self._longest, self._kept = settings.guest_days * DAY_MS, settings.guest_keep_days * DAY_MS
        self._deactivate = deactivate
        self._registry: str | None = None  # as it was when guests were last compared with it

    # ------------------------------------------------------------------------------------------------------- arriving

    async def invited(self, sponsor: UserId, address: str, purpose: str, ends_ts: int | None) -> None:
        """Remembered until somebody has proven the address. Who has invited it before answers for the guest, while they have an account
        and their invitation has not ended. Raises M_INVALID_PARAM for a bad purpose or end."""
        await self._database.execute(
            f"""INSERT INTO guest_invitations AS i (address, sponsor, purpose, ends_ts) VALUES ($1, $2, $3, $4)
               ON CONFLICT (address) DO UPDATE SET sponsor = $2, purpose = $3, ends_ts = $4
                WHERE i.sponsor = $2 OR i.ends_ts <= $5
                   OR NOT {_WAITS}
                   OR NOT EXISTS (SELECT 1 FROM users u WHERE u.user_id = i.sponsor AND NOT u.deactivated)""",
            address,
            sponsor,
            checked_purpose(purpose),
            await self._checked_end(ends_ts, sponsor),
            self._now_ms(),
        )

    async def has_account(self, address: str) -> bool:
        return await self._accounts.store.user_by_threepid("email", address) is not None

    async def checked(self, purpose: str, ends_ts: int | None, sponsor: str) -> InvitationTerms:
        """Raises M_INVALID_PARAM for what `invited` would refuse, and for no purpose at all."""
        if not (said := checked_purpose(purpose)):
            raise BadRequest("Say what the guest is invited for", "M_INVALID_PARAM")
        return InvitationTerms(said, await self._checked_end(ends_ts, sponsor))

    async def terms(self, address: str) -> InvitationTerms | None:
        """Of an invitation that waits."""
        row = await find(
            self._database,
            Invitation,
            f"""SELECT sponsor, purpose, ends_ts FROM guest_invitations i WHERE address = $1 AND {_WAITS}""",
            address,
        )
        return None if row is None else InvitationTerms(row.purpose, row.ends_ts)

    async def arrived(self, user_id: UserId, address: str) -> None:
        """An account has proven an address, and the invitations to it still wait."""
        if not self._guests.is_guest(user_id):
            return
        row = await find(
            self._database,
            Invitation,
            f"""SELECT sponsor, purpose, ends_ts FROM guest_invitations i WHERE address = $1 AND {_WAITS}
               UNION ALL (SELECT sender, '', NULL FROM third_party_invites WHERE medium = 'email' AND address = $1
                           ORDER BY created_ts LIMIT 1) LIMIT 1""",
            address,
        )
        if row is None:
            return
        ends_ts = row.ends_ts or await self._checked_end(None, row.sponsor)
        # of whoever comes back: no invitation puts off the day that an administrator has said
        said = await self._database.fetchval(
            "SELECT expires_ts FROM users WHERE user_id = $1 AND expires_by IS NOT NULL", user_id
        )
        if said is not None:
            ends_ts = said if ends_ts is None else min(said, ends_ts)
        is_known = await self._database.fetchval("SELECT EXISTS (SELECT 1 FROM guests WHERE user_id = $1)", user_id)
        if not is_known:  # first of all: an account whose invitation is used up has an end
            await self._accounts.set_state(user_id, expires_ts=ends_ts or 0)
        await self._database.execute(
            """INSERT INTO guests (user_id, sponsor, purpose, ends_ts, created_ts) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING""",
            user_id,
            row.sponsor,
            row.purpose,
            ends_ts,
            self._now_ms(),
        )
        await self._database.execute("DELETE FROM guest_invitations WHERE address = $1", address)

    # --------------------------------------------------------------------------------------------------- for sponsors

    async def of(self, sponsor: UserId) -> dict[str, Any]:
        """The guests of an agent, those whose account has ended too, and the invitations that wait."""
        now = self._now_ms()
        guests = await read(
            self._database,
            GuestOfSponsor,
            """SELECT g.user_id, g.purpose, g.ends_ts, g.created_ts FROM guests g JOIN users u USING (user_id)
                WHERE g.sponsor = $1 AND g.agent_since IS NULL AND NOT u.deactivated ORDER BY g.ends_ts""",
            sponsor,
        )
        invited = await read(
            self._database,
            InvitedGuest,
            f"SELECT address, purpose, ends_ts FROM guest_invitations i WHERE sponsor = $1 AND {_WAITS} ORDER BY address",
            sponsor,
        )
        return {
            "guests": [_shown(row) | {"has_ended": row.ends_ts is not None and row.ends_ts <= now} for row in guests],
            "invited": [_shown(row) for row in invited],
        }

    async def change(self, actor: UserId, user_id: UserId, purpose: str | None, ends_ts: int | None) -> dict[str, Any]:
        """`ends_ts` in the past ends the account at once. Raises M_NOT_FOUND, M_FORBIDDEN to all but the sponsor."""
        row = await self._require(actor, user_id)
        wanted = None if ends_ts is None else await self._checked_end(ends_ts, row.sponsor)
        if ends_ts is not None:
            await self._require_may_end(actor, row, wanted)
        if purpose is not None:
            await self._database.execute("UPDATE guests SET purpose = $2 WHERE user_id = $1", user_id, checked_purpose(purpose))
        if ends_ts is not None:
            await self._end(user_id, wanted)
        return _shown(await self.row(user_id) or row)

    async def renew(self, actor: UserId, user_id: UserId) -> dict[str, Any]:
        """For as long as a guest may stay, from now on."""
        row = await self._require(actor, user_id)
        wanted = await self._checked_end(None, row.sponsor)
        await self._require_may_end(actor, row, wanted)
        await self._end(user_id, wanted)
        return _shown(await self.row(user_id) or row)

    async def set_end(self, user_id: UserId, ends_ts: int | None, ends_by: str = THE_WHOLE) -> dict[str, Any]:
        """By an administrator, who has been checked; `ends_by`: in whose right, an organisation's or the installation's. No
        sponsor puts off an end that is nearer than it was. Raises M_NOT_FOUND."""
        row = await self.row(user_id)
        if row is None:
            raise NotFound("There is no such guest")
        wanted = await self._checked_end(ends_ts, row.sponsor)
        await self._end(user_id, wanted, None if ends_ts is None else ends_by)
        return _shown(await self.row(user_id) or row)

    async def give(self, user_id: UserId, sponsor: UserId) -> None:
        """Another sponsor, by an administrator. Raises M_NOT_FOUND, Forbidden for a sponsor who is none."""
        if await self.row(user_id) is None:
            raise NotFound("There is no such guest")
        user = await self._accounts.store.find_user(sponsor)
        if user is None or user.deactivated or self._guests.is_guest(sponsor):
            raise Forbidden("A sponsor is an agent who has an account here")
        await self._database.execute("UPDATE guests SET sponsor = $2 WHERE user_id = $1", user_id, sponsor)

    async def of_organisation(
        self, organisation: str | None, limit: int, ends_ts: int = -1, after: str = ""
    ) -> list[dict[str, Any]]:
        """The guests whose sponsors are of an organisation (None: all), those who end soonest first, who never end last: those after
        one who ends then."""
        rows = await read(
            self._database,
            ListedGuest,
            """SELECT g.user_id, d.display_name, g.sponsor, g.purpose, g.ends_ts, g.created_ts,
                      coalesce(s.deactivated, true) AS sponsor_has_left
                 FROM guests g JOIN users u USING (user_id) LEFT JOIN users s ON s.user_id = g.sponsor
                 LEFT JOIN user_directory d ON d.user_id = g.user_id
                 LEFT JOIN organisation_people p ON p.user_id = g.sponsor
                WHERE g.agent_since IS NULL AND NOT u.deactivated AND ($1::text IS NULL OR p.organisation = $1)
                  AND (coalesce(g.ends_ts, 9223372036854775807), g.user_id) > ($3, $4)
                ORDER BY coalesce(g.ends_ts, 9223372036854775807), g.user_id LIMIT $2""",
            organisation,
            limit,
            ends_ts,
            after,
        )
        return [asdict(row) for row in rows]

    async def take_over(self, actor: UserId, user_id: UserId) -> None:
        """By an agent who is in a room with the guest, once the sponsor's account is no more. Raises Forbidden."""
        row = await self.row(user_id)
        if row is None or not await self._memberships.share_a_room(actor, user_id):
            raise NotFound("There is no such guest in your rooms")
        sponsor = await self._accounts.store.find_user(row.sponsor)
        is_there = sponsor is not None and not sponsor.deactivated
        if is_there or self._guests.is_guest(actor):
            raise Forbidden("This guest has a sponsor: ask them")
        taken = await self._database.execute(
            "UPDATE guests SET sponsor = $2 WHERE user_id = $1 AND sponsor = $3", user_id, actor, row.sponsor
        )
        if not taken.endswith(" 1"):  # somebody was faster
            raise Forbidden("This guest has a sponsor: ask them")

    async def _require(self, actor: UserId, user_id: UserId) -> GuestRow:
        row = await self.row(user_id)
        if row is None:
            raise NotFound("There is no such guest")
        user = await self._accounts.store.find_user(actor)
        if row.sponsor != actor and not (user is not None and user.is_admin):
            raise Forbidden("Only the agent who invited this guest can do this")
        return row

    async def _require_may_end(self, actor: UserId, row: GuestRow, wanted: int | None) -> None:
        """Raises Forbidden for putting off an end that an administrator has brought near."""
        if row.expires_by is None or (wanted is not None and wanted <= max(row.expires_ts or 0, self._now_ms())):
            return
        user = await self._accounts.store.find_user(actor)
        if user is None or not user.is_admin:
            raise Forbidden("An administrator has said when this guest's access ends: ask them")

    async def row(self, user_id: str) -> GuestRow | None:
        return await find(
            self._database,
            GuestRow,
            f"""SELECT {columns(Guest, "g")}, u.expires_ts, u.expires_by FROM guests g JOIN users u USING (user_id)
                WHERE g.user_id = $1 AND g.agent_since IS NULL""",
            user_id,
        )

    async def _end(self, user_id: UserId, ends_ts: int | None, ends_by: str | None = None) -> None:
        await self._database.execute(
            "UPDATE guests SET ends_ts = $2, reminded_days = NULL WHERE user_id = $1", user_id, ends_ts
        )
        await self._accounts.set_state(user_id, expires_ts=ends_ts or 0, ends_by=ends_by)

    async def _checked_end(self, ends_ts: int | None, sponsor: str) -> int | None:
        """None: as late as may be; what has passed: now, for ended accounts are kept for a while. Raises M_INVALID_PARAM for what is
        too late."""
        longest, now = await self._longest_of(sponsor), self._now_ms()
        if ends_ts is None:
            return now + longest if longest else None
        if longest and ends_ts > now + longest:
            raise BadRequest(f"Guests stay {longest // DAY_MS} days at most, then renew", "M_INVALID_PARAM")
        return max(now, ends_ts)

    async def _longest_of(self, sponsor: str) -> int:
        """In ms; 0: for ever. The installation's limit, or that of the sponsor's organisation where it is nearer."""
        name = await self._database.fetchval("SELECT organisation FROM organisation_people WHERE user_id = $1", sponsor)
        organisation = await self._organisations.find(name) if name is not None else None
        own = organisation.rules.guest_days * DAY_MS if organisation is not None else 0
        return min(own, self._longest) if own and self._longest else own or self._longest

    async def forget(self, user_id: str) -> None:
        """A guest's account has ended for good: whoever invites them again is their sponsor."""
        await self._database.execute("DELETE FROM guests WHERE user_id = $1 AND agent_since IS NULL", user_id)

    # --------------------------------------------------------------------------------------------------- now and then

    async def tend_guests(self) -> None:
        """Sponsors are written to before a guest's end; guests whose address is an organisation's become agents."""
        now = self._now_ms()
        for row in await read(
            self._database,
            EndingGuest,
            f"""SELECT {columns(EndingGuest, "g")} FROM guests g JOIN users u USING (user_id)
                WHERE g.agent_since IS NULL AND NOT u.deactivated AND g.ends_ts > $1 AND g.ends_ts <= $2""",
            now,
            now + max(REMINDER_DAYS) * DAY_MS,
        ):
            due = min(days for days in REMINDER_DAYS if row.ends_ts - now <= days * DAY_MS)
            if row.reminded_days is None or row.reminded_days > due:
                try:
                    await self._remind(row, due)
                except MatrixError as error:  # this guest's or sponsor's own trouble
                    fields = {"user": row.user_id, "error": error.message}
                    log.warning("a reminder was not written", extra={"fields": fields})
        if self._kept:
            for ended in await read(
                self._database,
                EndedGuest,
                """SELECT g.user_id, u.expires_by FROM guests g JOIN users u USING (user_id)
                    WHERE g.agent_since IS NULL AND NOT u.deactivated AND g.ends_ts > 0 AND g.ends_ts < $1""",
                now - self._kept,
            ):
                log.info("a guest's account is deactivated", extra={"fields": {"user": ended.user_id}})
                await self._deactivate(UserId(ended.user_id), False, on_its_day(ended.expires_by))
        registry = await self._organisations.fingerprint()
        if registry != self._registry:  # else nobody's address has become anybody's
            await self.promote()
            self._registry = registry
        await self.refresh()

    async def _remind(self, row: EndingGuest, days: int) -> None:
        server_name, guest = domain_of(row.sponsor), await self._accounts.store.find_user(row.user_id)
        name = named(guest.profile.get("displayname") if guest is not None else None, row.user_id)
        theirs = [t.address for t in await self._accounts.store.threepids(row.user_id) if t.medium == "email"]
        addresses = [t.address for t in await self._accounts.store.threepids(row.sponsor) if t.medium == "email"]
        languages = await self._accounts.store.languages([row.sponsor])
        async with self._database.transaction() as connection:
            is_mine = await connection.fetchval(
                """UPDATE guests SET reminded_days = $2 WHERE user_id = $1
                      AND (reminded_days IS NULL OR reminded_days > $2) RETURNING true""",
                row.user_id,
                days,
            )
            for address in addresses if is_mine else ():  # else another process has just written them
                letter = self._mail.compose(
                    "guest_ends",
                    address,
                    server_name,
                    languages.get(row.sponsor),
                    who=name,
                    address=theirs[0] if theirs else row.user_id,
                    ends=ending(row.ends_ts, self._now_ms()),
                    what=row.purpose or "…",
                )
                await self._mail.put(connection, letter)

    async def promote(self) -> list[str]:
        """Returns who became an agent."""
        promoted = []
        for row in await read(
            self._database,
            GuestAddress,
            """SELECT g.user_id, t.address, u.expires_by FROM guests g JOIN threepids t USING (user_id) JOIN users u USING (user_id)
                WHERE g.agent_since IS NULL AND t.medium = 'email'""",
        ):
            organisation = await self._organisations.of_address(row.address)
            if organisation is None or self._guests.is_guest_home(organisation.home):
                continue
            user_id = UserId(row.user_id)
            self._guests.no_longer.add(user_id)
            if row.expires_by is None:  # else an administrator has ended it, and one renews it
                await self._accounts.set_state(user_id, expires_ts=0)
            await self._set_name(user_id, "displayname", display_name(row.address, organisation.label))
            await self._database.execute(  # last: until then whoever looks next begins anew
                "UPDATE guests SET agent_since = $2 WHERE user_id = $1", user_id, self._now_ms()
            )
            log.info("a guest has become an agent", extra={"fields": {"user": user_id, "of": organisation.name}})
            promoted.append(str(user_id))
        return promoted

    async def refresh(self) -> None:
        """What other processes have promoted."""
        self._guests.no_longer = set(
            await values(self._database, str, "SELECT user_id FROM guests WHERE agent_since IS NOT NULL")
        )


def checked_purpose(text: str) -> str:
    if len(text) > PURPOSE_AT_MOST or "\0" in text:
        raise BadRequest(f"A purpose has {PURPOSE_AT_MOST} characters at most", "M_INVALID_PARAM")
    return " ".join(text.split())


def _shown(row: GuestOfSponsor | InvitedGuest | GuestRow) -> dict[str, Any]:
    shown = ("user_id", "address", "purpose", "ends_ts", "created_ts")
    return {key: value for key, value in asdict(row).items() if key in shown and value is not None}
