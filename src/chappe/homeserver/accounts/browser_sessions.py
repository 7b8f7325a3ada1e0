"""Sessions of a browser with the sign-in pages: a cookie, unlike an access token useless to the Matrix API."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from chappe.homeserver.accounts.single_sign_on.providers import ProvenIdentity
from chappe.homeserver.accounts.store import AccountStore, User
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import Forbidden

LIFETIME_MS = 12 * 3_600_000
KNOWN_FOR_MS = 365 * 86_400_000  # after its last sign-in
GRANTED_FOR_MS = 3_600_000  # after its end: what it granted has become a session by then, or nothing
FRESH_MS = 10 * 60_000  # how long a sign-in allows what is irreversible


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """`second_factor_ts`: when a second factor was shown. `is_local`: the account proved itself here, not elsewhere."""

    id_hash: bytes
    user: User
    method: str
    authenticated_ts: int
    second_factor_ts: int | None
    provider: str | None

    @property
    def user_id(self) -> str:
        return self.user.user_id


class EndedSession(Row):
    user_id: str
    id_hash: bytes


class BrowserSessionRow(Row):
    id_hash: bytes
    user_id: str
    method: str
    created_ts: int
    authenticated_ts: int
    second_factor_ts: int | None
    expires_ts: int
    user_agent: str | None
    address: str | None
    provider: str | None
    subject: str | None
    upstream_session: str | None


class BrowserSessions:
    """A session that has ended is no session any more, but where a provider vouched for it, its row says from which sign-in there
    applications have their sessions, for as long as one of them lives: the provider may end those."""

    def __init__(self, database: Database, store: AccountStore, now_ms: NowMs, secret: bytes) -> None:
        self._database, self._store, self._now_ms, self._secret = database, store, now_ms, secret

    def form_token(self, browser: str, session: str) -> str:
        """What a form must send back: bound to the browser and to its session, so that no other site can know it."""
        return hmac.new(self._secret, f"form\0{browser}\0{session}".encode(), hashlib.sha256).hexdigest()

    async def begin(
        self,
        user_id: str,
        method: str,
        address: str,
        user_agent: str | None,
        proven: ProvenIdentity | None = None,
        password_hash: str | None = None,
    ) -> str:
        """A session that is always new (nobody can have planted its id). Returns the cookie's value.

        `proven`: by a provider, at the time that it says; where it says none, the session is never fresh. `password_hash`: as it
        was when the password was found right. Raises M_FORBIDDEN where it has changed since, or the account has ended; whoever
        changes it or ends the account at this moment waits, and finds the session.
        """
        value, now = secrets.token_urlsafe(32), self._now_ms()
        made = await self._database.execute(
            """WITH account AS (SELECT 1 FROM users WHERE user_id = $2 AND NOT deactivated
                                   AND ($12::text IS NULL OR password_hash = $12) FOR SHARE)
               INSERT INTO browser_sessions (id_hash, user_id, method, created_ts, authenticated_ts, expires_ts, user_agent,
                                             address, provider, subject, upstream_session)
               SELECT $1, $2, $3, $4, $11, $5, $6, $7, $8, $9, $10 FROM account""",
            hash_cookie(value),
            user_id,
            method,
            now,
            now + LIFETIME_MS,
            (user_agent or "")[:300],
            address,
            proven and proven.provider,
            proven and proven.subject,
            proven and proven.session,
            now if proven is None else proven.seen_ts or 0,
            password_hash,
        )
        if not made.endswith(" 1"):
            raise Forbidden("The password has changed meanwhile")
        return value

    async def find(self, cookie: str) -> BrowserSession | None:
        row = await find(
            self._database,
            BrowserSessionRow,
            f"SELECT {columns(BrowserSessionRow)} FROM browser_sessions WHERE id_hash = $1 AND expires_ts > $2",
            hash_cookie(cookie),
            self._now_ms(),
        )
        if row is None:
            return None
        user = await self._store.find_user(row.user_id)
        if user is None or user.standing.refusal(Doing.HOLD, self._now_ms()) is not None:
            return None
        return BrowserSession(row.id_hash, user, row.method, row.authenticated_ts, row.second_factor_ts, row.provider)

    async def remember(self, user_id: str, browser: bytes) -> None:
        """The account has signed in, completely, from a browser. `browser`: a hash of the name that the browser keeps."""
        await self._database.execute(
            """INSERT INTO known_browsers VALUES ($1, $2, $3)
               ON CONFLICT (user_id, browser_hash) DO UPDATE SET last_ts = excluded.last_ts""",
            user_id,
            browser,
            self._now_ms(),
        )

    async def knows(self, user_id: str, browser: bytes) -> bool:
        return bool(
            await self._database.fetchval(
                "SELECT EXISTS (SELECT 1 FROM known_browsers WHERE user_id = $1 AND browser_hash = $2)", user_id, browser
            )
        )

    async def forget_browsers(self, user_id: str) -> None:
        """Somebody else may have been at one of them: from now on they are as any other, until the account signs in there."""
        await self._database.execute("DELETE FROM known_browsers WHERE user_id = $1", user_id)

    def is_fresh(self, session: BrowserSession) -> bool:
        return self._now_ms() - max(session.authenticated_ts, session.second_factor_ts or 0) < FRESH_MS

    async def passed_second_factor(self, session: BrowserSession) -> None:
        await self._database.execute(
            "UPDATE browser_sessions SET second_factor_ts = $2 WHERE id_hash = $1", session.id_hash, self._now_ms()
        )

    async def of(self, user_id: str) -> list[BrowserSessionRow]:
        return await read(
            self._database,
            BrowserSessionRow,
            f"SELECT {columns(BrowserSessionRow)} FROM browser_sessions WHERE user_id = $1 AND expires_ts > $2 ORDER BY created_ts",
            user_id,
            self._now_ms(),
        )

    async def end(self, id_hash: bytes) -> None:
        await self._end("id_hash = $2", id_hash)

    async def end_all(self, user_id: str, but: bytes | None = None) -> None:
        await self._end("user_id = $2 AND ($3::bytea IS NULL OR id_hash <> $3)", user_id, but)

    async def _end(self, which: str, *arguments: object) -> None:
        """`which`: a condition on `arguments`, from $2 on. What is not needed to find what the session granted is forgotten."""
        await self._database.execute(
            f"""WITH kept AS (UPDATE browser_sessions SET expires_ts = least(expires_ts, $1), user_agent = NULL, address = NULL
                               WHERE provider IS NOT NULL AND {which} RETURNING 1)
                DELETE FROM browser_sessions WHERE provider IS NULL AND {which}""",
            self._now_ms(),
            *arguments,
        )

    async def end_upstream(self, provider: str, subject: str | None, upstream_session: str | None) -> list[EndedSession]:
        """A provider says that somebody signed out: ends what came from there. Returns (user_id, id_hash) of each sign-in.

        Of sign-ins that have ended here as well: the applications that they let in go on until then. The rows stay, until nothing
        comes of them, so that an end that is cut short can be asked for again. Their `expires_ts` is below 0, less the time of the
        end: what is being granted at this moment learns by it that the provider says no (`Sessions.require_not_ended_upstream`).
        """
        return list(
            await read(
                self._database,
                EndedSession,
                """UPDATE browser_sessions SET expires_ts = -$4::bigint, user_agent = NULL, address = NULL
                WHERE provider = $1 AND ($2::text IS NULL OR subject = $2)
                  AND ($3::text IS NULL OR upstream_session = $3) RETURNING user_id, id_hash""",
                provider,
                subject,
                upstream_session,
                self._now_ms(),
            )
        )

    async def prune(self) -> None:
        await self._database.execute(
            """DELETE FROM browser_sessions b WHERE expires_ts < $1 AND (provider IS NULL OR abs(expires_ts) < $2
                  AND NOT EXISTS (SELECT 1 FROM devices d WHERE d.browser = b.id_hash)
                  AND NOT EXISTS (SELECT 1 FROM oauth_sessions s WHERE s.browser = b.id_hash))""",
            self._now_ms(),
            self._now_ms() - GRANTED_FOR_MS,
        )
        await self._database.execute(
            "UPDATE browser_sessions SET user_agent = NULL, address = NULL WHERE expires_ts < $1 AND address IS NOT NULL",
            self._now_ms(),
        )
        await self._database.execute("DELETE FROM known_browsers WHERE last_ts < $1", self._now_ms() - KNOWN_FOR_MS)


def hash_cookie(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
