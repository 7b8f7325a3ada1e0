"""How accounts stand, kept in memory: asked wherever an account acts without a request of its own.

An account with an owner (a bot, a post that somebody holds) may do what its owner may. What changes an owner's standing touches
the accounts that it answers for (`AccountStates`), so that nobody goes on with what was true before.
"""

from __future__ import annotations

from collections.abc import Iterable

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.user_cache import UserCache
from chappe.matrix.account_standing import UNKNOWN, Doing, Standing
from chappe.matrix.errors import MatrixError

# As columns of a row: of `users u` and of its owner `w` together.
COLUMNS = """u.locked OR coalesce(w.locked, false) AS locked, u.suspended OR coalesce(w.suspended, false) AS suspended,
    least(u.expires_ts, w.expires_ts) AS account_expires_ts, u.deactivated OR coalesce(w.deactivated, false) AS deactivated"""
OWNER = "LEFT JOIN users w ON w.user_id = u.owner"


class StandingRow(Row):
    user_id: str
    owner: str | None
    locked: bool
    suspended: bool
    account_expires_ts: int | None
    deactivated: bool


class Standings:
    """Answers without a statement for whom it has been asked about before."""

    def __init__(self, database: Database, clock: Clock, now_ms: NowMs) -> None:
        self._database, self._now_ms = database, now_ms
        self._cache: UserCache[Standing] = UserCache(clock, ("account",), self._load)

    async def _load(self, user_ids: list[str]) -> dict[str, Standing]:
        rows = await read(
            self._database,
            StandingRow,
            f"SELECT u.user_id, u.owner, {COLUMNS} FROM users u {OWNER} WHERE u.user_id = ANY($1::text[])",
            user_ids,
        )
        found = {
            row.user_id: Standing(row.locked, row.suspended, row.account_expires_ts, row.deactivated, row.owner) for row in rows
        }
        return {user: found.get(user, UNKNOWN) for user in user_ids}

    async def of(self, user_id: str) -> Standing:
        """`ended` for an account that there is not."""
        standing = await self._cache.get(user_id)
        if standing is UNKNOWN:
            self._cache.drop(user_id)  # it may be made at any moment, of which the log does not tell
        return standing

    async def accountable(self, user_id: str) -> str:
        """Whoever answers for an account: its owner, or itself."""
        return (await self.of(user_id)).owner or user_id

    async def refusal(self, user_id: str, doing: Doing) -> MatrixError | None:
        return (await self.of(user_id)).refusal(doing, self._now_ms())

    async def require(self, user_id: str, doing: Doing) -> None:
        """Raises M_UNKNOWN_TOKEN, M_USER_LOCKED, ORG_MATRIX_EXPIRED_ACCOUNT, M_USER_SUSPENDED."""
        if (error := await self.refusal(user_id, doing)) is not None:
            raise error

    async def who_may(self, user_ids: Iterable[str], doing: Doing) -> set[str]:
        """Of some accounts, those that may."""
        now = self._now_ms()
        found = await self._cache.get_many(dict.fromkeys(user_ids))
        return {user for user, standing in found.items() if standing.refusal(doing, now) is None}
