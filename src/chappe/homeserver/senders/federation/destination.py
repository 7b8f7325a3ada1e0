"""One other server: what waits for it, sent in order, one transaction at a time, repeated until it has been taken.

A server that does not answer is left alone for longer and longer (`destinations`), across restarts. What waits for one that
has been away for long is cut down to the latest event of each room: it asks for the rest (server-server API, "Backfilling").
A transaction that a server refuses is sent again in halves, until what it refuses stands alone: that is dropped, logged and
counted, and what is behind it arrives.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any
from urllib.parse import quote

import orjson

from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient, PeerRefused
from chappe.homeserver.outbound.federation.destinations import failing, note_failure, note_success, wait_after
from chappe.homeserver.outbound.federation.outbox import remove_edus, waiting_edus
from chappe.homeserver.senders.federation.store import FederationQueue
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import domain_of

log = logging.getLogger(__name__)
MOST_PDUS, MOST_EDUS = 50, 100
COLLAPSE_AFTER_MS, COLLAPSE_ABOVE = 3_600_000, 500
SECONDS = 60.0
REFUSES_CONTENT = frozenset((400, 413, 422))  # what says that the content is not taken, not the sender, nor for now
FAILS_OVER_CONTENT = 500  # may be a fault over one event, or of the whole server: halved, and never dropped


class Destination:
    """What one server is sent. Call `run` when something waits for it."""

    def __init__(
        self, name: str, database: Database, client: FederationClient, domains: Domains, boundaries: Boundaries, now_ms: NowMs
    ) -> None:
        self.name, self._database, self._client = name, database, client
        self._queue = FederationQueue(database)
        self._domains, self._boundaries, self._now_ms = domains, boundaries, now_ms
        self.news = asyncio.Event()
        self.refused = 0  # how much was dropped since the start, because it was refused alone
        self._sent: tuple[list[int], list[int], int] = ([], [], 0)  # positions, EDUs, how many fleeting ones
        self._most_pdus, self._most_edus = MOST_PDUS, MOST_EDUS  # in one transaction: fewer after a refusal
        self.fleeting: dict[str, dict[str, Any]] = {}  # typing, presence: lost where the process dies; by what they replace

    def add_fleeting(self, key: str, edu: dict[str, Any]) -> None:
        if len(self.fleeting) < 1000:
            self.fleeting[key] = edu

    async def run(self) -> float | None:
        """Sends all that waits. Returns the seconds until the next try; None where nothing is left."""
        state = await failing(self._database, self.name)
        if state is not None and state.retry_ts > self._now_ms():
            self.fleeting.clear()
            return float(state.retry_ts - self._now_ms()) / 1000
        if state is not None and state.failing_since is not None:
            await self._collapse(state.failing_since)
        while True:
            try:
                if not await self._send_some():
                    return None
            except PeerRefused as error:
                if not await self._narrowed(error):
                    return await self._failed(error)
            except MatrixError as error:
                return await self._failed(error)
            except (TimeoutError, *DATABASE_LOST):
                return 1.0

    async def _send_some(self) -> bool:
        rows = await self._queue.waiting(self.name, self._most_pdus)
        most_edus = self._most_edus if rows else max(1, self._most_edus)
        edus = await waiting_edus(self._database, self.name, most_edus)
        fleeting = dict(list(self.fleeting.items())[: most_edus - len(edus)])
        if not rows and not edus and not fleeting:
            return False
        origin = self._speaker(rows[0].sender) if rows else self._boundaries.speaker(self._domains.names(), self.name)
        rows = [row for row in rows if self._speaker(row.sender) == origin]  # each domain speaks for itself
        content = {
            "origin": origin,
            "origin_server_ts": self._now_ms(),
            "pdus": [orjson.Fragment(row.json) for row in rows],
            "edus": [*(orjson.Fragment(edu.edu) for edu in edus), *fleeting.values()],
        }
        body = orjson.loads(orjson.dumps(content))
        for key in fleeting:
            self.fleeting.pop(key, None)
        self._sent = [row.position for row in rows], [edu.seq for edu in edus], len(fleeting)
        txn = f"{self._now_ms():x}{secrets.token_hex(4)}"
        await self._client.request(
            origin, self.name, "PUT", f"/_matrix/federation/v1/send/{quote(txn)}", content=body, seconds=SECONDS, insists=True
        )
        await self._taken([row.position for row in rows], [edu.seq for edu in edus])
        self._most_pdus = min(MOST_PDUS, max(1, self._most_pdus * 2))
        self._most_edus = min(MOST_EDUS, max(1, self._most_edus * 2))
        return True

    async def _narrowed(self, error: PeerRefused) -> bool:
        """Makes the next transaction smaller, or drops what was refused alone. Returns whether to go on at once.

        Events and ephemeral messages are told apart by sending the first without the second. An answer without a Matrix
        error may be a proxy's, which refuses everything: nothing is dropped for it.
        """
        status = error.peer_status
        if status not in REFUSES_CONTENT and status != FAILS_OVER_CONTENT:
            return False
        positions, edus, fleeting = self._sent
        if len(positions) + len(edus) + fleeting > 1:
            if positions and (edus or fleeting):
                self._most_edus = 0
            elif positions:
                self._most_pdus = max(1, len(positions) // 2)
            else:
                self._most_edus = max(1, (len(edus) + fleeting) // 2)
            return True
        if status not in REFUSES_CONTENT or not error.is_matrix:
            return False
        self.refused += 1
        log.warning(
            "a server refuses one event or message for good: it is dropped",
            extra={"fields": {"to": self.name, "positions": positions, "status": status, "why": error.message[:200]}},
        )
        await self._remove(positions, edus)
        return True

    def _speaker(self, sender: str) -> str:
        """In whose name an event is sent: its own domain's, or, for what is passed on for others, a domain's that may talk to them."""
        domain = domain_of(sender)
        if self._domains.is_hosted(domain):
            return domain
        return self._boundaries.speaker(self._domains.names(), self.name)

    async def _taken(self, positions: list[int], edus: list[int]) -> None:
        await self._remove(positions, edus)
        await note_success(self._database, self.name, self._now_ms())

    async def _remove(self, positions: list[int], edus: list[int]) -> None:
        if positions:
            await self._queue.remove(self.name, positions)
        if edus:
            await remove_edus(self._database, edus)

    async def _failed(self, error: MatrixError) -> float:
        now = self._now_ms()
        state = await failing(self._database, self.name)
        wait = wait_after((state.failures if state is not None else 0) + 1)
        wait += secrets.randbelow(wait // 4 + 1)  # many servers must not come back to a peer at once
        await note_failure(self._database, self.name, now, now + wait, error.message[:500])
        return wait / 1000

    async def _collapse(self, failing_since: int) -> None:
        """Where the server was away for long, or much waits: leaves the latest event of each room in the queue. The server asks for
        what it lacks before that event."""
        if self._now_ms() - failing_since < COLLAPSE_AFTER_MS:
            if await self._queue.count(self.name) <= COLLAPSE_ABOVE:
                return
        await self._queue.keep_latest_of_rooms(self.name)
