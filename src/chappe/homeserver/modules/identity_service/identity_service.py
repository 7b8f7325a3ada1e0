"""The identity service of the hosted domains: whose address is whose, for those who may know, by hashed lookup.

An address that an account has proven is found; nothing else is. Searching the whole space of addresses is limited by the
number per request, the rate limit, and the pepper that each installation has for itself.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from chappe.config import IdentityService as Settings
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.writing_function import Consequence
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.rooms.sight import Sight
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.identifiers import UserId, domain_of
from chappe.matrix.reader import Person
from chappe.matrix.signing import SigningKey, sign_json

AT_MOST = 1000
CENTURY_MS = 3_155_760_000_000
TOKEN_MS = 86_400_000  # clients ask for another by themselves

CONSEQUENCE = Consequence(
    "devices_removed",
    """
    FOR r IN SELECT * FROM unnest(devices_removed_rows) LOOP
        DELETE FROM identity_tokens WHERE user_id = r.who AND device_id = r.device;
    END LOOP;""",
)


class FoundAddress(Row):
    lookup_hash: bytes
    user_id: str


class IdentityServer:
    def __init__(
        self,
        database: Database,
        accounts: AccountStore,
        domains: Domains,
        standings: Standings,
        sight: Sight,
        settings: Settings,
        now_ms: NowMs,
    ) -> None:
        self._database, self._accounts, self._domains, self._sight = database, accounts, domains, sight
        self._standings, self._settings, self._now_ms = standings, settings, now_ms

    # ---------------------------------------------------------------------------------------------------- accounts

    async def register(self, user_id: str, device_id: str | None) -> str:
        """A token for somebody who has proven to be this user, with a session of theirs here (None: elsewhere).

        It ends with that session, and after a day in any case. Raises M_FORBIDDEN where the session has ended meanwhile.
        """
        token, now = secrets.token_urlsafe(32), self._now_ms()
        async with self._database.transaction() as connection:
            await self._accounts.sessions.require_session(connection, None if device_id is None else (user_id, device_id))
            await connection.execute(
                """INSERT INTO identity_tokens (token_hash, user_id, device_id, created_ts, expires_ts)
                   VALUES ($1, $2, $3, $4, $5)""",
                _hash(token),
                user_id,
                device_id,
                now,
                now + TOKEN_MS,
            )
        return token

    async def user_of(self, token: str, doing: Doing = Doing.READ, needs_terms: bool = True) -> UserId:
        """Raises M_UNAUTHORIZED (401), M_TERMS_NOT_SIGNED (403), and what refuses the account here (`Standing`)."""
        user = await self._database.fetchval(
            "SELECT user_id FROM identity_tokens WHERE token_hash = $1 AND expires_ts > $2", _hash(token), self._now_ms()
        )
        if user is None:
            raise MatrixError(401, "M_UNAUTHORIZED", "This token is unknown or has expired")
        if self._domains.is_hosted(domain_of(user)):
            await self._standings.require(user, doing)
        if needs_terms and self._settings.terms_url is not None:
            agreed = await self._database.fetchval(
                "SELECT EXISTS (SELECT 1 FROM identity_terms WHERE user_id = $1 AND url = $2)", user, self._settings.terms_url
            )
            if not agreed:
                raise Forbidden("Please accept the terms first", "M_TERMS_NOT_SIGNED")
        return UserId(user)

    async def forget(self, token: str) -> None:
        await self._database.execute("DELETE FROM identity_tokens WHERE token_hash = $1", _hash(token))

    async def end_all(self, user_id: str) -> None:
        await self._database.execute("DELETE FROM identity_tokens WHERE user_id = $1", user_id)

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM identity_tokens WHERE expires_ts < $1", self._now_ms())

    def terms(self) -> dict[str, Any]:
        settings = self._settings
        if settings.terms_url is None:
            return {"policies": {}}
        document = {"name": settings.terms_name, "url": settings.terms_url}
        return {"policies": {"terms_of_service": {"version": settings.terms_version, "fr": document, "en": document}}}

    async def agree(self, user_id: str, urls: Sequence[str]) -> None:
        for url in urls:
            if url == self._settings.terms_url:
                await self._database.execute(
                    "INSERT INTO identity_terms VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", user_id, url, self._now_ms()
                )

    # ------------------------------------------------------------------------------------------------------ lookup

    def details(self) -> dict[str, Any]:
        return {"lookup_pepper": self._accounts.pepper, "algorithms": ["sha256"]}

    async def lookup(self, searcher: UserId, addresses: Sequence[str], algorithm: str, pepper: str) -> dict[str, str]:
        """Hash to user id, of the addresses that are known and may be found. Raises M_INVALID_PEPPER, M_INVALID_PARAM."""
        if algorithm != "sha256":
            raise BadRequest("`algorithm` must be sha256", "M_INVALID_PARAM")
        if pepper != self._accounts.pepper:
            raise BadRequest(
                "The pepper has changed", "M_INVALID_PEPPER", algorithm="sha256", lookup_pepper=self._accounts.pepper
            )
        if len(addresses) > AT_MOST:
            raise BadRequest(f"At most {AT_MOST} addresses at once", "M_INVALID_PARAM")
        if not await self._sight.may_search(Person(searcher), len(addresses)):
            return {}
        wanted = {raw: text for text in addresses if (raw := _decoded(text)) is not None}
        rows = await read(
            self._database,
            FoundAddress,
            """SELECT t.lookup_hash, t.user_id FROM threepids t JOIN users u USING (user_id)
                WHERE t.lookup_hash = ANY($1::bytea[]) AND NOT u.deactivated
                UNION ALL SELECT lookup_hash, user_id FROM bound_elsewhere WHERE lookup_hash = ANY($1::bytea[])""",
            list(wanted),
        )
        return {wanted[row.lookup_hash]: row.user_id for row in rows}

    # ---------------------------------------------------------------------------------------- people of other servers

    async def bind_elsewhere(self, user_id: str, medium: str, address: str) -> None:
        """Somebody of another server has proven an address. Raises M_THREEPID_IN_USE."""
        holder = await self._database.fetchval(
            """INSERT INTO bound_elsewhere VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (medium, address) DO UPDATE SET bound_ts = bound_elsewhere.bound_ts RETURNING user_id""",
            medium,
            address,
            user_id,
            self._accounts.lookup_hash(medium, address),
            self._now_ms(),
        )
        if holder != user_id:
            raise BadRequest("This address belongs to another account", "M_THREEPID_IN_USE")

    async def unbind_elsewhere(self, user_id: str, medium: str, address: str) -> None:
        await self._database.execute(
            "DELETE FROM bound_elsewhere WHERE user_id = $1 AND medium = $2 AND address = $3", user_id, medium, address
        )

    # ---------------------------------------------------------------------------------------------------- signatures

    def public_key(self, server_name: str, key_id: str) -> str | None:
        key = self._domains.signing_key(server_name)
        return key.public if key_id == key.key_id else None

    def is_server_key(self, public_key: str) -> bool:
        return any(self._domains.signing_key(name).public == public_key for name in self._domains.names())

    def association(self, server_name: str, user_id: str, address: str) -> dict[str, Any]:
        """The signed statement that an address is somebody's."""
        now = self._now_ms()
        body = {
            "address": address,
            "medium": "email",
            "mxid": user_id,
            "not_before": now,
            "not_after": now + CENTURY_MS,
            "ts": now,
        }
        return sign_json(body, server_name, self._domains.signing_key(server_name))

    async def sign_invite(self, server_name: str, user_id: str, token: str, private_key: str) -> dict[str, Any]:
        """With the key of an invitation that waits. Raises M_UNRECOGNIZED for a token that is unknown."""
        sender = await self._database.fetchval("SELECT sender FROM third_party_invites WHERE token = $1", token)
        seed = _decoded(private_key)
        if sender is None:
            raise MatrixError(404, "M_UNRECOGNIZED", "Didn't recognize token")
        if seed is None or len(seed) != 32:
            raise BadRequest("`private_key` must be a key", "M_INVALID_PARAM")
        return sign_json({"mxid": user_id, "sender": sender, "token": token}, server_name, SigningKey(seed, "0"))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _decoded(text: str) -> bytes | None:
    """Base64 in either alphabet, without padding."""
    try:
        return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
    except ValueError:
        return None
