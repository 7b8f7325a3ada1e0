"""What was said before this server came in: read from those that were there, when somebody scrolls so far back.

Kept as history, never as news: its positions lie before everything, so no sync, push or count sees it.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chappe.homeserver.matrix.errors import Forbidden, MatrixError
from chappe.homeserver.matrix.events import timestamp_of
from chappe.homeserver.matrix.relations import relation_of
from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.auth import in_order
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import Checked, PduChecks
from chappe.homeserver.rooms.remote.gaps import Gaps
from chappe.homeserver.rooms.remote.receive import MissingPast, Receiver
from chappe.homeserver.rooms.remote.received import Prepared, WithoutTimeline
from chappe.homeserver.rooms.remote.store import HISTORY, REJECTED
from chappe.homeserver.rooms.rooms import Rooms

log = logging.getLogger(__name__)
AT_ONCE, NAMED_AT_ONCE, SERVERS_ASKED = 100, 20, 3


@dataclass(frozen=True, slots=True)
class _Old:
    prepared: Prepared
    position: int
    missing: Sequence[str]


class History:
    def __init__(
        self, rooms: Rooms, receiver: Receiver, gaps: Gaps, checks: PduChecks, calls: RoomCalls, now_ms: Callable[[], int]
    ) -> None:  # fmt: skip
        self._rooms, self._receiver, self._gaps = rooms, receiver, gaps
        self._checks, self._calls, self._now_ms = checks, calls, now_ms
        self._reading: weakref.WeakValueDictionary[int, asyncio.Lock] = weakref.WeakValueDictionary()

    async def extend(self, room: LiveRoom) -> bool:
        """Reads a page of what came before the oldest that is here. Whether there is more now."""
        if not room.is_federated or room.is_partial or self._calls.own_domain(room) is None:
            return False
        async with self._reading.setdefault(room.number, asyncio.Lock()):
            missing = await self._receiver.store.missing(room.number, self._now_ms())
            if not missing:
                return False
            named = [event_id for event_id, _ in missing[:NAMED_AT_ONCE]]
            for server in self._calls.servers(room)[:SERVERS_ASKED]:
                try:
                    if await self._extend_from(room, server, named):
                        return True
                except MatrixError as error:
                    log.info(
                        "history could not be read", extra={"fields": {"from": server, "why": error.message[:200]}}
                    )
            await self._receiver.store.mark_failed(room.number, named, self._now_ms())
        return False

    async def look_back(self, room: LiveRoom, ts: int, backwards: bool) -> None:
        """Reads the events around the one closest to a time, as another server has it; nothing where none does."""
        if room.is_partial or self._calls.own_domain(room) is None:
            return
        for server in self._calls.servers(room)[:SERVERS_ASKED]:
            try:
                event_id = await self._calls.nearest(room, server, ts, backwards)
                known = (await self._receiver.store.known([event_id])).get(event_id)
                if known is None or not known.has_state:
                    await self._extend_from(room, server, [event_id])
                return
            except MatrixError as error:
                log.info(
                    "a time could not be looked up", extra={"fields": {"from": server, "why": error.message[:200]}}
                )

    async def _extend_from(self, room: LiveRoom, server: str, named: Sequence[str]) -> bool:
        raws = await self._calls.backfill(room, server, named, AT_ONCE)
        events = await self._checks.check_many(raws, room.version)
        here = await self._receiver.store.known(events)
        fresh = {
            i: e
            for i, e in events.items()
            if e.room_id == room.room_id and (i not in here or not here[i].has_state or here[i].gives_way_to(e))
        }
        lowest = min(await self._rooms.store.first_position(room.number), 0)
        ordered = await self._gaps.copies.fill(room, in_order(fresh, Checked.prev), [server])
        written = 0
        for place, checked in enumerate(ordered):
            position = lowest - len(ordered) + place
            try:
                written += await self._write(room, server, checked, position, fresh)
            except (MatrixError, MissingPast) as error:
                log.info("an old event was left out", extra={"fields": {"why": str(error)[:200]}})
        return written > 0

    async def _write(
        self, room: LiveRoom, server: str, checked: Checked, position: int, fresh: Mapping[str, Checked]
    ) -> bool:
        state_before: bytes | None = None
        for _ in range(3):
            try:
                async with self._receiver.lock(room):
                    return await self._write_prepared(room, checked, position, state_before)
            except MissingPast as gap:
                if gap.auth:
                    await self._gaps.fetch_auth(room, checked, [server])
                if gap.prev:
                    state_before = await self._gaps.state_before(room, checked, [server])
        raise Forbidden("What it cites could not be had")

    async def _write_prepared(
        self, room: LiveRoom, checked: Checked, position: int, state_before: bytes | None
    ) -> bool:
        prepared = await self._receiver.prepare(room, checked, state_before)
        if not isinstance(prepared, Prepared):
            return False
        known = await self._receiver.store.known(checked.prev())
        missing = [p for p in checked.prev() if p not in known or not known[p].has_state]
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
            self.add_row("promotions", 0, prepared.nid)
        self.add_row("found_events", 0, room.number, checked.event_id)
        for event_id in self._old.missing:
            self.add_row("missing_events", 0, room.number, event_id, checked.pdu["depth"])
        if prepared.is_rejected:
            self.add_held(prepared.nid, checked, prepared.state_before, prepared.state_before, REJECTED)
            return
        for pack, data in prepared.packs:
            self.add_row("state_packs", 0, pack, room.number, data)
        chain: ChainRow | None = prepared.chain
        if checked.key is not None and chain is None:
            self.add_chain(prepared.nid, prepared.cited, prepared.chains)
        self.add_held(
            prepared.nid, checked, prepared.state_before, prepared.state_after, HISTORY, self._old.position,
            prepared.replaces, prepared.thread,
        )  # fmt: skip
        content = checked.pdu["content"]
        if checked.key is None and (relation := relation_of(content)) is not None:
            self.add_row(
                "old_relations", 0, prepared.nid, room.number, relation.target, relation.rel_type, checked.pdu["type"],
                checked.pdu["sender"], relation.key, timestamp_of(checked.pdu), checked.event_id, self._old.position,
            )  # fmt: skip
        if prepared.redacted is not None:
            pruned, because = prepared.redacted
            self.add_row("redactions", 0, checked.event_id, because.event_id, pruned.pdu)
        if prepared.redaction is not None:
            self.add_row("redactions", 0, prepared.redaction.event_id, checked.event_id, prepared.redaction.pdu)
        if prepared.unmet_target is not None:
            self.add_row("held_redactions", 0, prepared.unmet_target, checked.event_id, room.number)
