"""Accounts that end unless their holder confirms, now and then, that the professional address is still theirs.

Before the end the address is written to, several times; the link in the mail, or a code, renews the account. An account that has
expired can do nothing but ask for the mail; after a while it is deactivated. Administrators, bots and whoever has no
proven address are left alone.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chappe.config import AccountValidity as Settings
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.endings import THE_WHOLE, on_its_day
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.i18n import ending
from chappe.matrix.errors import BadRequest, MatrixError, NotFound
from chappe.matrix.identifiers import UserId, domain_of

log = logging.getLogger(__name__)
DAY_MS = 86_400_000
AT_ONCE = 500
PATH = "/_synapse/client/email_account_validity"
RENEWED, ALREADY, UNKNOWN = "renewed", "already", "unknown"
_FROM = "FROM users u LEFT JOIN account_validity v ON v.user_id = u.user_id"
# Posts, bots and what application services make have no end of this kind; guests have another, which their sponsors' rules bound.
_MAY_END = """NOT u.is_guest AND u.appservice IS NULL AND u.kind IS NULL
    AND NOT EXISTS (SELECT 1 FROM guests g WHERE g.user_id = u.user_id AND g.agent_since IS NULL)"""
_WHO = f"""NOT u.deactivated AND NOT u.is_admin AND {_MAY_END}
    AND EXISTS (SELECT 1 FROM threepids t WHERE t.user_id = u.user_id AND t.medium = 'email')"""


@dataclass(frozen=True, slots=True)
class Renewal:
    """`outcome`: RENEWED, ALREADY (the token has been used), UNKNOWN. `expiration_ts`: in ms."""

    outcome: str
    expiration_ts: int = 0


_WITHOUT_END = f"SELECT u.user_id {_FROM} WHERE {_WHO} AND u.expires_ts IS NULL LIMIT {AT_ONCE}"


class AccountToRemind(Row):
    user_id: str
    expires_ts: int
    reminded_days: int | None
    for_expiry: int | None


class AccountToEnd(Row):
    user_id: str
    expires_by: str | None


class RenewedAccount(Row):
    user_id: str
    fresh: bool
    expires_ts: int | None


class AccountValidity:
    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        mail: MailQueue,
        settings: Settings,
        base_url: Callable[[str], str],
        deactivate: DeactivateAccount,
        now_ms: NowMs,
    ) -> None:
        self._database, self._accounts, self._mail, self._settings = database, accounts, mail, settings
        self._base_url, self._deactivate, self._now_ms = base_url, deactivate, now_ms

    @property
    def period_ms(self) -> int:
        return self._settings.period_days * DAY_MS

    # ---------------------------------------------------------------------------------------------------- now and then

    async def enforce_periods(self) -> None:
        """New accounts get an end; those near theirs are written to; those long past it are deactivated."""
        now = self._now_ms()
        for user_id in await values(self._database, str, _WITHOUT_END):
            if not self._is_excluded(user_id):
                await self._accounts.set_state(user_id, expires_ts=now + self.period_ms)
        for row in await self._due(now):
            try:
                await self._remind(row, now)
            except MatrixError as error:  # this account's own trouble, such as an address that is none
                log.warning("a reminder was not written", extra={"fields": {"user": row.user_id, "error": error.message}})
        await self._deactivate_old(now)

    def _is_excluded(self, user_id: str) -> bool:
        return any(part in user_id for part in self._settings.excluded)

    async def _due(self, now: int) -> list[AccountToRemind]:
        """Accounts for which a reminder is due that has not been sent for this period."""
        furthest = max(self._settings.reminder_days, default=0) * DAY_MS
        return list(
            await read(
                self._database,
                AccountToRemind,
                f"""SELECT u.user_id, u.expires_ts, v.reminded_days, v.for_expiry {_FROM} WHERE {_WHO}
                AND u.expires_ts > $1 AND u.expires_ts <= $2 AND coalesce(v.mails_enabled, true) LIMIT {AT_ONCE}""",
                now,
                now + furthest,
            )
        )

    async def _remind(self, row: AccountToRemind, now: int) -> None:
        left = row.expires_ts - now
        due = min((days for days in self._settings.reminder_days if left <= days * DAY_MS), default=None)
        sent = row.reminded_days if row.for_expiry == row.expires_ts else None
        if due is None or (sent is not None and sent <= due) or self._is_excluded(row.user_id):
            return
        addresses, language = await self._addresses(row.user_id), await self._language(row.user_id)
        async with self._database.transaction() as connection:
            is_mine = await connection.fetchval(
                """INSERT INTO account_validity AS v (user_id, reminded_days, for_expiry) VALUES ($1, $2, $3)
                   ON CONFLICT (user_id) DO UPDATE SET reminded_days = $2, for_expiry = $3
                    WHERE v.for_expiry IS DISTINCT FROM $3 OR v.reminded_days IS NULL OR v.reminded_days > $2 RETURNING true""",
                row.user_id,
                due,
                row.expires_ts,
            )
            if is_mine:  # else another process has just written it
                await self._write(connection, row.user_id, row.expires_ts, addresses, language)

    async def _deactivate_old(self, now: int) -> None:
        if self._settings.deactivate_after_days is None:
            return
        before = now - self._settings.deactivate_after_days * DAY_MS
        rows = await read(
            self._database,
            AccountToEnd,
            f"""SELECT u.user_id, u.expires_by {_FROM} WHERE {_WHO}
                   AND u.expires_ts > 0 AND u.expires_ts <= $1 LIMIT {AT_ONCE}""",
            before,
        )
        for row in rows:
            if not self._is_excluded(row.user_id):
                log.warning("an expired account is deactivated", extra={"fields": {"user": row.user_id}})
                await self._deactivate(UserId(row.user_id), False, on_its_day(row.expires_by))

    # ------------------------------------------------------------------------------------------------------- renewing

    async def send_mail(self, user_id: str) -> None:
        """Somebody asks for the mail. Raises M_UNKNOWN (400) for an account that does not end."""
        user = await self._accounts.store.find_user(user_id)
        if user is None or not user.expires_ts:
            raise BadRequest("This account does not expire", "M_UNKNOWN")
        if await self._database.fetchval(
            "SELECT EXISTS (SELECT 1 FROM guests WHERE user_id = $1 AND agent_since IS NULL)", user_id
        ):
            raise BadRequest("The agent who invited you can renew your account", "M_UNKNOWN")
        addresses, language = await self._addresses(user_id), await self._language(user_id)
        async with self._database.transaction() as connection:
            await self._write(connection, user_id, user.expires_ts, addresses, language)

    async def _addresses(self, user_id: str) -> list[str]:
        rows = await self._accounts.store.threepids(user_id)
        return [row.address for row in rows if row.medium == "email"]

    async def _language(self, user_id: str) -> str | None:
        return (await self._accounts.store.languages([user_id])).get(user_id)

    async def _write(self, connection: Any, user_id: str, expires_ts: int, addresses: list[str], language: str | None) -> None:
        """To every proven address. An earlier token stays good until one is used.

        Raises M_THREEPID_MEDIUM_NOT_SUPPORTED where links may not be mailed.
        """
        token = await connection.fetchval(
            """INSERT INTO account_validity AS v (user_id, token) VALUES ($1, $2)
               ON CONFLICT (user_id) DO UPDATE SET token = coalesce(v.token, $2) RETURNING v.token""",
            user_id,
            self._new_token(),
        )
        server_name, ends = domain_of(user_id), ending(expires_ts, self._now_ms())
        for address in addresses:
            kind, link = "renew_code", None
            if self._settings.send_links:
                kind, link = "renew", f"{self._base_url(server_name)}{PATH}/renew?token={token}"
                self._mail.require_on(link)
            letter = self._mail.compose(kind, address, server_name, language, link, ends=ends, code=token)
            await self._mail.put(connection, letter)

    def _new_token(self) -> str:
        if self._settings.send_links:
            return "".join(secrets.choice(string.ascii_letters) for _ in range(32))
        return f"{secrets.randbelow(10**8):08d}"

    async def renew(self, token: str, user_id: str | None) -> Renewal:
        """By the link of a mail; by a code only together with the account's own session (`user_id`)."""
        if not self._settings.send_links and user_id is None:
            return Renewal(UNKNOWN)
        row = await find(
            self._database,
            RenewedAccount,
            """SELECT v.user_id, v.token IS NOT DISTINCT FROM $1 AS fresh, u.expires_ts
                 FROM account_validity v JOIN users u USING (user_id)
                WHERE (v.token = $1 OR v.used_hash = $2) AND ($3::text IS NULL OR v.user_id = $3) AND NOT u.deactivated""",
            token,
            _hash(token),
            user_id,
        )
        if row is None:
            return Renewal(UNKNOWN)
        if not row.fresh:
            return Renewal(ALREADY, row.expires_ts or 0)
        until = self._now_ms() + self.period_ms
        # before the link is used up: it counts, or it is left
        await self._accounts.set_state(row.user_id, expires_ts=until)
        await self._database.execute(
            """UPDATE account_validity SET token = NULL, used_hash = $3, reminded_days = NULL
                WHERE user_id = $1 AND token = $2""",
            row.user_id,
            token,
            _hash(token),
        )
        return Renewal(RENEWED, until)

    async def set_end(
        self, user_id: str, expiration_ts: int | None, mails_enabled: bool | None, ends_by: str = THE_WHOLE
    ) -> int:
        """By an administrator: an end of its own (None: a period from now), and whether reminders are sent. Returns the end.

        `ends_by`: in whose right, an organisation's or the installation's. Whoever gets the mail still renews the account themselves.
        Raises M_INVALID_PARAM for accounts that have no such end: guests' is said by `Sponsors`.
        """
        user = await self._accounts.store.find_user(user_id)
        if user is None:
            raise NotFound("There is no such account")
        if not await self._database.fetchval(f"SELECT {_MAY_END} FROM users u WHERE u.user_id = $1", user_id):
            raise BadRequest("Guests are renewed as guests; posts, bots and services do not end", "M_INVALID_PARAM")
        until = self._now_ms() + self.period_ms if expiration_ts is None else expiration_ts
        await self._database.execute(
            """INSERT INTO account_validity (user_id, mails_enabled) VALUES ($1, coalesce($2, true))
               ON CONFLICT (user_id) DO UPDATE SET mails_enabled = coalesce($2, account_validity.mails_enabled), token = NULL""",
            user_id,
            mails_enabled,
        )
        await self._accounts.set_state(user_id, expires_ts=until, ends_by=None if expiration_ts is None else ends_by)
        return until


async def forget(database: Database, user_id: str) -> None:
    """The account has ended: nothing renews it."""
    await database.execute("DELETE FROM account_validity WHERE user_id = $1", user_id)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
