"""Sending to other servers: the log is followed into a queue per destination, each emptied by a task of its own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Iterable
from typing import Any

from chappe.homeserver.database.clock import ANYTHING, Clock, Commit
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import in_background
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient
from chappe.homeserver.outbound.federation.destinations import left_alone, try_now
from chappe.homeserver.outbound.federation.outbox import Outbox
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.onward import Onward
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.federation.destination import Destination
from chappe.homeserver.senders.federation.fan_out import FanOut
from chappe.homeserver.senders.federation.store import FederationQueue
from chappe.matrix.identifiers import domain_of
from chappe.net.breaker import Breaker

log = logging.getLogger(__name__)
LOOK_EVERY = 3.0
TOLD_WITHIN, TOLD_EVERY = 5.0, 0.05  # seconds


class FederationSender(Onward):
    def __init__(
        self,
        database: Database,
        clock: Clock,
        rooms: Rooms,
        domains: Domains,
        client: FederationClient,
        boundaries: Boundaries,
        breaker: Breaker,
        outbox: Outbox,
        now_ms: NowMs,
    ) -> None:
        self._database, self._client, self._domains = database, client, domains
        self._boundaries, self._breaker, self._now_ms, self._rooms = boundaries, breaker, now_ms, rooms
        self._queue = FederationQueue(database)
        self._revivals: set[asyncio.Task[None]] = set()
        self.fan_out = FanOut(database, clock, rooms, boundaries, now_ms)
        self._news = asyncio.Event()
        self._destinations: dict[str, Destination] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_ours = False
        self._looked = 0.0
        clock.listen(self._heard)
        outbox.listen(self.wake)
        breaker.listen(self.revive)

    def _heard(self, commit: Commit) -> None:
        if commit.rooms or any("device_list" in kinds or kinds is ANYTHING for kinds in commit.users.values()):
            self._news.set()

    async def run(self) -> None:
        """Until cancelled. Rests where no other server is talked to: it costs a message nothing then."""
        if self._boundaries.is_alone:
            return
        try:
            await self.fan_out.start()
            while True:
                try:
                    await self._follow()
                except (TimeoutError, *DATABASE_LOST):
                    await asyncio.sleep(1)
                except Exception:
                    log.exception("events for other servers could not be queued")
                    await asyncio.sleep(5)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), LOOK_EVERY)
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def _follow(self) -> None:
        was_ours, self._is_ours = self._is_ours, await self.fan_out.is_ours()
        if not self._is_ours:
            self._news.clear()
            return
        while True:
            self._news.clear()
            for_whom = await self.fan_out.step()
            if for_whom is None:
                break
            self.wake(for_whom)
        if not was_ours or time.monotonic() > self._looked + LOOK_EVERY:
            self._looked = time.monotonic()
            await self._resume()

    async def _resume(self) -> None:
        """Starts the queues that earlier processes left behind."""
        self.wake(await self._queue.destinations())

    def wake(self, names: Iterable[str]) -> None:
        """Starts sending what waits for these servers, if this is the process that follows the log; else that one finds it."""
        for name in names if self._is_ours else ():
            destination = self._destinations.get(name)
            if destination is None:
                destination = self._destinations[name] = Destination(
                    name, self._database, self._client, self._domains, self._boundaries, self._now_ms
                )
            destination.news.set()
            if name not in self._tasks:
                task = self._tasks[name] = in_background(self._serve(destination), name=f"to {name}")
                task.add_done_callback(functools.partial(self._ended, name))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is not task:
            return  # `retry` has put another in its place, which is to be ended with the rest
        del self._tasks[name]
        destination = self._destinations.get(name)
        if destination is not None and destination.news.is_set():
            self.wake([name])

    async def _serve(self, destination: Destination) -> None:
        while True:
            destination.news.clear()
            try:
                pause = await destination.run()
            except Exception:
                log.exception("a server could not be sent to", extra={"fields": {"to": destination.name}})
                pause = 60.0
            if pause is None:
                if not destination.news.is_set():
                    return
                continue
            await asyncio.sleep(min(pause, LOOK_EVERY))  # an operator may have said that it is worth a try

    async def retry(self, name: str) -> None:
        """Forgets that a server did not answer, and tries again now."""
        await try_now(self._database, name)
        self._start_over(name)

    def _start_over(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
        self.wake([name])

    async def look_at_failures(self) -> None:
        """Tells the breaker which servers the queues leave alone, so that nothing else asks them either."""
        self._breaker.persisted = await left_alone(self._database, self._now_ms())

    def revive(self, name: str) -> None:
        """A server that was given up has asked us something: what waits for it is sent now."""
        task = in_background(self.retry(name), name=f"again to {name}")
        self._revivals.add(task)
        task.add_done_callback(self._revivals.discard)

    async def forward(self, room: LiveRoom, event_id: str, origin: str) -> None:
        servers = [s for s in self.fan_out.servers(room) if s != origin]
        if servers:
            await self._queue.add_event(event_id, servers)
            self.wake(servers)

    async def await_delivery(self, name: str, room_id: str) -> None:
        """As `Onward`: after some seconds it is not waited for. One that was given up is tried again."""
        room = await self._rooms.live.find(room_id)
        if room is None or not await self._has_untold(name, room):
            return
        if await try_now(self._database, name, self._now_ms()):
            self._start_over(name)
        deadline = time.monotonic() + TOLD_WITHIN
        while time.monotonic() < deadline and await self._has_untold(name, room):
            await asyncio.sleep(TOLD_EVERY)

    async def _has_untold(self, name: str, room: LiveRoom) -> bool:
        return await self._queue.has_untold(name, room.nid, room.last_position)

    async def release(self) -> None:
        """At shutdown: another process may go on at once."""
        tasks = [*self._tasks.values(), *self._revivals]
        self._is_ours = False
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.fan_out.release()

    def allowed(self, servers: Iterable[str], user_id: str) -> list[str]:
        """Those that may hear of a user."""
        own = domain_of(user_id)
        return [server for server in servers if self._boundaries.allows(server, own)]

    def add_fleeting(self, server: str, key: str, edu: dict[str, Any]) -> None:
        """What is worth nothing later. Only where this process is the one that sends."""
        self.wake([server])
        destination = self._destinations.get(server)
        if destination is not None:
            destination.add_fleeting(key, edu)
