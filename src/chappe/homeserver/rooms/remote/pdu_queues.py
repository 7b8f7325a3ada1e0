"""What other servers send: written into the room at once, or kept durably until what it follows has been fetched and the room's
policy server has been asked about it.

A sender takes our answer for done, so nothing is answered before it is in the room or in the queue. What each server sent of
each room is a queue of its own, and each event of it waits for itself: neither a room that waits for a dead server holds up
another, nor a server that sends followers of a past that nobody has.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from chappe.homeserver.database.leases import Leases
from chappe.homeserver.database.pool import BAD_DATA, DATABASE_LOST
from chappe.homeserver.database.rows import Row, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import in_background
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu, best_copies, kept
from chappe.homeserver.rooms.remote.completing import Completing
from chappe.homeserver.rooms.remote.gaps import Fate, Gaps
from chappe.homeserver.rooms.remote.membership import RemoteMembership
from chappe.homeserver.rooms.remote.outcomes import MissingPast, Outcome
from chappe.homeserver.rooms.remote.policy_servers import PolicyServers
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.server_acl import require_allowed_by_acl
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import domain_of, host_of
from chappe.matrix.room_versions import RoomVersion

log = logging.getLogger(__name__)
AT_ONCE = 200  # events of a queue that are looked at together
FIRST_WAIT, LONGEST_WAIT = 5.0, 1800.0  # seconds until an event is looked at again
PATIENCE = 2.0  # so long a queue waits for what another of its room may fetch for it
# Events that wait: of a server in a room; of a server; in a room, but for some of each server. Servers of one host, on whatever
# port, are one server here. Where a room has as many as it may of a server, a new one takes the place of the oldest.
QUEUE_LIMIT, ORIGIN_LIMIT, ROOM_LIMIT, ALWAYS_TAKEN = 500, 20_000, 2000, 50
ORPHANED_AFTER_MS, GIVEN_UP_AFTER_MS = 60_000, 86_400_000
_OF_HOST = "regexp_replace(origin, ':[0-9]+$', '') = $2"  # there is an index of it
Queue = tuple[str, str]  # the room, and the server that sent the events


class Waiting(Row):
    """How many events wait: of a host in a room, in that room, of that host."""

    in_queue: int
    in_room: int
    of_origin: int


class WaitingRoom(Row):
    room_id: str
    origin: str


class WaitingPdu(Row):
    event_id: str
    pdu: bytes
    is_retry: bool


class PduQueues:
    def __init__(
        self,
        rooms: Rooms,
        receiver: Receiver,
        checks: PduChecks,
        calls: RoomCalls,
        policy_servers: PolicyServers,
        completing: Completing,
        elsewhere: RemoteMembership,
        leases: Leases,
        now_ms: NowMs,
    ) -> None:
        self._leases = leases
        self._rooms, self._receiver, self._checks = rooms, receiver, checks
        self._policy_servers = policy_servers
        self._gaps = Gaps(rooms, receiver, checks, calls, policy_servers)
        self._database, self._now_ms = receiver.store.database, now_ms
        self._workers: dict[Queue, asyncio.Task[None]] = {}
        self._news: dict[Queue, asyncio.Event] = {}
        self._hurried: set[Queue] = set()
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._elsewhere = elsewhere
        completing.listen(self.retry_now)

    @property
    def gaps(self) -> Gaps:
        return self._gaps

    async def deliver(self, origin: str, pdus: Sequence[Any]) -> dict[str, dict[str, str]]:
        """Takes the events of a transaction. Returns by event id {}, or {"error": why it was not taken}."""
        by_room: dict[str, list[Any]] = {}
        for raw in pdus:
            room_id = raw.get("room_id") if type(raw) is dict else None
            if type(room_id) is str and "\0" not in room_id:
                by_room.setdefault(room_id, []).append(raw)
        results: dict[str, dict[str, str]] = {}
        for part in await asyncio.gather(*(self._deliver_room(origin, r, raws) for r, raws in by_room.items())):
            results.update(part)
        return results

    async def _deliver_room(self, origin: str, room_id: str, raws: list[Any]) -> dict[str, dict[str, str]]:
        room = await self._rooms.live.find(room_id)
        if self._is_elsewhere(room) and await self._elsewhere.entering.arrival(room_id):
            room = await self._rooms.live.find(room_id)
        if room is None or self._is_elsewhere(room):
            for raw in raws:
                with contextlib.suppress(MatrixError, *BAD_DATA):
                    await self._elsewhere.ended(room_id, raw, origin)
            return {}  # its ids cannot be told without the room's version; nobody waits for them
        results: dict[str, dict[str, str]] = {}
        refusal = None
        try:
            require_allowed_by_acl(room, origin)
            self._rooms.servers.require_may_enter(origin, room)  # whichever domain the transaction was for
        except Forbidden as error:
            refusal = error
        good: list[SignedPdu] = []
        for raw in raws:
            try:
                checked = await self._checks.check(raw, room.version)
            except MatrixError as error:
                results[_claimed_id(raw, room.version)] = {"error": error.message}
                continue
            if refusal is not None:
                results[checked.event_id] = {"error": refusal.message}
            else:
                good.append(checked.confirmed() if origin == domain_of(checked.pdu["sender"]) else checked)
        checked_events = list(best_copies(good).values())  # the same event may come twice
        unasked = await self._policy_servers.unasked(room, checked_events)
        unasked |= await self._without_content(checked_events)
        async with self._receiver.lock(room):
            outcomes = await self._receiver.receive_many(room, [c for c in checked_events if c.event_id not in unasked])
        for checked in checked_events:
            results[checked.event_id] = await self._answer(room, checked, origin, outcomes.get(checked.event_id))
        return results

    def _is_elsewhere(self, room: LiveRoom | None) -> bool:
        """Whether nobody of here is in the room."""
        return room is None or not self._rooms.servers.has_own_member(room)

    async def _without_content(self, events: Sequence[SignedPdu]) -> set[str]:
        """Events that are not here, of which another server may have the content: it is asked before they are written."""
        unfit = {event.event_id for event in events if event.awaits_content}
        known = await self._receiver.store.stored_pdus(unfit)
        return {event_id for event_id in unfit if event_id not in known or not known[event_id].has_state}

    async def _answer(
        self, room: LiveRoom, checked: SignedPdu, origin: str, outcome: Outcome | MatrixError | None
    ) -> dict[str, str]:
        """`outcome`: None where others are to be asked first (the room's policy server, or who has its content), which the
        transaction does not wait for."""
        if isinstance(outcome, MatrixError):
            return {"error": outcome.message}
        if outcome is None or isinstance(outcome, MissingPast):
            try:
                await self._keep(room, checked, origin)
            except MatrixError as error:
                return {"error": error.message}
        return {}

    async def _keep(self, room: LiveRoom, checked: SignedPdu, origin: str) -> None:
        """Puts an event into the queue. Raises M_LIMIT_EXCEEDED where as much waits of its server in other rooms as may.

        A full queue lets its oldest event go, never the new one: what an event follows is fetched with it, while nothing names
        the latest event of a room until somebody says more, and its server takes it for delivered.
        """
        waiting = await find(
            self._database,
            Waiting,
            f"""SELECT (SELECT count(*) FROM federation_inbox WHERE room_id = $1 AND {_OF_HOST}) AS in_queue,
                       (SELECT count(*) FROM federation_inbox WHERE room_id = $1) AS in_room,
                       (SELECT count(*) FROM federation_inbox WHERE {_OF_HOST}) AS of_origin""",
            room.room_id,
            host_of(origin),
        )
        assert waiting is not None
        most = QUEUE_LIMIT if waiting.in_room < ROOM_LIMIT else ALWAYS_TAKEN
        is_full = waiting.in_queue >= most or waiting.of_origin >= ORIGIN_LIMIT
        if is_full and not waiting.in_queue:
            raise MatrixError(503, "M_LIMIT_EXCEEDED", "Too many events of this server wait")
        is_new = await self._database.fetchval(
            """INSERT INTO federation_inbox (room_id, event_id, origin, pdu, received_ts) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING RETURNING true""",
            room.room_id,
            checked.event_id,
            origin,
            checked.raw,
            self._now_ms(),
        )
        if is_full and is_new:
            await self._database.execute(
                f"""DELETE FROM federation_inbox
                     WHERE seq = (SELECT min(seq) FROM federation_inbox WHERE room_id = $1 AND {_OF_HOST})""",
                room.room_id,
                host_of(origin),
            )
        self._work_on((room.room_id, origin))

    # --------------------------------------------------------------------------------------------------- the queues

    async def resume(self) -> None:
        """Takes up the queues that nobody works on: after a restart, or when another process has died."""
        now = self._now_ms()
        rows = await read(
            self._database,
            WaitingRoom,
            "SELECT DISTINCT room_id, origin FROM federation_inbox WHERE received_ts < $1 AND next_try_ts <= $2",
            now - ORPHANED_AFTER_MS,
            now,
        )
        for row in rows:
            self._work_on((row.room_id, row.origin))

    async def start(self) -> None:
        for row in await read(self._database, WaitingRoom, "SELECT DISTINCT room_id, origin FROM federation_inbox"):
            self._work_on((row.room_id, row.origin))

    async def stop(self) -> None:
        for task in self._workers.values():
            task.cancel()
        await asyncio.gather(*self._workers.values(), return_exceptions=True)
        await self._receiver.outliers.retelling.stop()

    async def settled(self) -> None:
        """Returns once no room waits for anything (tests)."""
        while self._workers:
            await asyncio.gather(*self._workers.values(), return_exceptions=True)

    def retry_now(self, room_id: str) -> None:
        """Looks at the queues of a room at once: what they waited for may be there now."""
        for queue, news in self._news.items():
            if queue[0] == room_id:
                self._hurried.add(queue)
                news.set()

    def _work_on(self, queue: Queue) -> None:
        if queue not in self._workers:
            self._news[queue] = asyncio.Event()
            self._workers[queue] = in_background(self._worker(queue), name=f"inbox of {queue[0]} from {queue[1]}")
        self._news[queue].set()

    async def _worker(self, queue: Queue) -> None:
        try:
            await self._work(queue, self._news[queue])
        finally:
            del self._workers[queue], self._news[queue]
            self._hurried.discard(queue)

    async def _work(self, queue: Queue, news: asyncio.Event) -> None:
        room_id, origin = queue
        lease, failures = f"inbox of {room_id} from {origin}", 0
        while True:
            news.clear()
            try:
                if not await self._leases.claim(lease):
                    return  # another process works on it; if that one dies, `resume` takes it up
                wait = await self._receive_due(queue)
                failures = 0
                if wait is None:
                    await self._leases.give_back(lease)
                    if not news.is_set():
                        return
            except (TimeoutError, *DATABASE_LOST) as error:
                failures += 1
                wait = min(FIRST_WAIT * 2 ** min(failures, 10), LONGEST_WAIT)
                log.info("a room's queue waits", extra={"fields": {"room": room_id, "why": str(error)[:200]}})
            except Exception:
                failures += 1
                wait = min(FIRST_WAIT * 2 ** min(failures, 10), LONGEST_WAIT)
                log.exception("a room's queue could not be worked on", extra={"fields": {"room": room_id}})
            if wait:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), wait)

    async def _receive_due(self, queue: Queue) -> float | None:
        """Receives the events of a queue whose time has come. Returns the seconds until the next, None where nothing waits."""
        if queue in self._hurried:
            self._hurried.discard(queue)
            await self._database.execute(
                "UPDATE federation_inbox SET next_try_ts = 0, attempts = 0 WHERE room_id = $1 AND origin = $2", *queue
            )
        rows = await read(
            self._database,
            WaitingPdu,
            """SELECT event_id, pdu, attempts > 0 AS is_retry FROM federation_inbox
                WHERE room_id = $1 AND origin = $2 AND next_try_ts <= $3
                ORDER BY attempts, seq LIMIT $4""",
            *queue,
            self._now_ms(),
            AT_ONCE,
        )
        if not rows:
            due = await self._database.fetchval(
                "SELECT min(next_try_ts) FROM federation_inbox WHERE room_id = $1 AND origin = $2", *queue
            )
            return None if due is None else max(due - self._now_ms(), 1) / 1000
        is_retry = rows[0].is_retry  # they come last, and are not looked at together with new ones
        rows = [row for row in rows if row.is_retry == is_retry]
        outcomes: dict[str, Fate] = {row.event_id: None for row in rows}
        room = await self._rooms.live.find(queue[0])
        if room is not None and self._rooms.servers.has_own_member(room):
            waiting = {row.event_id: kept(orjson.loads(row.pdu), row.event_id, room.version) for row in rows}
            judged = await self._policy_servers.judge(room, list(waiting.values()))
            waiting = {checked.event_id: checked for checked in judged}
            async with self._turn(queue[0]):
                outcomes = await self._gaps.receive(room, waiting, queue[1], is_retry)
        await self._settle(queue, outcomes)
        return 0

    @contextlib.asynccontextmanager
    async def _turn(self, room_id: str) -> AsyncIterator[None]:
        """Lets the queues of a room work one after the other, so that the next finds what one has fetched; but none waits long."""
        turn, has_it = self._turns.setdefault(room_id, asyncio.Lock()), False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                has_it = await turn.acquire()
        try:
            yield
        finally:
            if has_it:
                turn.release()

    async def _settle(self, queue: Queue, outcomes: Mapping[str, Fate]) -> None:
        """Takes received events out of the queues, whoever sent them. Others are tried again later, for a day.

        An event that was left out may still come from another server: this one may have lied about its auth events.
        """
        failed = [event_id for event_id, outcome in outcomes.items() if isinstance(outcome, Exception)]
        left_out = [event_id for event_id, outcome in outcomes.items() if outcome is None]
        done, now = list(outcomes.keys() - {*failed, *left_out}), self._now_ms()
        if failed:
            why = {str(outcomes[event_id])[:200] for event_id in failed[:3]}
            log.info("a room waits for its past", extra={"fields": {"room": queue[0], "from": queue[1], "why": list(why)}})
            await self._database.execute(
                """UPDATE federation_inbox SET attempts = attempts + 1,
                          next_try_ts = $4 + least($5 * 2 ^ least(attempts, 20), $6)::bigint
                    WHERE room_id = $1 AND origin = $2 AND event_id = ANY($3::text[])""",
                *queue,
                failed,
                now,
                FIRST_WAIT * 1000,
                LONGEST_WAIT * 1000,
            )
        await self._database.execute(
            """DELETE FROM federation_inbox WHERE room_id = $1 AND (event_id = ANY($3::text[])
                   OR (origin = $2 AND (event_id = ANY($4::text[])
                                        OR (event_id = ANY($5::text[]) AND received_ts < $6))))""",
            *queue,
            done,
            left_out,
            failed,
            now - GIVEN_UP_AFTER_MS,
        )


def _claimed_id(raw: Any, version: RoomVersion) -> str:
    """For the answer about an event that could not be read."""
    value = raw.get("event_id") if type(raw) is dict else None
    return value if type(value) is str else "$unreadable"
