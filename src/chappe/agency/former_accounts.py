"""Accounts that were ended: what they looked like is kept for a while, so that somebody who comes back is who they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.errors import BadRequest, NotFound
from chappe.homeserver.matrix.identifiers import UserId

DAY_MS = 86_400_000


class FormerAccounts:
    """`days`: how long a profile is kept."""

    def __init__(
        self, database: Database, accounts: Accounts, bind_threepid: BindThreepid, days: int, now_ms: Callable[[], int]
    ) -> None:
        self._database, self._accounts, self._bind_threepid = database, accounts, bind_threepid
        self._days, self._now_ms = days, now_ms

    async def keep(self, user_id: str, erase: bool) -> None:
        """Before an account is ended. `erase`: nothing of it is kept."""
        user = await self._accounts.store.find_user(user_id)
        if user is None or user.deactivated:
            return
        await self._database.execute("DELETE FROM former_accounts WHERE user_id = $1", user_id)
        if erase or not self._days:
            return
        addresses = [r["address"] for r in await self._accounts.store.threepids(user_id) if r["medium"] == "email"]
        await self._database.execute(
            """INSERT INTO former_accounts VALUES ($1, $2, $3,
                   (SELECT organisation FROM organisation_people WHERE user_id = $1), $4)""",
            user_id, orjson.dumps(user.profile), addresses, self._now_ms(),
        )  # fmt: skip

    async def all(self, organisation: str | None, limit: int) -> list[dict[str, Any]]:
        """Those of an organisation (None: of all), the latest first."""
        rows = await self._database.fetch(
            """SELECT user_id, profile, organisation, ended_ts FROM former_accounts
                WHERE $1::text IS NULL OR organisation = $1 ORDER BY ended_ts DESC LIMIT $2""",
            organisation, limit,
        )  # fmt: skip
        return [
            {"user_id": row["user_id"], "display_name": orjson.loads(row["profile"]).get("displayname"),
             "organisation": row["organisation"], "ended_ts": row["ended_ts"]}
            for row in rows
        ]  # fmt: skip

    async def organisation_of(self, user_id: str) -> str | None:
        found: str | None = await self._database.fetchval(
            "SELECT organisation FROM former_accounts WHERE user_id = $1", user_id
        )
        return found

    async def of_identity(self, provider: str, subject: str) -> UserId | None:
        """The ended account of an identity at a provider, which is never given to somebody else.

        Unless it was locked or suspended when it ended: then an administrator decides, as where only an address is proven, which a
        namesake may have been given. A directory that names people by their place in it (`ldap.STAYS`: none) proves no more than an
        address.
        """
        if provider.startswith("ldap:") and "=" in subject:
            return None
        found = await self._database.fetchval(
            """SELECT f.user_id FROM former_accounts f JOIN users u USING (user_id) JOIN upstream_links l USING (user_id)
                WHERE l.provider = $1 AND l.subject = $2 AND u.deactivated AND NOT u.locked
                  AND NOT u.suspended ORDER BY f.ended_ts DESC LIMIT 1""",
            provider, subject,
        )  # fmt: skip
        return None if found is None else UserId(found)

    async def reactivate(self, user_id: UserId) -> dict[str, Any]:
        """The account is as it was, without a password, devices and rooms: its holder signs in by mail or by the provider.

        Returns the addresses that are its own again. Raises M_NOT_FOUND, M_INVALID_PARAM for an account that has not ended.
        """
        user = await self._accounts.store.find_user(user_id)
        if user is None:
            raise NotFound("There is no such account")
        if not user.deactivated:
            raise BadRequest("This account has not ended", "M_INVALID_PARAM")
        row = await self._database.fetchrow("DELETE FROM former_accounts WHERE user_id = $1 RETURNING *", user_id)
        profile = orjson.loads(row["profile"]) if row is not None else {"displayname": user_id[1:].split(":")[0]}
        await self._accounts.change(user_id, deactivated=False, erased=False, profile=profile)
        await self._accounts.set_state(user_id, locked=False, suspended=False, expires_ts=0)
        bound = []
        for address in row["addresses"] if row is not None else ():
            if await self._accounts.store.user_by_threepid("email", address) is None:
                await self._bind_threepid(user_id, "email", address, self._now_ms())
                bound.append(address)
        if row is not None and row["organisation"] is not None:
            await self._database.execute(
                "INSERT INTO organisation_people VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                user_id, row["organisation"], self._now_ms(),
            )  # fmt: skip
        return {"user_id": user_id, "addresses": bound}

    async def forget(self, user_id: str) -> None:
        await self._database.execute("DELETE FROM former_accounts WHERE user_id = $1", user_id)

    async def prune(self) -> None:
        await self._database.execute(
            "DELETE FROM former_accounts WHERE ended_ts < $1", self._now_ms() - self._days * DAY_MS
        )
