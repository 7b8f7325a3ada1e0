"""Proving that an e-mail address is one's own (client-server API, "Adding Account Administrative Contact Information").

Two phases: a mail brings a link, whose page confirms. What is answered, and how long that takes, is the same whether an
address belongs to an account or not: only its holder's mailbox learns more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest, MatrixError, NotYet
from chappe.matrix.urls import split_url

REGISTER, ADD, RESET, IDENTITY = "register", "add", "reset", "identity"
MAX_TRIES = 10
VALID_FOR_MS = 86_400_000  # after validation
_SECRET = re.compile(r"[0-9a-zA-Z.=_-]{1,255}")
PATH = "/verify-email"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    address: str
    client_secret: str
    send_attempt: int
    next_link: str | None
    server_name: str
    base_url: str
    language: str | None


class NewValidation(Row):
    sid: str
    is_new: bool


class ValidationSession(Row):
    token_hash: bytes
    expires_ts: int
    validated_ts: int | None
    tries: int
    next_link: str | None


class Proof(Row):
    address: str
    purpose: str
    validated_ts: int | None
    expires_ts: int


class Threepids:
    def __init__(self, database: Database, store: AccountStore, mail: MailQueue, limits: RateLimits, now_ms: NowMs) -> None:
        self._database, self.store, self.mail, self._limits, self.now_ms = database, store, mail, limits, now_ms

    async def request_token(self, purpose: str, wanted: TokenRequest) -> str:
        """Sends a mail unless this attempt was made before. Returns the session's id (`sid`).

        The attempt and its mail are one commit: a repetition that gets no mail has had one. Raises LimitExceeded where an address
        has been written to too often, whoever asked for it by whichever door.
        """
        address = parse_email(wanted.address)
        self._limits.check("email", address)
        self.mail.require_on(f"{wanted.base_url}{PATH}")
        if not _SECRET.fullmatch(wanted.client_secret):
            raise BadRequest("`client_secret` must have 1 to 255 of 0-9 a-z A-Z . = _ -", "M_INVALID_PARAM")
        self._check_link(wanted)
        owner = await self.store.user_by_threepid("email", address)
        sid, token, now = secrets.token_urlsafe(16), secrets.token_urlsafe(24), self.now_ms()
        kind = {RESET: "reset" if owner else "no_account", IDENTITY: "verify"}.get(purpose, "in_use" if owner else "verify")
        if kind in ("no_account", "in_use"):
            stored = secrets.token_bytes(32)  # nobody knows what hashes to it
        else:
            stored = _hash(token)
        async with self._database.transaction() as connection:
            row = await find(
                connection,
                NewValidation,
                """INSERT INTO validation_sessions AS v
                   (sid, client_secret, medium, address, purpose, server_name, token_hash, send_attempt, next_link, expires_ts)
                   VALUES ($1, $2, 'email', $3, $4, $5, $6, $7, $8, $9)
                   ON CONFLICT (client_secret, medium, address, purpose) DO UPDATE SET
                   token_hash = CASE WHEN v.send_attempt < excluded.send_attempt THEN excluded.token_hash ELSE v.token_hash END,
                   expires_ts = CASE WHEN v.send_attempt < excluded.send_attempt THEN excluded.expires_ts ELSE v.expires_ts END,
                   tries = 0, send_attempt = greatest(v.send_attempt, excluded.send_attempt)
                   RETURNING v.sid, v.token_hash = $6 AS is_new""",
                sid,
                wanted.client_secret,
                address,
                purpose,
                wanted.server_name,
                stored,
                wanted.send_attempt,
                wanted.next_link,
                now + self.mail.link_minutes * 60_000,
            )
            assert row is not None
            if row.is_new:
                query = urlencode({"sid": row.sid, "client_secret": wanted.client_secret, "token": token})
                link = f"{wanted.base_url}{PATH}?{query}"
                if kind in ("no_account", "in_use"):  # to where one begins, with the address
                    link = f"{wanted.base_url}/?{urlencode({'address': address})}"
                letter = self.mail.compose(kind, address, wanted.server_name, wanted.language, link)
                await self.mail.put(connection, letter)
        return str(row.sid)

    async def prove(self, purpose: str, address: str, server_name: str) -> tuple[str, str]:
        """A session of somebody who has proven the address otherwise: by the link of an invitation. Returns `sid` and secret."""
        sid, secret, now = secrets.token_urlsafe(16), secrets.token_urlsafe(16), self.now_ms()
        await self._database.execute(
            """INSERT INTO validation_sessions (sid, client_secret, medium, address, purpose, server_name, token_hash, send_attempt,
                                                validated_ts, expires_ts)
               VALUES ($1, $2, 'email', $3, $4, $5, $6, 1, $7, $8)""",
            sid,
            secret,
            address,
            purpose,
            server_name,
            secrets.token_bytes(32),
            now,
            now + VALID_FOR_MS,
        )
        return sid, secret

    @staticmethod
    def _check_link(wanted: TokenRequest) -> None:
        """People are sent on to where they came from only, not to any address that somebody put in a request."""
        if wanted.next_link is None:
            return
        link = split_url(wanted.next_link)
        if (link.scheme, link.netloc) != urlsplit(wanted.base_url)[:2]:
            raise BadRequest("`next_link` must point to this server", "M_INVALID_PARAM")

    async def submit(self, sid: str, client_secret: str, token: str) -> str | None:
        """Confirms. Returns the link to go on with. Raises M_NO_VALID_SESSION, M_TOKEN_INCORRECT, M_SESSION_EXPIRED."""
        row = await find(
            self._database,
            ValidationSession,
            """UPDATE validation_sessions SET tries = tries + 1 WHERE sid = $1 AND client_secret = $2
               RETURNING token_hash, expires_ts, validated_ts, tries, next_link""",
            sid,
            client_secret,
        )
        if row is None or row.tries > MAX_TRIES:
            raise BadRequest("This link is no longer valid: please ask for a new one", "M_NO_VALID_SESSION")
        if not secrets.compare_digest(row.token_hash, _hash(token)):
            raise BadRequest("This link is not right: please ask for a new one", "M_TOKEN_INCORRECT")
        if row.validated_ts is None:
            if row.expires_ts < self.now_ms():
                raise BadRequest("This link has expired: please ask for a new one", "M_SESSION_EXPIRED")
            await self._database.execute(
                "UPDATE validation_sessions SET validated_ts = $2, expires_ts = $3 WHERE sid = $1 AND validated_ts IS NULL",
                sid,
                self.now_ms(),
                self.now_ms() + VALID_FOR_MS,
            )
        next_link: str | None = row.next_link
        return next_link

    async def next_link(self, sid: str | None, client_secret: str | None) -> str | None:
        """Where somebody goes on to once the address is confirmed."""
        link: str | None = await self._database.fetchval(
            "SELECT next_link FROM validation_sessions WHERE sid = $1 AND client_secret = $2", sid, client_secret
        )
        return link

    async def proven(self, sid: Any, client_secret: Any, purposes: tuple[str, ...]) -> str:
        """The address that a session proved, for one of some purposes. Raises M_SESSION_NOT_VALIDATED, M_NO_VALID_SESSION."""
        row = None
        if type(sid) is str and type(client_secret) is str:
            row = await find(
                self._database,
                Proof,
                """SELECT address, purpose, validated_ts, expires_ts FROM validation_sessions
                    WHERE sid = $1 AND client_secret = $2""",
                sid.replace("\0", ""),
                client_secret.replace("\0", ""),
            )
        if row is None or row.purpose not in purposes or row.expires_ts < self.now_ms():
            raise MatrixError(400, "M_NO_VALID_SESSION", "This proof of an address is unknown or has expired")
        if row.validated_ts is None:
            raise NotYet(400, "M_SESSION_NOT_VALIDATED", "Please open the link in the mail first")
        return str(row.address)

    async def use(self, sid: str) -> bool:
        """A proof serves once. False where another request has used it."""
        result = await self._database.execute("DELETE FROM validation_sessions WHERE sid = $1", sid)
        return result.endswith(" 1")

    async def end_links(self, user_id: str) -> None:
        """Links to a new password that wait in the mailboxes of an account."""
        await self._database.execute(
            """DELETE FROM validation_sessions WHERE purpose = $2
                AND (medium, address) IN (SELECT medium, address FROM threepids WHERE user_id = $1)""",
            user_id,
            RESET,
        )

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM validation_sessions WHERE expires_ts < $1", self.now_ms() - 60_000)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
