"""What happens to an account happens to everything by which it acts: the one walk over `ways_to_act.WAYS`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from chappe.homeserver.accounts.ways_to_act import WAYS, AccountState, Effect
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.progress import advance_progress, progress
from chappe.homeserver.database.rows import values
from chappe.homeserver.database.server_time import NowMs

log = logging.getLogger(__name__)
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class AccountStateEntry:
    """Who enters which state; of what ends, the session (`but_device`) or the browser (`but_browser`) that goes on.

    `cause`: what happened before, of which this state comes: whoever is signed out is told that.
    """

    user_id: str
    state: AccountState
    but_device: str | None = None
    but_browser: bytes | None = None
    cause: AccountState | None = None


End = Callable[[AccountStateEntry], Awaitable[None]]


def of_user(end: Callable[[str], Awaitable[object]]) -> End:
    """An end that asks only whose."""

    async def run(entry: AccountStateEntry) -> None:
        await end(entry.user_id)

    return run


class AccountStates:
    """`ends`: for each way, by its name, what ends it for an account. Filled by the wiring; doing it twice must do no harm."""

    def __init__(self, database: Database, now_ms: NowMs) -> None:
        self._database, self._now_ms = database, now_ms
        self.ends: dict[str, End] = {}

    def add(self, ends: Mapping[str, End]) -> None:
        """Raises ValueError for a way that is not in the list, or has its end already."""
        known = {way.name for way in WAYS}
        for name, end in ends.items():
            if name not in known or name in self.ends:
                raise ValueError(f"{name!r} is no way to act, or is ended already")
            self.ends[name] = end

    def require_whole(self, with_layer: bool) -> None:
        """Raises ValueError where a way ends in some state and nothing ends it."""
        missing = [
            way.name
            for way in WAYS
            if Effect.ENDS in way.on.values()
            and not way.ends_with
            and way.name not in self.ends
            and (with_layer or not way.is_of_layer)
        ]
        if missing:
            raise ValueError(f"nothing ends {', '.join(missing)}")

    async def enter(
        self,
        user_id: str,
        state: AccountState,
        *,
        but_device: str | None = None,
        but_browser: bytes | None = None,
        cause: AccountState | None = None,
    ) -> None:
        """After the state itself is written. One end that fails does not spare the account the others; then it raises.

        What ends with one device (DEVICE_SIGNED_OUT) ends in the commit that takes the device away: see `devices_removed`.
        """
        entry, failed = AccountStateEntry(user_id, state, but_device, but_browser, cause), None
        for way in WAYS:
            if way.on[state] is not Effect.ENDS or (end := self.ends.get(way.name)) is None:
                continue
            try:
                await end(entry)
            except Exception as error:
                log.exception("a way to act could not be ended", extra={"fields": {"way": way.name, "user": user_id}})
                failed = failed or error
        if failed is not None:
            raise failed

    async def owned(self, user_id: str) -> list[str]:
        """The accounts that somebody answers for: bots, and the posts that they hold. They stand as their owner stands."""
        return await values(self._database, str, "SELECT user_id FROM users WHERE owner = $1 AND NOT deactivated", user_id)

    async def enter_expired(self) -> None:
        """Now and then: accounts that have expired since the last time. Others' ends are entered when they are set."""
        now = self._now_ms()
        last = await progress(self._database, "expired accounts")
        user = ""
        while found := await values(
            self._database,
            str,
            """SELECT user_id FROM users WHERE expires_ts > $1 AND expires_ts <= $2 AND NOT deactivated AND user_id > $3
                ORDER BY user_id LIMIT $4""",
            last,
            now,
            user,
            AT_ONCE,
        ):
            for user in found:
                await self.enter(user, AccountState.EXPIRED)
        await advance_progress(self._database, "expired accounts", now)
