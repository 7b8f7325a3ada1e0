"""Outgoing webhooks: a room's messages to an address, signed, again and again until they are taken."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import logging

import orjson

from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.journal import commits_between
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.progress import advance_progress, progress, set_progress
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.bots.store import DueDelivery, OutgoingWebhook, WebhookQueue, WebhookStore
from chappe.homeserver.modules.bots.webhooks import may_be_there
from chappe.homeserver.outbound.fetchers import PushFetcher
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.narrow import narrowed
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import MatrixError

log = logging.getLogger(__name__)
LOCK, COMMITS_AT_ONCE, AT_ONCE = 5, 100, 50
FIRST_WAIT_MS, LONGEST_WAIT_MS, ATTEMPTS = 2_000, 3_600_000, 15
LOOK_EVERY, PAUSE = 2.0, 0.2  # seconds


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The `X-Chappe-Signature` header: a time and an HMAC-SHA256 of `time.body`, which receivers compare."""
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


class WebhookSender:
    def __init__(
        self, database: Database, clock: Clock, rooms: Rooms, fetcher: PushFetcher, standings: Standings, now_ms: NowMs
    ) -> None:
        self._database, self._clock, self._rooms, self._standings = database, clock, rooms, standings
        self._hooks, self._queue = WebhookStore(database), WebhookQueue(database)
        self._fetcher, self._now_ms = fetcher, now_ms
        self._news = asyncio.Event()
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        if commit.rooms:
            self._news.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                while await self._gather():
                    pass
                await self._deliver()
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(1)
            except Exception:
                log.exception("webhooks could not be served")
                await asyncio.sleep(5)
            await asyncio.sleep(PAUSE)
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), LOOK_EVERY)
            except TimeoutError:
                continue

    async def _gather(self) -> bool:
        """Queues what the next commits have for webhooks, and commits that with the place that it has reached."""
        goal = self._clock.watermark
        async with self._database.transaction(reads_beside=True) as connection:
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                return False
            hooks, queue = WebhookStore(connection), WebhookQueue(connection)
            if not await hooks.has_outgoing():
                await advance_progress(connection, "webhooks", goal)
                return False
            at = await progress(connection, "webhooks")
            commits = await commits_between(connection, at, goal, COMMITS_AT_ONCE)
            if not commits:
                return False
            numbers = {number for commit in commits for number in commit.rooms}
            told = await hooks.outgoing(numbers, self._now_ms())
            acting = await self._standings.who_may((hook.owner for hook in told), Doing.ACT)
            for hook in told:
                if hook.owner not in acting or not await may_be_there(self._rooms, hook.owner, hook.room_id):
                    continue
                bodies = await narrowed(
                    "webhooks", hook.room_id, commits[0].since, commits[-1].upto, functools.partial(self._bodies, hook)
                )
                for event_id, body in bodies:
                    await queue.add(hook.id, event_id, body, self._now_ms())
            await set_progress(connection, "webhooks", commits[-1].upto)
        return len(commits) == COMMITS_AT_ONCE

    async def _bodies(self, hook: OutgoingWebhook, since: int, upto: int) -> list[tuple[str, bytes]]:
        room = await self._rooms.live.by_nid(hook.room_nid)
        types = hook.types or ["m.room.message"]
        found = []
        for event in await self._rooms.timeline.events_between(room, since, upto, 1000, backwards=False):
            if event.type in types:
                fields = {"webhook": hook.id, "room_id": room.room_id, "event": orjson.Fragment(event.for_joined())}
                found.append((event.event_id, orjson.dumps(fields)))
        return found

    async def _deliver(self) -> None:
        now = self._now_ms()
        rows = await self._queue.claim(now, now + 60_000, AT_ONCE)
        await asyncio.gather(*(self._send(row) for row in rows))

    async def _send(self, row: DueDelivery) -> None:
        may = row.enabled and await may_be_there(self._rooms, row.owner, row.room_id)
        if not may or await self._standings.refusal(row.owner, Doing.ACT) is not None:
            await self._queue.remove(row.id)
            return
        seconds = self._now_ms() // 1000
        headers = {
            "Content-Type": "application/json",
            "X-Chappe-Delivery": str(row.id),
            "X-Chappe-Signature": signature(row.secret, seconds, row.body),
        }
        try:
            status, _ = await self._fetcher.post(row.url, row.body, headers, 10)
            error = None if 200 <= status < 300 else f"answered {status}"
        except MatrixError as refusal:
            error = refusal.message
        except Exception as fault:  # whatever it is, it is this one's: others go on, and this one is given up in the end
            log.exception("a webhook could not be sent", extra={"fields": {"webhook": row.webhook}})
            error = type(fault).__name__
        await self._hooks.note_sent(row.webhook, error, self._now_ms())
        if error is None or row.attempts >= ATTEMPTS:
            await self._queue.remove(row.id)
            return
        wait = min(FIRST_WAIT_MS << row.attempts, LONGEST_WAIT_MS)
        await self._queue.put_off(row.id, self._now_ms() + wait)
