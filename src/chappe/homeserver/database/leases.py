"""Leases: what one process of a cluster does at a time. They end by the database's clock, whatever the processes' clocks say."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator

from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.load.tasks import in_background

log = logging.getLogger(__name__)
LEASE_SECONDS = 60.0


class Leases:
    """The leases of one process. A process that dies loses them after `LEASE_SECONDS`; one that stops gives them back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.holder = secrets.token_hex(8)

    async def claim(self, name: str, not_done_for: float = 0) -> bool:
        """Takes or renews a lease. False where another process holds it.

        `not_done_for`: seconds that must have passed since somebody last finished what the lease is for (`done`).
        """
        taken = await self._database.fetchval(
            """INSERT INTO leases AS l (name, holder, held_until) VALUES ($1, $2, now() + $3 * interval '1 second')
               ON CONFLICT (name) DO UPDATE SET holder = $2, held_until = now() + $3 * interval '1 second'
                WHERE (l.holder = $2 OR l.held_until < now())
                  AND (l.done IS NULL OR l.done <= now() - $4 * interval '1 second')
               RETURNING true""",
            name,
            self.holder,
            LEASE_SECONDS,
            float(not_done_for),
        )
        return taken is True

    @contextlib.asynccontextmanager
    async def kept(self, name: str) -> AsyncIterator[None]:
        """Renews a claimed lease for as long as the work takes."""
        task = in_background(self._renew(name), name=f"lease of {name}")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _renew(self, name: str) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            try:
                await self.claim(name)
            except (TimeoutError, *DATABASE_LOST):
                log.warning("a lease could not be renewed", extra={"fields": {"lease": name}})

    async def is_held(self, name: str) -> bool:
        """Whether some process has it now."""
        sql = "SELECT EXISTS (SELECT FROM leases WHERE name = $1 AND held_until > now())"
        return bool(await self._database.fetchval(sql, name))

    async def done(self, name: str) -> None:
        """The work has been finished; the lease stays with this process until it ends."""
        await self._database.execute("UPDATE leases SET done = now() WHERE name = $1 AND holder = $2", name, self.holder)

    async def give_back(self, name: str) -> None:
        """There is nothing left to do: the lease is nobody's."""
        await self._database.execute("DELETE FROM leases WHERE name = $1 AND holder = $2", name, self.holder)

    async def release(self) -> None:
        """At shutdown: other processes need not wait for the leases to end."""
        await self._database.execute("UPDATE leases SET held_until = now() WHERE holder = $1", self.holder)
