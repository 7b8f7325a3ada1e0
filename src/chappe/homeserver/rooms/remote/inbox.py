"""What other servers send: written into the room at once, or kept durably until what it follows has been fetched.

A sender takes our answer for done, so nothing is answered before it is in the room or in the queue. Each room has a queue of
its own: one that waits for a dead server holds up no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from chappe.homeserver.database.leases import Leases
from chappe.homeserver.database.pool import DATABASE_LOST
from chappe.homeserver.matrix.errors import Forbidden, MatrixError
from chappe.homeserver.matrix.room_versions import RoomVersion
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import Checked, PduChecks
from chappe.homeserver.rooms.remote.gaps import Gaps
from chappe.homeserver.rooms.remote.policy_servers import PolicyServers
from chappe.homeserver.rooms.remote.receive import MissingPast, Outcome, Receiver
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.server_acl import require_allowed_by_acl

log = logging.getLogger(__name__)
AT_ONCE = 200  # queued events of a room that are looked at together
FIRST_WAIT, LONGEST_WAIT = 5.0, 600.0
WAITING_LIMIT = 2000  # per room: beyond, the sender is told to keep its events
ORPHANED_AFTER_MS, GIVEN_UP_AFTER_MS = 60_000, 86_400_000


class Inbox:
    def __init__(
        self, rooms: Rooms, receiver: Receiver, checks: PduChecks, calls: RoomCalls,
        policy_servers: PolicyServers, leases: Leases, now_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._leases = leases
        self._rooms, self._receiver, self._checks, self._calls = rooms, receiver, checks, calls
        self._policy_servers = policy_servers
        self._gaps = Gaps(rooms, receiver, checks, calls, policy_servers)
        self._database, self._now_ms = receiver.store.database, now_ms
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._hurry: dict[str, asyncio.Event] = {}
        self.ended: Callable[[str, Any, str], Awaitable[bool]] | None = None  # invitations that are taken back

    @property
    def gaps(self) -> Gaps:
        return self._gaps

    async def deliver(self, origin: str, pdus: Sequence[Any]) -> dict[str, dict[str, str]]:
        """The events of a transaction. By event id: nothing, or why it was not taken."""
        by_room: dict[str, list[Any]] = {}
        for raw in pdus:
            room_id = raw.get("room_id") if type(raw) is dict else None
            if type(room_id) is str:
                by_room.setdefault(room_id, []).append(raw)
        results: dict[str, dict[str, str]] = {}
        for part in await asyncio.gather(*(self._deliver_room(origin, r, raws) for r, raws in by_room.items())):
            results.update(part)
        return results

    async def _deliver_room(self, origin: str, room_id: str, raws: list[Any]) -> dict[str, dict[str, str]]:
        room = await self._rooms.live.find(room_id)
        if room is None or self._calls.own_domain(room) is None:
            for raw in raws:
                if self.ended is not None:
                    with contextlib.suppress(MatrixError):
                        await self.ended(room_id, raw, origin)
            return {}  # its ids cannot be told without the room's version; nobody waits for them
        results: dict[str, dict[str, str]] = {}
        refusal = None
        try:
            require_allowed_by_acl(room, origin)
        except Forbidden as error:
            refusal = error
        checked_events: list[Checked] = []
        ids: set[str] = set()
        for raw in raws:
            try:
                checked = await self._checks.check(raw, room.version)
            except MatrixError as error:
                results[_claimed_id(raw, room.version)] = {"error": error.message}
                continue
            if refusal is not None:
                results[checked.event_id] = {"error": refusal.message}
            elif checked.event_id not in ids:  # the same event may come twice
                ids.add(checked.event_id)
                checked_events.append(checked)
        checked_events = await self._policy_servers.judge(room, checked_events)
        async with self._receiver.lock(room):
            outcomes = await self._receiver.receive_many(room, checked_events)
        for checked in checked_events:
            results[checked.event_id] = await self._answer(room, checked, origin, outcomes[checked.event_id])
        return results

    async def _answer(self, room: LiveRoom, checked: Checked, origin: str, outcome: Outcome) -> dict[str, str]:
        if isinstance(outcome, MatrixError):
            return {"error": outcome.message}
        if isinstance(outcome, MissingPast):
            try:
                await self._keep(room, checked, origin)
            except MatrixError as error:
                return {"error": error.message}
        return {}

    async def _keep(self, room: LiveRoom, checked: Checked, origin: str) -> None:
        waiting = await self._database.fetchval(
            "SELECT count(*) FROM federation_inbox WHERE room_id = $1", room.room_id
        )
        if waiting >= WAITING_LIMIT:
            raise MatrixError(503, "M_LIMIT_EXCEEDED", "Too many events of this room wait for what they follow")
        await self._database.execute(
            """INSERT INTO federation_inbox (room_id, event_id, origin, pdu, received_ts) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING""",
            room.room_id, checked.event_id, origin, checked.raw, self._now_ms(),
        )  # fmt: skip
        self._work_on(room.room_id)

    # --------------------------------------------------------------------------------------------------- the queues

    async def resume(self) -> None:
        """Takes up the queues that nobody works on: after a restart, or when another process has died."""
        rows = await self._database.fetch(
            "SELECT room_id FROM federation_inbox GROUP BY room_id HAVING min(received_ts) < $1",
            self._now_ms() - ORPHANED_AFTER_MS,
        )
        for row in rows:
            self._work_on(row["room_id"])

    async def start(self) -> None:
        for row in await self._database.fetch("SELECT DISTINCT room_id FROM federation_inbox"):
            self._work_on(row["room_id"])

    async def stop(self) -> None:
        for task in self._workers.values():
            task.cancel()
        await asyncio.gather(*self._workers.values(), return_exceptions=True)

    async def settled(self) -> None:
        """Returns once no room waits for anything (tests)."""
        while self._workers:
            await asyncio.gather(*self._workers.values(), return_exceptions=True)

    def _work_on(self, room_id: str) -> None:
        if room_id not in self._workers:
            task = asyncio.create_task(self._work(room_id), name=f"inbox of {room_id}")
            self._workers[room_id] = task
            task.add_done_callback(lambda _: self._workers.pop(room_id, None))

    async def _work(self, room_id: str) -> None:
        wait, lease = FIRST_WAIT, f"inbox of {room_id}"
        while True:
            try:
                if not await self._leases.claim(lease):
                    return  # another process works on it; if that one dies, `resume` takes it up
                if not await self._empty_some(room_id):
                    await self._leases.give_back(lease)
                    return
                wait = FIRST_WAIT
                continue
            except (MatrixError, TimeoutError, *DATABASE_LOST) as error:
                log.info("a room waits for its past", extra={"fields": {"room": room_id, "why": str(error)[:200]}})
            except Exception:
                log.exception("a room's queue could not be worked on", extra={"fields": {"room": room_id}})
            hurry = self._hurry[room_id] = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hurry.wait(), wait)
            self._hurry.pop(room_id, None)
            wait = min(wait * 2, LONGEST_WAIT)

    def hurry(self, room_id: str) -> None:
        """What a room waited for may be there now."""
        if (event := self._hurry.get(room_id)) is not None:
            event.set()

    async def _empty_some(self, room_id: str) -> bool:
        """Whether there may be more."""
        rows = await self._database.fetch(
            "SELECT event_id, origin, pdu, received_ts FROM federation_inbox WHERE room_id = $1 ORDER BY seq LIMIT $2",
            room_id,
            AT_ONCE,
        )
        if not rows:
            return False
        room = await self._rooms.live.find(room_id)
        done = [row["event_id"] for row in rows]
        if room is not None and self._calls.own_domain(room) is not None:
            waiting = {
                row["event_id"]: Checked(row["event_id"], orjson.loads(row["pdu"]), row["pdu"], room.version) for row in rows
            }  # fmt: skip
            try:
                done = list(await self._gaps.receive(room, waiting, [row["origin"] for row in rows]))
            except (TimeoutError, *DATABASE_LOST):
                raise
            except Exception:  # other servers are away, or what they sent is not to be worked on: a day at most
                done = [row["event_id"] for row in rows if row["received_ts"] < self._now_ms() - GIVEN_UP_AFTER_MS]
                if not done:
                    raise
        await self._database.execute(
            "DELETE FROM federation_inbox WHERE room_id = $1 AND event_id = ANY($2::text[])", room_id, done
        )
        return True


def _claimed_id(raw: Any, version: RoomVersion) -> str:
    """For the answer about an event that could not be read."""
    value = raw.get("event_id") if type(raw) is dict else None
    return value if type(value) is str else "$unreadable"
