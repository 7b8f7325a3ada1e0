"""The group writer: what concurrent requests want to write becomes one transaction, one call of one function.

That function is composed of what modules declare (`writing_function.py`).

A `Lane` holds the writes that build on each other: those of one room. The database accepts or refuses the writes of a
lane in a batch as a whole; what it refuses is built again against the fresh state and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import asyncpg
from msgspec.structs import astuple

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.pool import DATABASE_LOST, ROLLED_BACK
from chappe.homeserver.database.rows import Row
from chappe.homeserver.database.writer_connection import WriterConnection
from chappe.homeserver.database.writing_function import SENT, Consequence, Fragment, SentRow, compose

log = logging.getLogger(__name__)
MAX_BATCH = 400
_NO_ROOM = (asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError)  # a full disk: halves of the batch fare no better


class Lane(Protocol):
    """A room, as the group writer sees it.

    `generation` rises when the writes that were built on the room have to be built again. `stale`: the room has to be read
    anew (`reload`) before anything is built on it.
    """

    nid: int
    generation: int
    stale: bool

    async def reload(self) -> None: ...
    def make_stale(self) -> None: ...
    def reset(self) -> None: ...
    def batch_rows(self, writes: Sequence[Write], starts: Sequence[int]) -> Iterable[Row]: ...
    def committed(self, writes: Sequence[Write], positions: Sequence[int]) -> None: ...


class Write:
    """Rows that are committed together. The subclasses for rooms override `build`; their rows come from `Lane.batch_rows`.

    `rows`: each is written by the fragment that takes its type. `rooms`, `users`: the kinds of what changes in a room or for a user.
    `txn`: a transaction id; a write that repeats one is not made, and gets the result of the first. `is_set_aside`: set by `build`
    where the lane's present state is no ground for the write. It is not made then, the lane forgets it, and its maker is answered None.
    """

    def __init__(self, lane: Lane | None = None, txn: str | None = None) -> None:
        self.lane, self.txn = lane, txn
        self.generation, self.is_set_aside = -1, False
        self.rows: list[Row] = []
        self.rooms: dict[int, set[str]] = {}
        self.users: dict[str, set[str]] = {}
        self.positions = 0  # how many positions of the clock it takes for itself (its events)
        self.txn_result = ""  # remembered under `txn`: what a repetition is answered
        self.future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def touch_room(self, number: int, kind: str) -> None:
        self.rooms.setdefault(number, set()).add(kind)

    def touch_user(self, user_id: str, kind: str) -> None:
        self.users.setdefault(user_id, set()).add(kind)

    def build(self) -> None:
        """Builds the write anew on the lane's present state: sets `positions`, `rooms`, `users`. Raises what the requester is told."""


class GroupWriter:
    """Commits a write at once when nothing is being committed, else together with all that came during that commit."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url, self._clock = url, clock
        self._fragments: list[Fragment] = []
        self._consequences: list[Consequence] = []
        self._names: dict[type[Row], str] = {SentRow: SENT.name}  # of the fragments, by what they take
        self._queue: deque[Write] = deque()
        self._batch: Sequence[Write] = ()  # that is being committed
        self._kick = asyncio.Event()
        self._connection: WriterConnection | None = None
        self.busy = self._is_closed = False
        self.commits = 0

    def register(self, *fragments: Fragment) -> None:
        """Before `run`: the tables that a module writes."""
        self._fragments += fragments
        self._names |= {fragment.row: fragment.name for fragment in fragments}

    def register_consequences(self, *consequences: Consequence) -> None:
        """Before `run`: what happens to a module's tables with what others write."""
        self._consequences += consequences

    def composed(self) -> tuple[str, list[Fragment]]:
        """The writing function of what is registered (`compose`)."""
        return compose(self._fragments, self._consequences)

    def submit(self, write: Write) -> asyncio.Future[str | None]:
        """Queues a built write. The future's value: None once it is durable, or the remembered result of its `txn`."""
        if self._is_closed:
            write.future.cancel()
        else:
            self._queue.append(write)
            self._kick.set()
        return write.future

    def announce(self, write: Write) -> None:
        """Submits what nobody waits for: it only tells others of something that is durable already."""
        self.submit(write).add_done_callback(_note_failure)

    async def run(self) -> None:
        """Commits batch after batch until cancelled. An error fails the writes of its batch and no others."""
        if self._connection is None:  # else the loop starts again, and goes on with what it has
            text, order = self.composed()
            self._connection = WriterConnection(self._url, text, [fragment.name for fragment in order])
        while True:
            await self._kick.wait()
            batch = self._next_batch()
            if not batch:
                self._kick.clear()
                continue
            self.busy, self._batch = True, batch
            try:
                again = await self._process(batch)
            except asyncio.CancelledError:
                await self._take_back(batch)
                raise
            except Exception as error:
                log.exception("a batch of writes failed")
                for lane in {w.lane for w in batch if w.lane}:
                    lane.make_stale()
                _fail(batch, error)
                again = []
            self.busy, self._batch = False, ()
            self._queue.extendleft(reversed(again))

    async def _take_back(self, batch: list[Write]) -> None:
        """Puts the unanswered writes of a batch back into the queue: the loop was cancelled meanwhile, and may start again.

        They may have been committed: the table `sent` tells so when they are written again.
        """
        self.busy, self._batch = False, ()
        self._disconnect()
        waiting = [write for write in batch if not write.future.done()]
        for lane in {w.lane for w in waiting if w.lane}:
            lane.make_stale()
        self._queue.extendleft(reversed(waiting))
        self._kick.set()

    def _next_batch(self) -> list[Write]:
        """The oldest writes. Two objects of one lane (a room evicted and loaded anew) never share a batch."""
        batch: list[Write] = []
        lanes: dict[int, Lane] = {}
        while self._queue and len(batch) < MAX_BATCH:
            lane = self._queue[0].lane
            if lane is not None and lanes.setdefault(lane.nid, lane) is not lane:
                lane.make_stale()
                break
            batch.append(self._queue.popleft())
        return batch

    def unanswered(self, lane: Lane) -> list[asyncio.Future[str | None]]:
        """Of the writes of a lane that are neither durable nor refused yet."""
        writes = (*self._batch, *self._queue)
        return [write.future for write in writes if write.lane is lane and not write.future.done()]

    async def drain(self) -> None:
        """Returns once nothing waits to be written (shutdown)."""
        while self._queue or self.busy:
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """After `run` has ended. Whoever waits for a write that will not be made is cancelled, and so is whoever submits one later."""
        self._is_closed = True
        self._disconnect()
        for write in (*self._batch, *self._queue):
            write.future.cancel()
        self._queue.clear()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    # ------------------------------------------------------------------------------------------------- one batch

    async def _process(self, batch: list[Write]) -> list[Write]:
        """Commits a batch. Returns the writes that must be tried again."""
        ready = await self._prepare(batch)
        if not ready:
            return []
        try:
            return await self._commit(ready)
        except DATABASE_LOST as error:
            log.warning("the database is away; writes wait for it", extra={"fields": {"error": type(error).__name__}})
            self._disconnect()
            for lane in {w.lane for w in ready if w.lane}:
                lane.make_stale()
            await asyncio.sleep(0.05)
            return ready  # unknown outcome: write again; `sent` tells what was already done
        except ROLLED_BACK:  # a transaction beside this one took the same rows in another order
            log.warning("a batch of writes waited for who waited for it, and is written again")
            for lane in {w.lane for w in ready if w.lane}:
                lane.make_stale()
            return ready
        except _NO_ROOM:
            raise
        except asyncpg.PostgresError as error:  # of whatever kind: it says who is refused better than a list of kinds does
            return await self._bisect(ready, error)

    async def _bisect(self, ready: list[Write], error: Exception) -> list[Write]:
        """Commits halves of a batch that PostgreSQL refused, until the bad write stands alone and fails alone."""
        lanes = list(dict.fromkeys(w.lane or w for w in ready))
        for lane in {w.lane for w in ready if w.lane}:
            lane.make_stale()
        if len(ready) == 1:
            _fail(ready, error)
            return []
        if len(lanes) == 1:
            halves = [ready[:1], ready[1:]]
        else:
            first = set(map(id, lanes[: len(lanes) // 2]))
            halves = [[w for w in ready if id(w.lane or w) in first], [w for w in ready if id(w.lane or w) not in first]]
        again: list[Write] = []
        for half in halves:
            again += await self._process(half)
        return again

    async def _prepare(self, batch: list[Write]) -> list[Write]:
        """Rebuilds, in order, every write of a lane that moved since it was built, or that lost a write."""
        lanes = {w.lane for w in batch if w.lane is not None}
        for lane in lanes:
            while lane.stale:
                await self._reload(lane)
        given_up = {w for w in batch if w.future.cancelled()}
        for lane in {w.lane for w in batch if w.lane and (w.generation != w.lane.generation or w in given_up)}:
            lane.reset()
        waiting = [w for w in batch if w not in given_up]
        while True:
            ready = [w for w in waiting if _rebuild(w)]
            if len(ready) == len(waiting):
                return ready
            # what was refused may have been the ground of later ones: the lane is built again from its first write
            for lane in {w.lane for w in set(waiting) - set(ready) if w.lane}:
                lane.reset()
            waiting = ready

    async def _reload(self, lane: Lane) -> None:
        try:
            await lane.reload()
        except DATABASE_LOST:
            await asyncio.sleep(0.1)

    async def _commit(self, ready: list[Write]) -> list[Write]:
        """Writes a batch in one call, and tells everybody. Returns the writes that must be tried again.

        Complex: this is the path of every message: what one call needs is gathered, and what it answers given out, in one pass each.
        """
        groups: dict[Lane, list[Write]] = {}
        numbers, positions = dict[int, int](), dict[int, int]()  # by the id of a write
        rows: dict[type[Row], list[tuple[Any, ...]]] = {}  # of the fragments that have some, as records
        rooms: list[tuple[int, int]] = []
        users: list[tuple[int, str]] = []
        taken, with_txn = 0, []
        for index, write in enumerate(ready):
            lane = numbers[id(write)] = write.lane.nid if write.lane is not None else -1 - index
            if write.lane is not None:
                groups.setdefault(write.lane, []).append(write)
            positions[id(write)] = taken
            taken += write.positions
            for row in write.rows:
                rows.setdefault(type(row), []).append((lane, *astuple(row)))
            if write.txn is not None:
                rows.setdefault(SentRow, []).append((lane, write.txn, write.txn_result))
                with_txn.append(write)
            rooms += [(lane, room) for room in write.rooms]
            users += [(lane, user) for user in write.users]
        generations = {lane: lane.generation for lane in groups}
        for lane_, writes in groups.items():
            for row in lane_.batch_rows(writes, [positions[id(w)] for w in writes]):
                rows.setdefault(type(row), []).append((lane_.nid, *astuple(row)))
        since, upto, moved, again, again_result = await self._execute(
            taken, list(dict.fromkeys(numbers.values())), rooms, users, {self._names[kind]: some for kind, some in rows.items()}
        )
        if since != self._clock.watermark:
            await self._clock.catch_up_to(since)
        done_before = {id(with_txn[i - 1]): result for i, result in zip(again, again_result, strict=True)}
        refused = set(moved) | {numbers[i] for i in done_before}
        retry = [w for w in ready if numbers[id(w)] in refused and id(w) not in done_before]
        for lane_, writes in groups.items():
            if lane_.nid in refused:
                lane_.make_stale()
                continue
            if lane_.generation != generations[lane_]:
                lane_.make_stale()  # something was heard meanwhile: read it again
            lane_.committed(writes, [since + positions[id(w)] for w in writes])
        self._announce(since, upto, [w for w in ready if numbers[id(w)] not in refused])
        for write in ready:
            if id(write) in done_before:
                _answer(write, done_before[id(write)])
            elif numbers[id(write)] not in refused:
                _answer(write, None)
        return retry

    def _announce(self, since: int, upto: int, accepted: list[Write]) -> None:
        if upto == since:
            return
        self.commits += 1
        rooms: dict[int, set[str]] = {}
        users: dict[str, set[str]] = {}
        for write in accepted:
            for room, kinds in write.rooms.items():
                rooms.setdefault(room, set()).update(kinds)
            for user, kinds in write.users.items():
                users.setdefault(user, set()).update(kinds)
        self._clock.heard(Commit(since, upto, rooms, users))

    async def _execute(
        self,
        taken: int,
        lanes: list[int],
        rooms: list[tuple[int, int]],
        users: list[tuple[int, str]],
        rows: dict[str, list[tuple[Any, ...]]],
    ) -> Any:
        arguments: list[Any] = [
            taken,
            lanes,
            [r[0] for r in rooms],
            [r[1] for r in rooms],
            [u[0] for u in users],
            [u[1] for u in users],
        ]
        named = tuple(sorted(rows))
        assert self._connection is not None  # since `run` has begun
        statement = await self._connection.prepared(named)
        return await statement.fetchrow(*arguments, *(rows[name] for name in named))


def _rebuild(write: Write) -> bool:
    """Builds a write of a lane that moved. False where the requester was refused, or the write is set aside."""
    lane = write.lane
    if lane is None or write.generation == lane.generation:
        return True
    try:
        write.build()
        write.generation = lane.generation
    except Exception as error:
        _fail([write], error)
        return False
    if write.is_set_aside:
        _answer(write, None)
    return not write.is_set_aside


def _note_failure(future: asyncio.Future[str | None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("an announcement failed", exc_info=error)


def _answer(write: Write, result: str | None) -> None:
    if not write.future.done():
        write.future.set_result(result)


def _fail(writes: Iterable[Write], error: Exception) -> None:
    for write in writes:
        if not write.future.done():
            write.future.set_exception(error)


Submit = Callable[[Write], "asyncio.Future[str | None]"]
