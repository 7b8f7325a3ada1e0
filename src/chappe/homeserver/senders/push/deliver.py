"""Delivers the queue of notifications to push gateways, browsers and mailboxes.

A pusher is leased while it is served, so that no other process serves it; its notifications leave in order. A host gets at
most PER_HOST at once, so that a slow one holds up nobody else. What fails is tried again, later and later.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

import orjson

from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.parsing import read_answer
from chappe.homeserver.modules.push.store import Pusher, PusherStore, PushQueue
from chappe.homeserver.outbound.fetchers import PushFetcher
from chappe.homeserver.senders.push.notification import Digest, PushNotification, PushNotifications
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import MatrixError

log = logging.getLogger(__name__)
LOOK_EVERY, LEASE_MS = 2.0, 120_000
AT_ONCE, PER_HOST, PER_TURN, IN_A_MAIL = 400, 40, 20, 200
FIRST_WAIT_MS, LONGEST_WAIT_MS = 1_000, 3_600_000
GIVE_UP_MS, FORGET_MS = 86_400_000, 30 * 86_400_000
SECONDS = 10.0


class PushDeliverer:
    def __init__(
        self,
        database: Database,
        fetcher: PushFetcher,
        notifications: PushNotifications,
        digest: Digest,
        standings: Standings,
        now_ms: NowMs,
    ) -> None:
        self._standings = standings
        self._pushers, self._queue = PusherStore(database), PushQueue(database)
        self._fetcher, self._notifications = fetcher, notifications
        self._digest, self._now_ms = digest, now_ms
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._hosts: Counter[str] = Counter()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            while True:
                try:
                    await self._start_due()
                except (TimeoutError, *DATABASE_LOST):
                    await asyncio.sleep(1)
                except Exception:
                    log.exception("pushes could not be delivered")
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), LOOK_EVERY)
                except TimeoutError:
                    continue
        finally:
            for task in self._tasks:
                task.cancel()

    async def _start_due(self) -> None:
        room = AT_ONCE - len(self._tasks)
        if room <= 0:
            return
        busy = [host for host, count in self._hosts.items() if count >= PER_HOST]
        now = self._now_ms()
        rows = await self._pushers.claim(now, room, busy, PER_HOST, now + LEASE_MS)
        for row in rows:
            self._hosts[row.host] += 1
            task = asyncio.create_task(self._serve(row))
            self._tasks.add(task)
            task.add_done_callback(functools.partial(self._ended, row.host))

    def _ended(self, host: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("a pusher could not be served", extra={"fields": {"error": repr(task.exception())[:200]}})

    # ------------------------------------------------------------------------------------------------ one pusher

    async def _serve(self, pusher: Pusher) -> None:
        done: bool | None
        if await self._standings.refusal(pusher.user_id, Doing.READ) is not None:  # nothing goes out: it is dropped
            await self._queue.remove_all(pusher.id)
            await self._pushers.release(pusher.id)
            return
        try:
            if pusher.kind == "email":
                done = await self._to_mailbox(pusher)
            else:
                serve = self._to_gateway if pusher.kind == "http" else self._to_browser
                done = await self._in_order(pusher, serve)
        except MatrixError:
            done = False
        if done is None:  # the pusher is gone
            return
        if done:
            due = self._digest.next_look(self._now_ms()) if pusher.kind == "email" else 0
            await self._pushers.note_success(pusher.id, due)
        else:
            await self._failed(pusher)

    async def _failed(self, pusher: Pusher) -> None:
        now = self._now_ms()
        if pusher.failing_since is not None and now - pusher.failing_since > FORGET_MS:
            await self._pushers.remove([pusher.id])
            return
        wait = min(FIRST_WAIT_MS << min(pusher.attempts, 20), LONGEST_WAIT_MS)
        await self._pushers.note_failure(pusher.id, now + wait, now)
        await self._queue.remove_all(pusher.id, before=now - GIVE_UP_MS)

    async def _in_order(
        self, pusher: Pusher, send: Callable[[Pusher, PushNotification], Awaitable[bool | None]]
    ) -> bool | None:
        """Sends what is queued. True: all of a turn; False: something failed; None: the pusher was refused for good."""
        for row in await self._queue.of(pusher.id, PER_TURN):
            try:
                notification = await self._notifications.make(pusher, row)
                done = await send(pusher, notification) if notification is not None else True
            except (MatrixError, TimeoutError, *DATABASE_LOST):
                raise
            except Exception:  # this one cannot be made, and will not be: those behind it are
                log.exception("a notification was given up", extra={"fields": {"pusher": pusher.id}})
                await self._queue.remove([row.id])
                continue
            if notification is not None:
                if done is None:
                    await self._pushers.remove([pusher.id])
                if not done:
                    return done
                await self._pushers.put_off(pusher.id, self._now_ms() + LEASE_MS, notification.unread)
            await self._queue.remove([row.id])
        return True

    async def _to_gateway(self, pusher: Pusher, notification: PushNotification) -> bool | None:
        url = orjson.loads(pusher.data)["url"]
        body = orjson.dumps({"notification": notification.for_gateway(pusher)})
        status, raw = await self._fetcher.post(url, body, {"Content-Type": "application/json"}, SECONDS)
        if status != 200:
            return False
        try:
            rejected = (await read_answer(raw)).get("rejected", [])
        except (ValueError, AttributeError):
            return False
        return None if type(rejected) is list and pusher.pushkey in rejected else True

    async def _to_browser(self, pusher: Pusher, notification: PushNotification) -> bool | None:
        data = orjson.loads(pusher.data)
        body, headers = self._notifications.for_browser(pusher, data, notification)
        status, _ = await self._fetcher.post(data["url"], body, headers, SECONDS)
        if status in (404, 410):
            return None
        return status < 300 or status == 413

    async def _to_mailbox(self, pusher: Pusher) -> bool:
        await self._digest.write(pusher, await self._queue.of(pusher.id, IN_A_MAIL))
        return True
