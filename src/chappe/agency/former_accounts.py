"""Accounts that were ended: what they looked like is kept for a while, so that somebody who comes back is who they were."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from chappe.agency.guests import Guests
from chappe.agency.organisation_people import place_first
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.endings import By, Ending
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import UserId

DAY_MS = 86_400_000
UNDER_WAY_MS = 600_000  # in which an account that is being ended has ended
LATEST = 2**63 - 1


class FormerAccount(Row):
    user_id: str
    profile: bytes
    organisation: str | None
    ended_ts: int


class KeptAccount(Row):
    user_id: str
    profile: bytes
    addresses: list[str]
    organisation: str | None
    ended_ts: int
    ended_by: str
    whose: str | None


class FormerAccounts:
    """`days`: how long a profile is kept. `is_invited`: whether somebody who may act has invited an address."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        bind_threepid: BindThreepid,
        deactivate_account: DeactivateAccount,
        guests: Guests,
        is_invited: Callable[[str], Awaitable[bool]],
        days: int,
        now_ms: NowMs,
    ) -> None:
        self._database, self._accounts, self._bind_threepid = database, accounts, bind_threepid
        self._guests, self._is_invited = guests, is_invited
        self._days, self._now_ms = days, now_ms
        deactivate_account.listen(self.keep)

    async def keep(self, user_id: str, erase: bool, by: Ending) -> None:
        """Before an account is ended. `erase`: nothing of it is kept."""
        user = await self._accounts.store.find_user(user_id)
        if user is None:
            return
        if user.deactivated:
            await self._raise_right(user_id, by)
            return
        await self._database.execute("DELETE FROM former_accounts WHERE user_id = $1", user_id)
        if erase or not self._days:
            return
        addresses = [r.address for r in await self._accounts.store.threepids(user_id) if r.medium == "email"]
        await self._database.execute(
            """INSERT INTO former_accounts (user_id, profile, addresses, organisation, ended_ts, ended_by, whose) VALUES ($1, $2, $3,
                   (SELECT organisation FROM organisation_people WHERE user_id = $1), $4, $5, $6)""",
            user_id,
            orjson.dumps(user.profile),
            addresses,
            self._now_ms(),
            by.by.value,
            by.whose,
        )

    async def _raise_right(self, user_id: str, by: Ending) -> None:
        """An account that has ended is ended once more, by somebody whose right is above: it stays ended in that right."""
        below = {By.ORGANISATION: ["person", "calendar"], By.INSTALLATION: ["person", "calendar", "organisation"]}
        await self._database.execute(
            "UPDATE former_accounts SET ended_by = $2, whose = $3 WHERE user_id = $1 AND ended_by = ANY($4::text[])",
            user_id,
            by.by.value,
            by.whose,
            below.get(by.by, []),
        )

    async def all(self, organisation: str | None, limit: int, ended_ts: int = LATEST, before: str = "") -> list[dict[str, Any]]:
        """Those of an organisation (None: of all), the latest first: those before one that ended then."""
        which = (
            "f.organisation = $4" if organisation is not None else "$4::text IS NULL"
        )  # what might be asked for finds no index
        rows = await read(
            self._database,
            FormerAccount,
            f"""SELECT f.user_id, f.profile, f.organisation, f.ended_ts FROM former_accounts f JOIN users u USING (user_id)
                WHERE u.deactivated AND {which} AND (f.ended_ts, f.user_id) < ($1, $2)
                ORDER BY f.ended_ts DESC, f.user_id DESC LIMIT $3""",
            ended_ts,
            before,
            limit,
            organisation,
        )
        return [
            {
                "user_id": row.user_id,
                "display_name": orjson.loads(row.profile).get("displayname"),
                "organisation": row.organisation,
                "ended_ts": row.ended_ts,
            }
            for row in rows
        ]

    async def organisation_of(self, user_id: str) -> str | None:
        found: str | None = await self._database.fetchval(
            "SELECT organisation FROM former_accounts WHERE user_id = $1", user_id
        )
        return found

    async def of_identity(self, provider: str, subject: str, address: str | None) -> UserId | None:
        """The ended account of an identity at a provider, which is never given to somebody else: of whoever left by themselves, or
        whose end came by the calendar and who proves again an address that they had.

        What an administrator has ended, one brings back; so is what was locked or suspended when it ended, and what only an address
        is proven for, which a namesake may have been given. A directory that names people by their place in it (`ldap.STAYS`: none)
        proves no more than an address.
        """
        if provider.startswith("ldap:") and "=" in subject:
            return None
        found = await self._database.fetchval(
            """SELECT f.user_id FROM former_accounts f JOIN users u USING (user_id) JOIN upstream_links l USING (user_id)
                WHERE l.provider = $1 AND l.subject = $2 AND u.deactivated AND NOT u.locked AND NOT u.suspended
                  AND (f.ended_by = 'person' OR f.ended_by = 'calendar' AND $3 = ANY(f.addresses))
                ORDER BY f.ended_ts DESC LIMIT 1""",
            provider,
            subject,
            address,
        )
        return None if found is None else UserId(found)

    async def reactivate(self, user_id: UserId) -> dict[str, Any]:
        """The account is as it was, without a password, devices and rooms: its holder signs in by mail or by the provider.

        Only that it has ended is undone: a lock, a suspension and the day of its end stay, each with whoever may lift it.
        Returns the addresses that are its own again. Raises M_NOT_FOUND, M_INVALID_PARAM for an account that has not ended.
        """
        user = await self._accounts.store.find_user(user_id)
        if user is None:
            raise NotFound("There is no such account")
        if not user.deactivated:
            raise BadRequest("This account has not ended", "M_INVALID_PARAM")
        await self._require_invited(user_id)
        row = await find(
            self._database,
            KeptAccount,
            f"DELETE FROM former_accounts WHERE user_id = $1 RETURNING {columns(KeptAccount)}",
            user_id,
        )
        if self._guests.is_guest(user_id):
            if not await self._has_said_end(user_id):  # until the invitation says another (`Sponsors.arrived`)
                await self._accounts.set_state(user_id, expires_ts=1)
        elif row is not None and row.ended_by == By.CALENDAR.value:  # as much time to renew it as there was
            await self._accounts.set_state(user_id, expires_ts=self._now_ms())
        profile = orjson.loads(row.profile) if row is not None else {"displayname": user_id[1:].split(":")[0]}
        await self._accounts.change(user_id, deactivated=False, erased=False, profile=profile)
        bound = []
        for address in row.addresses if row is not None else ():
            if await self._accounts.store.user_by_threepid("email", address) is None:
                await self._bind_threepid(user_id, "email", address, self._now_ms())
                bound.append(address)
        if row is not None and row.organisation is not None:
            await place_first(self._database, user_id, row.organisation, self._now_ms())
        return {"user_id": user_id, "addresses": bound}

    async def _require_invited(self, user_id: UserId) -> None:
        """Raises Forbidden for a guest whom nobody has invited anew."""
        if not self._guests.is_guest(user_id):
            return
        addresses = await self._database.fetchval("SELECT addresses FROM former_accounts WHERE user_id = $1", user_id)
        if not any([await self._is_invited(address) for address in addresses or ()]):
            raise Forbidden("Guests come back by a new invitation, of somebody who answers for them until a day")

    async def _has_said_end(self, user_id: str) -> bool:
        """Whether an administrator has said its day, which stays."""
        sql = "SELECT EXISTS (SELECT 1 FROM users WHERE user_id = $1 AND expires_by IS NOT NULL)"
        return bool(await self._database.fetchval(sql, user_id))

    async def forget(self, user_id: str) -> None:
        await self._database.execute("DELETE FROM former_accounts WHERE user_id = $1", user_id)

    async def prune(self) -> None:
        """What has been kept long enough, and what is of an account that somebody has brought back by another door."""
        await self._database.execute(
            """DELETE FROM former_accounts f WHERE ended_ts < $1 OR ended_ts < $2
                  AND EXISTS (SELECT 1 FROM users u WHERE u.user_id = f.user_id AND NOT u.deactivated)""",
            self._now_ms() - self._days * DAY_MS,
            self._now_ms() - UNDER_WAY_MS,
        )
