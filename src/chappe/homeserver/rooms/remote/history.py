"""What was said while this server was not there: read from those that were, when somebody scrolls so far back.

Kept as history, never as news: its positions lie below zero, so no sync, push or count sees it. Where it is read: `rooms/stretches.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.fragments import HeldRedactionRow, PromotionRow, RedactionRow, StatePackRow
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.auth import in_order
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu
from chappe.homeserver.rooms.remote.fragments import FoundEventRow, JumpRow, OldMissingEventRow, OldRelationRow
from chappe.homeserver.rooms.remote.gaps import Gaps
from chappe.homeserver.rooms.remote.outcomes import MissingPast
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.remote.stored_pdu import HISTORY, REJECTED
from chappe.homeserver.rooms.remote.without_timeline import WithoutTimeline
from chappe.homeserver.rooms.remote.write_pdu import ReceivedPdu
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.stretches import SPACING, Span, number_of_host
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.events import timestamp_of
from chappe.matrix.relations import relation_of

T = TypeVar("T")
log = logging.getLogger(__name__)
AT_ONCE, SERVERS_ASKED = 100, 3
SLOW_SECONDS = 2.0  # after which another server is asked beside the one that has not answered
READING_SECONDS = 30.0  # of one page, whoever waits for it: what is not written by then is read again


@dataclass(frozen=True, slots=True)
class _Old:
    prepared: ReceivedPdu
    position: int
    missing: Sequence[str]


class History:
    def __init__(
        self, rooms: Rooms, receiver: Receiver, gaps: Gaps, checks: PduChecks, calls: RoomCalls, now_ms: NowMs
    ) -> None:
        self._rooms, self._receiver, self._gaps = rooms, receiver, gaps
        self._checks, self._calls, self._now_ms = checks, calls, now_ms
        self._under_way: dict[tuple[int, object], asyncio.Task[Any]] = {}
        self._reading: weakref.WeakValueDictionary[int, asyncio.Lock] = weakref.WeakValueDictionary()

    async def gap(self, room: LiveRoom, after: int, upto: int, last: bool) -> int | None:
        """The position of the first, or the last, event in (after, upto] before which something is missing that may be had."""
        return await self._receiver.store.gap_between(room.nid, after, upto, last, self._now_ms())

    async def extend(self, room: LiveRoom, follower: int | None, seconds: float) -> bool:
        """Reads a page of what is missing before an event, by its position; None: before all of them. Whether there was some.

        `seconds`: how long the caller waits. The page is read to its end for those who come later.
        """
        if not room.is_federated or room.is_partial or self._calls.own_domain(room) is None:
            return False
        return bool(await self._wait((room.nid, follower), lambda: self._extend(room, follower), seconds))

    async def _wait(self, what: tuple[int, object], read: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> T | None:
        """Waits for a reading that all who want the same share. Returns its result; None where it takes longer."""
        task = self._under_way.get(what)
        if task is None:
            task = self._under_way[what] = asyncio.create_task(read(), name=f"past of room {what[0]}")
            task.add_done_callback(lambda task: self._read(what, task))
        done, _ = await asyncio.wait([task], timeout=seconds)
        return task.result() if done else None

    def _read(self, what: tuple[int, object], task: asyncio.Task[Any]) -> None:
        del self._under_way[what]
        if not task.cancelled() and (error := task.exception()) is not None:  # whoever wanted it may have gone
            log.info("the past could not be read", extra={"fields": {"why": str(error)[:200]}})

    async def stop(self) -> None:
        tasks = [*self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _extend(self, room: LiveRoom, follower: int | None) -> bool:
        async with self._reading.setdefault(room.nid, asyncio.Lock()):
            room = await self._rooms.live.by_nid(room.nid)  # others may have added to its order meanwhile
            named = await self._receiver.store.missing_before(room.nid, follower, self._now_ms())
            if not named:
                return False
            span = room.order.grows(follower)
            async with contextlib.aclosing(self._answers(room, named)) as answers:
                async for server, events in answers:
                    if await self._write_all(room, server, span, await self._fresh(room, span, events, named)):
                        return True
            await self._receiver.store.mark_failed(room.nid, named, self._now_ms())
        return False

    async def _answers(self, room: LiveRoom, named: Sequence[str]) -> AsyncGenerator[tuple[str, Mapping[str, SignedPdu]], None]:
        """What servers have, as they answer: the next is asked where one had nothing, or is slow."""
        servers, asked = iter(self._calls.servers(room)[:SERVERS_ASKED]), dict[asyncio.Task[dict[str, SignedPdu]], str]()
        try:
            while True:
                if (server := next(servers, None)) is not None:
                    asked[asyncio.create_task(self._backfill(room, server, named))] = server
                if not asked:
                    return
                patience = None if server is None else SLOW_SECONDS
                done, _ = await asyncio.wait(asked, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    server = asked.pop(task)
                    try:
                        events = task.result()
                    except MatrixError as error:
                        why = {"from": server, "why": error.message[:200]}
                        log.info("history could not be read", extra={"fields": why})
                    else:
                        yield server, events
        finally:
            for task in asked:
                task.cancel()

    async def look_back(self, room: LiveRoom, ts: int, backwards: bool, seconds: float) -> None:
        """Reads the events around the one closest to a time, as another server has it; nothing where none does.

        `seconds`: as of `extend`.
        """
        if not room.is_partial and self._calls.own_domain(room) is not None:
            await self._wait((room.nid, (ts, backwards)), lambda: self._look_back(room, ts, backwards), seconds)

    async def _look_back(self, room: LiveRoom, ts: int, backwards: bool) -> None:
        for server in self._calls.servers(room)[:SERVERS_ASKED]:
            try:
                event_id = await self._calls.nearest(room, server, ts, backwards)
                known = (await self._receiver.store.stored_pdus([event_id])).get(event_id)
                if known is None or not known.has_state:
                    async with self._reading.setdefault(room.nid, asyncio.Lock()):
                        await self._jump(await self._rooms.live.by_nid(room.nid), server, event_id)
                return
            except MatrixError as error:
                log.info("a time could not be looked up", extra={"fields": {"from": server, "why": error.message[:200]}})

    async def _jump(self, room: LiveRoom, server: str, event_id: str) -> None:
        """Reads an event and what was before it, wherever in a gap that is."""
        events = await self._backfill(room, server, [event_id])
        if event_id not in events:
            return
        order = room.order
        missing = await self._receiver.store.missing_beside(room.nid, event_id, events[event_id].pdu["depth"])
        beside = [m for m in missing if m.event_id == event_id]
        later = beside or missing
        if not later:
            return
        span: Span | None = min((order.grows(m.follower) for m in later), key=order.rank)
        assert span is not None
        fresh = await self._fresh(room, span, events, [event_id])
        if event_id not in fresh:
            return
        if beside:
            await self._write_all(room, server, span, fresh)
        elif (new := await self._another_stretch(room, span, server)) is not None and new.stretch is not None:
            is_written = False
            try:
                is_written = await self._write_all(room, server, new, fresh)
            finally:
                if not is_written:
                    await self._receiver.store.forget_stretch(room.nid, new.stretch.number)
                    self._rooms.live.read_anew(room.nid)

    async def _another_stretch(self, room: LiveRoom, after: Span, server: str) -> Span | None:
        """Makes a stretch just older than a span. None where the room has too many, or too many on the word of this server."""
        cut, ordinal = (0, 0) if after.stretch is None else (after.stretch.cut, after.stretch.ordinal)
        host = number_of_host(server)
        if not room.order.has_room_for(host):
            return None
        before = {span.stretch.number for span in room.order.spans if span.stretch is not None}
        await self._rooms.commit(_Jump(room, cut, ordinal + 1, host))
        order = (await self._rooms.live.by_nid(room.nid)).order
        place = (cut, ordinal + 1)
        return next(
            (s for s in order.spans if s.stretch is not None and s.stretch[:2] == place and s.stretch.number not in before),
            None,
        )

    async def _backfill(self, room: LiveRoom, server: str, named: Sequence[str]) -> dict[str, SignedPdu]:
        events = await self._checks.check_many(await self._calls.backfill(room, server, named, AT_ONCE), room.version)
        return {event_id: e for event_id, e in events.items() if e.room_id == room.room_id}

    async def _fresh(
        self, room: LiveRoom, span: Span, events: Mapping[str, SignedPdu], named: Sequence[str]
    ) -> dict[str, SignedPdu]:
        """What leads from some events back to what is here, or is missing in an older span: what lies before that belongs there.

        And what is here without its content, which has come now.
        """
        known, order = await self._receiver.store.stored_pdus(events), room.order
        here = {event_id for event_id, event in known.items() if event.has_state}
        older = [p for event_id in here for p in events[event_id].prev_events()]
        older += [
            m.event_id
            for m in await self._receiver.store.missing(room.nid, events)
            if order.rank(order.grows(m.follower)) < order.rank(span)
        ]
        late = {event_id for event_id in here if known[event_id].lacks_content_of(events[event_id])}
        return {i: events[i] for i in late | _reached(events, named, here | (_reached(events, older, here) - set(named)))}

    async def _write_all(self, room: LiveRoom, server: str, span: Span, fresh: Mapping[str, SignedPdu]) -> bool:
        """Writes events into a span. Returns whether any was new."""
        ordered = await self._gaps.copies.fill(room, in_order(fresh, SignedPdu.prev_events), [server])
        async with self._receiver.lock(room):
            await self._receiver.renew(room, ordered)
        positions = await self._positions(room, span, ordered)
        written, until = 0, asyncio.get_running_loop().time() + READING_SECONDS
        for checked in ordered:
            if asyncio.get_running_loop().time() > until:
                break
            if checked.event_id not in positions:
                continue
            try:
                written += await self._write(room, server, checked, positions[checked.event_id])
            except MatrixError as error:
                log.info("an old event was left out", extra={"fields": {"why": str(error)[:200]}})
        return written > 0

    async def _positions(self, room: LiveRoom, span: Span, ordered: Sequence[SignedPdu]) -> dict[str, int]:
        """A position for each event, above those of its previous events and below those of the events that have it as previous one.

        Where nothing that it follows is in the stretch, that is below all that is. Where there is no room left, an event has none.
        What is here already stays where it is.
        """
        known = await self._receiver.store.stored_pdus(
            {i for checked in ordered for i in (checked.event_id, *checked.prev_events())}
        )
        high = min(span.high, -1)
        positions = {i: k.position for i, k in known.items() if k.status == HISTORY}
        below = {i: position for i, position in positions.items() if span.low < position <= high}
        runs: dict[int | None, list[str]] = {}
        for checked in (e for e in ordered if e.event_id not in positions):
            found = [below[p] for p in checked.prev_events() if p in below]
            if found:
                below[checked.event_id] = max(found)
            runs.setdefault(max(found, default=None), []).append(checked.event_id)
        for under, run in runs.items():
            above = await self._rooms.store.first_position(room.nid, span.low if under is None else under, high)
            above = high + 1 if above is None else above
            low = span.low if under is None else under
            step = min(SPACING, (above - low) // (len(run) + 1))
            if step > 0:
                first = above - step * len(run) if under is None else low + step
                positions |= {event_id: first + step * place for place, event_id in enumerate(run)}
        return positions

    async def _write(self, room: LiveRoom, server: str, checked: SignedPdu, position: int) -> bool:
        state_before: bytes | None = None
        for _ in range(3):
            async with self._receiver.lock(room):
                outcome = await self._write_prepared(room, checked, position, state_before)
            if not isinstance(outcome, MissingPast):
                return outcome
            if outcome.auth_events:
                await self._gaps.fetch_auth(room, checked, [server])
            if outcome.prev_events:
                state_before = await self._gaps.state_before(room, checked, [server])
        raise Forbidden("What it cites could not be had")

    async def _write_prepared(
        self, room: LiveRoom, checked: SignedPdu, position: int, state_before: bytes | None
    ) -> bool | MissingPast:
        """Returns whether the room's timeline has an event more."""
        prepared = await self._receiver.preparing.prepare(room, checked, state_before)
        if not isinstance(prepared, ReceivedPdu):
            return prepared if isinstance(prepared, MissingPast) else False
        known = await self._receiver.store.stored_pdus(checked.prev_events())
        missing = [p for p in checked.prev_events() if p not in known or not known[p].has_state]
        order = room.order
        earlier = (
            {
                m.event_id
                for m in await self._receiver.store.missing(room.nid, missing)
                if m.follower and order.key(m.follower) < order.key(position)
            }
            if missing
            else set()
        )
        missing = [event_id for event_id in missing if event_id not in earlier]
        await self._rooms.commit(_HistoryWrite(room, _Old(prepared, position, missing)))
        return not prepared.is_rejected


class _HistoryWrite(WithoutTimeline):
    def __init__(self, room: LiveRoom, old: _Old) -> None:
        super().__init__(room, None)
        self._old = old

    def build(self) -> None:
        self.start_over()
        prepared, room = self._old.prepared, self.lane
        checked = prepared.checked
        if prepared.was_outlier:
            self.add_row(PromotionRow(nid=prepared.nid))
        self.add_row(FoundEventRow(room=room.nid, event_id=checked.event_id))
        for event_id in self._old.missing:
            depth, position = checked.pdu["depth"], self._old.position
            self.add_row(OldMissingEventRow(room=room.nid, event_id=event_id, depth=depth, position=position))
        if prepared.is_rejected:
            self.add_held(prepared.nid, checked, prepared.state_before, prepared.state_before, REJECTED)
            return
        for pack, data in prepared.packs:
            self.add_row(StatePackRow(pack=pack, room=room.nid, data=data))
        chain: ChainRow | None = prepared.chain
        if checked.key is not None and chain is None:
            self.add_chain(prepared.nid, prepared.auth_event_nids, prepared.chains)
        self.add_held(
            prepared.nid,
            checked,
            prepared.state_before,
            prepared.state_after,
            HISTORY,
            self._old.position,
            prepared.replaces,
            prepared.thread,
        )
        if prepared.thread:
            self.threads.append(prepared.thread)
        content = checked.pdu["content"]
        if checked.key is None and (relation := relation_of(content)) is not None:
            self.add_row(
                OldRelationRow(
                    nid=prepared.nid,
                    room=room.nid,
                    target=relation.target,
                    rel_type=relation.rel_type,
                    type=checked.pdu["type"],
                    sender=checked.pdu["sender"],
                    key=relation.key,
                    ts=timestamp_of(checked.pdu),
                    event_id=checked.event_id,
                    position=self._old.position,
                )
            )
        self._add_redactions(prepared)

    def _add_redactions(self, prepared: ReceivedPdu) -> None:
        """What it is redacted by, and what it redacts."""
        checked = prepared.checked
        if prepared.redacted is not None:
            pruned, because = prepared.redacted
            self.add_row(RedactionRow(event_id=checked.event_id, redacted_by=because.event_id, json=pruned.pdu))
        if prepared.redaction is not None:
            target = prepared.redaction
            self.add_row(RedactionRow(event_id=target.event_id, redacted_by=checked.event_id, json=target.pdu))
        if prepared.unmet_target is not None:
            unmet = prepared.unmet_target
            self.add_row(HeldRedactionRow(target=unmet, redaction=checked.event_id, room=self.lane.nid))


class _Jump(WithoutTimeline):
    """A stretch that nothing is in yet."""

    def __init__(self, room: LiveRoom, cut: int, ordinal: int, host: int) -> None:
        super().__init__(room, None)
        self._cut, self._ordinal, self._host = cut, ordinal, host

    def build(self) -> None:
        self.start_over()
        self.add_row(JumpRow(room=self.lane.nid, cut=self._cut, ordinal=self._ordinal, host=self._host))
        self.adds_stretches = True


def _reached(events: Mapping[str, SignedPdu], start: Iterable[str], without: Collection[str]) -> set[str]:
    """Those of the events that are reached from `start` along `prev_events`, without passing those in `without`."""
    found: set[str] = set()
    stack = list(start)
    while stack:
        event_id = stack.pop()
        if event_id in events and event_id not in found and event_id not in without:
            found.add(event_id)
            stack += events[event_id].prev_events()
    return found
