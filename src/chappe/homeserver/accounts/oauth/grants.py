"""Grants: how a client gets tokens (authorisation code with PKCE, refresh, device authorisation), and gives them back."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from chappe.homeserver.accounts.oauth.clients import CODE, DEVICE, REFRESH, Client, Clients
from chappe.homeserver.accounts.oauth.errors import OAuthError
from chappe.homeserver.accounts.oauth.scopes import RIGHTS, rights_in
from chappe.homeserver.accounts.session_store import InTransaction, Origin
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.accounts.tokens import Tokens, hash_token
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import UserId

CODE_MS, DEVICE_CODE_MS, INTERVAL_S = 60_000, 20 * 60_000, 5
# Those that somebody has shown are kept, so that a second use is noticed; this time is never the one that was read.
_END_CODES = "UPDATE oauth_codes SET expires_ts = least(expires_ts - 1, $2::bigint) WHERE"
_PREFIXES = ("urn:matrix:client:", "urn:matrix:org.matrix.msc2967.client:")
_DEVICE = re.compile(r"[A-Za-z0-9._~-]{10,255}")
_USER_CODE = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a client asks for: `text` as it was written, the device that it names."""

    text: str
    device_id: str

    @property
    def rights(self) -> list[str]:
        """Which rights of an administrator it asks for."""
        return rights_in(self.text)


def parse_scope(text: object) -> Scope:
    """Both spellings of the Matrix scopes. Raises invalid_scope.

    What is not granted is left out, and the answer with the tokens says what was (RFC 6749, section 5.1). `openid` is never
    granted: whoever grants it owes an ID token (OpenID Connect Core, section 3.1.3.3), and libraries refuse an answer without.
    """
    tokens = str(text).split() if type(text) is str else []
    devices, api = [], False
    for token in tokens:
        for prefix in _PREFIXES:
            if token == prefix + "api:*":
                api = True
            elif token.startswith(prefix + "device:"):
                devices.append(token[len(prefix + "device:") :])
            elif token.startswith(prefix):
                raise OAuthError("invalid_scope", "This scope is not known here")
    if not api or len(set(devices)) != 1 or not _DEVICE.fullmatch(devices[0]):
        raise OAuthError("invalid_scope", "The scope must name the Matrix API and one device")
    known = [t for t in tokens if t.startswith(_PREFIXES) or t in RIGHTS]
    return Scope(" ".join(known), devices[0])


@dataclass(frozen=True, slots=True)
class Authorization:
    """A checked request to `/oauth2/authorize`."""

    client: Client
    redirect_uri: str
    scope: Scope
    state: str | None
    code_challenge: str
    response_mode: str


@dataclass(frozen=True, slots=True)
class Granted:
    """What a session is made of. `browser`: whose sign-in it came from; `program`: the User-Agent that takes it up."""

    user_id: str
    scope: str
    browser: bytes | None
    program: str | None = None


class AuthorizationCode(Row):
    code_hash: bytes
    client_id: str
    user_id: str
    scope: str
    redirect_uri: str
    code_challenge: str
    expires_ts: int
    browser: bytes | None
    device_id: str | None


class OAuthSession(Row):
    user_id: str
    device_id: str
    client_id: str
    scope: str
    created_ts: int
    browser: bytes | None


class WaitingDevice(Row):
    client_id: str
    scope: str


class DeviceGrant(Row):
    device_hash: bytes
    user_code: str
    client_id: str
    scope: str
    state: str
    user_id: str | None
    browser: bytes | None
    polled_ts: int
    expires_ts: int


class Grants:
    def __init__(self, database: Database, clients: Clients, sessions: Sessions, store: AccountStore, now_ms: NowMs) -> None:
        self._database, self.clients, self._sessions, self._store = database, clients, sessions, store
        self._now_ms = now_ms

    # -------------------------------------------------------------------------------------------- authorisation code

    async def authorized(self, wanted: Authorization, user_id: str, browser: bytes) -> str:
        """The owner agreed: a code, valid for a minute, once, for this client and address.

        Raises access_denied where the browser has been signed out meanwhile: a sign-out waits for this, and ends the code.
        """
        code = secrets.token_urlsafe(32)
        made = await self._database.execute(
            """WITH browser AS (SELECT 1 FROM browser_sessions WHERE id_hash = $8 AND expires_ts > $9 FOR SHARE)
               INSERT INTO oauth_codes (code_hash, client_id, user_id, scope, redirect_uri, code_challenge, expires_ts, browser)
               SELECT $1, $2, $3, $4, $5, $6, $7, $8::bytea FROM browser""",
            hash_token(code),
            wanted.client.client_id,
            user_id,
            wanted.scope.text,
            wanted.redirect_uri,
            wanted.code_challenge,
            self._now_ms() + CODE_MS,
            browser,
            self._now_ms(),
        )
        if not made.endswith(" 1"):
            raise OAuthError("access_denied", "This browser has been signed out")
        return code

    async def exchange(self, form: Mapping[str, str], program: str | None = None) -> dict[str, Any]:
        """The token endpoint. `program`: the User-Agent that asks. Raises OAuthError."""
        client = await self.clients.require(form.get("client_id"))
        grant = form.get("grant_type")
        if grant == CODE:
            return await self._by_code(client, form, program)
        if grant == REFRESH:
            return await self._by_refresh(client, form.get("refresh_token", ""))
        if grant == DEVICE:
            return await self._by_device_code(client, form.get("device_code", ""), program)
        raise OAuthError("unsupported_grant_type", "This kind of grant is not offered")

    async def _by_code(self, client: Client, form: Mapping[str, str], program: str | None) -> dict[str, Any]:
        code = hash_token(form.get("code", ""))
        async with self._database.transaction() as connection:
            row = await find(
                connection,
                AuthorizationCode,
                f"SELECT {columns(AuthorizationCode)} FROM oauth_codes WHERE code_hash = $1 FOR UPDATE",
                code,
            )
            if row is not None and row.device_id is None:
                # one try, right or wrong: a stolen code cannot be used to guess the verifier
                await connection.execute(
                    "UPDATE oauth_codes SET device_id = $2 WHERE code_hash = $1", code, parse_scope(row.scope).device_id
                )
            elif row is not None:  # a first use that has not written its session yet writes none
                await connection.execute("UPDATE oauth_codes SET expires_ts = expires_ts - 1 WHERE code_hash = $1", code)
        if row is None:
            raise _invalid("This code is unknown or has expired")
        if row.device_id is not None:  # used twice: one of the two is a thief
            await self._sessions.remove_devices(row.user_id, [row.device_id])
            raise _invalid("This code has been used")
        if row.expires_ts < self._now_ms():
            raise _invalid("This code is unknown or has expired")
        if row.client_id != client.client_id or row.redirect_uri != form.get("redirect_uri"):
            raise _invalid("This code was given to another application or address")
        if not secrets.compare_digest(challenge_of(form.get("code_verifier", "")), row.code_challenge):
            raise _invalid("The code verifier is not right")

        async def spend(connection: PoolConnectionProxy) -> None:
            # whoever ends the codes changes this (`_END_CODES`): before this, or after it, and then they find the session
            if not await connection.fetchval(
                "SELECT true FROM oauth_codes WHERE code_hash = $1 AND expires_ts = $2 FOR UPDATE", code, row.expires_ts
            ):
                raise _ended()

        return await self._sign_in(client, Granted(row.user_id, row.scope, row.browser, program), spend)

    async def _sign_in(self, client: Client, granted: Granted, spend: InTransaction) -> dict[str, Any]:
        """`spend`: the end of what was granted, in the transaction of the session. Raises OAuthError."""
        scope = parse_scope(granted.scope)
        user = await self._store.find_user(granted.user_id)
        if user is None or user.standing.refusal(Doing.HOLD, self._now_ms()) is not None:
            raise _invalid("This account cannot be used")

        async def beside(connection: PoolConnectionProxy) -> None:
            await connection.execute(
                "INSERT INTO oauth_sessions VALUES ($1, $2, $3, $4, $5, $6)",
                granted.user_id,
                scope.device_id,
                client.client_id,
                scope.text,
                self._now_ms(),
                granted.browser,
            )
            await spend(connection)

        try:
            origin = Origin(program=granted.program)
            tokens = await self._sessions.sign_in(
                UserId(granted.user_id), scope.device_id, client.name, True, origin, beside=beside
            )
            await self._sessions.require_not_ended_upstream(granted.user_id, tokens.device_id, granted.browser)
        except OAuthError:
            raise
        except MatrixError:
            raise _ended() from None
        return _answer(tokens, scope.text)

    # ------------------------------------------------------------------------------------------------------ refresh

    async def _by_refresh(self, client: Client, token: str) -> dict[str, Any]:
        try:
            tokens = await self._sessions.refresh(token, client.client_id)
        except MatrixError:
            raise _invalid("This refresh token is unknown or has been replaced") from None
        session = await self._session_of(hash_token(tokens.access_token))
        if session is None:
            raise _ended()
        return _answer(tokens, parse_scope(session.scope).text)

    async def _session_of(self, token_hash: bytes) -> OAuthSession | None:
        return await find(
            self._database,
            OAuthSession,
            f"""SELECT {columns(OAuthSession, "s")} FROM oauth_sessions s JOIN (
                 SELECT user_id, device_id FROM refresh_tokens WHERE token_hash = $1
                 UNION SELECT user_id, device_id FROM access_tokens WHERE token_hash = $1) t
               ON t.user_id = s.user_id AND t.device_id = s.device_id""",
            token_hash,
        )

    async def revoke(self, token: str, client_id: str | None) -> None:
        """Ends the session of an access or refresh token (RFC 7009). Tokens that mean nothing are no error."""
        session = await self._session_of(hash_token(token))
        if session is not None and client_id in (None, session.client_id):
            await self._sessions.remove_devices(session.user_id, [session.device_id])

    # --------------------------------------------------------------------------------------------- device authorisation

    async def begin_device(self, form: Mapping[str, str]) -> tuple[str, str]:
        """(device code, user code) for a device without a browser (RFC 8628)."""
        client = await self.clients.require(form.get("client_id"))
        if not client.may_use(DEVICE):
            raise OAuthError("unauthorized_client", "This application did not register for this kind of grant")
        scope = parse_scope(form.get("scope"))
        device_code = secrets.token_urlsafe(32)
        user_code = "".join(secrets.choice(_USER_CODE) for _ in range(8))
        await self._database.execute(
            "INSERT INTO device_grants (device_hash, user_code, client_id, scope, expires_ts) VALUES ($1, $2, $3, $4, $5)",
            hash_token(device_code),
            user_code,
            client.client_id,
            scope.text,
            self._now_ms() + DEVICE_CODE_MS,
        )
        return device_code, f"{user_code[:4]}-{user_code[4:]}"

    async def waiting_device(self, user_code: str) -> tuple[Client, Scope] | None:
        """What waits under a code that somebody typed."""
        row = await find(
            self._database,
            WaitingDevice,
            "SELECT client_id, scope FROM device_grants WHERE user_code = $1 AND state = 'pending' AND expires_ts > $2",
            plain_code(user_code),
            self._now_ms(),
        )
        client = await self.clients.find(row.client_id) if row is not None else None
        return None if row is None or client is None else (client, parse_scope(row.scope))

    async def decide_device(self, user_code: str, user_id: str, browser: bytes, agrees: bool) -> bool:
        result = await self._database.execute(
            """WITH browser AS (SELECT 1 FROM browser_sessions WHERE id_hash = $4 AND expires_ts > $5 FOR SHARE)
               UPDATE device_grants SET state = $2, user_id = $3, browser = $4
                WHERE user_code = $1 AND state = 'pending' AND expires_ts > $5 AND EXISTS (SELECT 1 FROM browser)""",
            plain_code(user_code),
            "granted" if agrees else "denied",
            user_id,
            browser,
            self._now_ms(),
        )
        return result.endswith(" 1")

    async def _by_device_code(self, client: Client, device_code: str, program: str | None) -> dict[str, Any]:
        now = self._now_ms()
        row = await find(
            self._database,
            DeviceGrant,
            f"""UPDATE device_grants g SET polled_ts = $2 FROM (
                    SELECT * FROM device_grants WHERE device_hash = $1 FOR UPDATE) o
                WHERE g.device_hash = o.device_hash RETURNING {columns(DeviceGrant, "o")}""",
            hash_token(device_code),
            now,
        )
        if row is None or row.client_id != client.client_id:
            raise _invalid("This device code is unknown")
        if row.expires_ts < now:
            raise OAuthError("expired_token", "This took too long: please start again")
        if row.state == "denied":
            raise OAuthError("access_denied", "This was refused")
        if row.state == "pending":
            if now - row.polled_ts < INTERVAL_S * 1000 - 500:
                raise OAuthError("slow_down", "Please ask less often")
            raise OAuthError("authorization_pending", "This has not been confirmed yet")

        async def spend(connection: PoolConnectionProxy) -> None:
            sql = "DELETE FROM device_grants WHERE device_hash = $1 AND state = 'granted' RETURNING true"
            if not await connection.fetchval(sql, hash_token(device_code)):
                raise _invalid("This device code has been used")

        assert row.user_id is not None  # who has granted it
        return await self._sign_in(client, Granted(row.user_id, row.scope, row.browser, program), spend)

    # ------------------------------------------------------------------------------------------------------ sessions

    async def end_of_browser(self, browser: bytes) -> None:
        """What was granted there and has not been exchanged yet."""
        await self._database.execute("DELETE FROM oauth_codes WHERE browser = $1 AND device_id IS NULL", browser)
        await self._database.execute(f"{_END_CODES} browser = $1", browser, self._now_ms())
        await self._database.execute("DELETE FROM device_grants WHERE browser = $1", browser)

    async def end_all(self, user_id: str) -> None:
        """What was granted and has not been exchanged yet. Sessions end with their devices."""
        await self._database.execute("DELETE FROM oauth_codes WHERE user_id = $1 AND device_id IS NULL", user_id)
        await self._database.execute(f"{_END_CODES} user_id = $1", user_id, self._now_ms())
        await self._database.execute("DELETE FROM device_grants WHERE user_id = $1", user_id)

    async def prune(self) -> None:
        # codes are kept for a while: a second use ends the session
        await self._database.execute("DELETE FROM oauth_codes WHERE expires_ts < $1", self._now_ms() - 3_600_000)
        await self._database.execute("DELETE FROM device_grants WHERE expires_ts < $1", self._now_ms() - 3_600_000)
        await self.clients.prune()


def challenge_of(verifier: str) -> str:
    """S256 (RFC 7636, 4.2). A verifier of the wrong length fits nothing."""
    if not 43 <= len(verifier) <= 128:
        return ""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def plain_code(text: str) -> str:
    return re.sub(r"[^A-Z]", "", text.upper())


def _invalid(message: str) -> OAuthError:
    return OAuthError("invalid_grant", message)


def _ended() -> OAuthError:
    return _invalid("This session has just ended")


def _answer(tokens: Tokens, scope: str) -> dict[str, Any]:
    return {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": (tokens.expires_in_ms or 0) // 1000,
        "refresh_token": tokens.refresh_token,
        "scope": scope,
    }
