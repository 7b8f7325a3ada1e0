"""Receives events of other servers into a room: checks them, writes them, and has the state resolved where the forward
extremities disagree. A later copy may give a stored event its content (`renewal.py`).

The server-server API, "Checks performed on receipt of a PDU": "Whenever a server receives an event from a remote server, the
receiving server must ensure that the event:

1. Is a valid event, otherwise it is dropped. For an event to be valid, it must comply with the event format of that room
   version. […]                                                                         `checks.check_format`
2. Passes signature checks, otherwise it is dropped.                                    `checks.check_signatures`
3. Passes hash checks, otherwise it is redacted before being processed further.         `checks.check_hash`
4. Passes authorisation rules based on the event's auth events, otherwise it is
   rejected.                                                                            `auth.check_by_auth_events`
5. Passes authorisation rules based on the state before the event, otherwise it is
   rejected.                                                                            `prepare_pdu.check_by_state_before`
6. Passes authorisation rules based on the current state of the room, otherwise it is
   "soft failed".                                                                       `ReceivedWrite.check_by_current_state`
7. Is validated by the Policy Server, if the room is using a Policy Server, otherwise
   it is "soft failed"."                                                                `write_pdu.check_by_policy_server`

`PduChecks.check` makes 1 to 3 as soon as an event comes. Here, `PduPreparation.prepare` makes 4 and 5, for which the events that it
refers to must be here (else it is `MissingPast`, and `gaps.py` fetches them). `ReceivedWrite.build` makes 6 and 7 while it is
written, each time anew that the room has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Mapping, Sequence

from chappe.homeserver.database.pool import BAD_DATA
from chappe.homeserver.database.rows import Row
from chappe.homeserver.rooms.event_write import StateDelta
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.checks import SignedPdu
from chappe.homeserver.rooms.remote.first_joins import leave_out_first_joins
from chappe.homeserver.rooms.remote.outcomes import Diverged, MissingPast, Outcome, Outdated, Received
from chappe.homeserver.rooms.remote.outliers import Outliers
from chappe.homeserver.rooms.remote.prepare_pdu import Lookup, PduPreparation
from chappe.homeserver.rooms.remote.renewal import LateCopy
from chappe.homeserver.rooms.remote.states import States
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.remote.stored_auth import Unwritten
from chappe.homeserver.rooms.remote.stored_pdu import HISTORY, REJECTED, StoredPdu
from chappe.homeserver.rooms.remote.write_pdu import ReceivedPdu, ReceivedWrite, ResolvedState, received_event
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.event_auth import CREATE

MOST_TRIES = 50
log = logging.getLogger(__name__)


class Receiver:
    """The caller holds `lock(room)`."""

    def __init__(self, rooms: Rooms, store: RemoteStore) -> None:
        self._rooms, self.store, self.states = rooms, store, States(rooms, store)
        self.outliers = Outliers(rooms, store)
        self.preparing = PduPreparation(rooms, store, self.states, self.outliers)
        self._locks: weakref.WeakValueDictionary[int, asyncio.Lock] = weakref.WeakValueDictionary()

    def lock(self, room: LiveRoom) -> asyncio.Lock:
        """The lock of a room, which this process holds while it receives events into it."""
        return self._locks.setdefault(room.nid, asyncio.Lock())

    async def receive(
        self,
        room: LiveRoom,
        checked: SignedPdu,
        state_before: bytes | None = None,
        missing: Sequence[str] = (),
        starts_afresh: bool = False,
        txn: str | None = None,
        beside: Sequence[Row] = (),
    ) -> Outcome:
        """Writes an event, where its past is here. Raises Forbidden for one that is not of the room.

        `state_before`, `missing`: as for `PduPreparation.prepare`. `starts_afresh`: the event is the join that brings this server into
        the room. `txn`: the transaction id, where a client of ours sent it. `beside`: see `Draft`.
        """
        if checked.room_id != room.room_id:
            raise Forbidden("The event is of another room")
        prepared = await self.preparing.prepare(room, checked, state_before, missing)
        match prepared:
            case MissingPast():
                return prepared
            case StoredPdu():
                await self._renew_known(room, [checked], {checked.event_id: prepared})
                return Received(prepared.status)
            case ReceivedPdu():
                prepared.starts_afresh, prepared.txn, prepared.beside = starts_afresh, txn, beside
                return await self._write(room, prepared)

    async def receive_many(self, room: LiveRoom, events: Sequence[SignedPdu]) -> dict[str, Outcome | MatrixError]:
        """Receives several events, in their order; those that change no state are written together.

        Returns by event id what `receive` would have returned, or raised. An event is left out where it is stored without its
        content, and its sender's own server has to be asked first whether that was redacted.
        """
        lookup = Lookup(self.store, room.is_partial)
        await lookup.add(self._asked(room, events))
        await self._renew_known(room, events, lookup.known)
        outcomes: dict[str, Outcome | MatrixError] = {}
        batch: list[ReceivedPdu] = []
        for checked in events:
            try:
                if checked.room_id != room.room_id:
                    raise Forbidden("The event is of another room")
                me = lookup.known.get(checked.event_id)
                if me is not None and me.lacks_content_of(checked) and not checked.is_confirmed:
                    continue
                if checked.key is not None:
                    await self._write_batch(room, batch, outcomes)
                    lookup.forget_unwritten()
                prepared = await self.preparing.prepare(room, checked, None, (), lookup)
            except MatrixError as error:
                outcomes[checked.event_id] = error
                continue
            except BAD_DATA as error:
                outcomes[checked.event_id] = _unkept(error)
                continue
            if not isinstance(prepared, ReceivedPdu):
                outcomes[checked.event_id] = Received(prepared.status) if isinstance(prepared, StoredPdu) else prepared
                continue
            batch.append(prepared)
            lookup.unwritten[checked.event_id] = prepared.state_after
            if checked.key is not None:
                await self._write_batch(room, batch, outcomes)
                lookup.forget_unwritten()
        await self._write_batch(room, batch, outcomes)
        return outcomes

    @staticmethod
    def _asked(room: LiveRoom, events: Sequence[SignedPdu]) -> set[str]:
        followed = {prev for event in events for prev in event.prev_events()}
        return {event.event_id for event in events} | (followed - room.forward_extremities.keys())

    async def renew(self, room: LiveRoom, events: Sequence[SignedPdu]) -> None:
        """Gives stored events without their content that of confirmed copies."""
        if confirmed := [event for event in events if event.is_confirmed]:
            await self._renew_known(room, confirmed, await self.store.stored_pdus([e.event_id for e in confirmed]))

    async def _renew_known(self, room: LiveRoom, events: Sequence[SignedPdu], known: Mapping[str, StoredPdu]) -> None:
        """The same for events whose stored rows are known, in one write: whoever delivers many makes no more work than with one."""
        here = [
            (k, e)
            for e in events
            if (k := known.get(e.event_id)) is not None and k.room_nid == room.nid and e.room_id == room.room_id
        ]
        if settled := [k.nid for k, e in here if k.is_settled_by(e)]:
            await self.store.settle(settled)
        late = [(k, e) for k, e in here if k.gives_way_to(e) and k.status != REJECTED]
        if not late:
            return
        copies = [(k, await self._late(room, k, e)) for k, e in late]
        try:
            await self.outliers.renew(room, copies)
        except BAD_DATA:
            for one in copies:
                with contextlib.suppress(*BAD_DATA):
                    await self.outliers.renew(room, [one])

    async def _late(self, room: LiveRoom, known: StoredPdu, checked: SignedPdu) -> LateCopy:
        """What an event does only once it has its content. Before version 11, an emptied redaction names no event."""
        if known.status != HISTORY or checked.pdu["type"] != "m.room.redaction" or room.version.updated_redaction_rules:
            return LateCopy(checked)
        state = await self.preparing.state_for(room, checked, known.state_before)
        return LateCopy(checked, *await self.preparing.what_it_redacts(room, checked, state))

    async def _write_batch(self, room: LiveRoom, batch: list[ReceivedPdu], outcomes: dict[str, Outcome | MatrixError]) -> None:
        """Writes the events of a batch, notes their outcomes, and empties it."""
        together = await self._write_together(room, batch) if len(batch) > 1 else None
        outcomes.update(together or {})
        for prepared in batch if together is None else ():
            try:
                outcomes[prepared.checked.event_id] = await self._write(room, prepared)
            except MatrixError as error:
                outcomes[prepared.checked.event_id] = error
            except BAD_DATA as error:
                outcomes[prepared.checked.event_id] = _unkept(error)
        batch.clear()

    async def _write_together(self, room: LiveRoom, batch: Sequence[ReceivedPdu]) -> dict[str, Received] | None:
        """Writes events in one write. Returns by event id what became of them; None where that cannot be done."""
        room.become_federated()
        write = ReceivedWrite(room, list(batch))
        try:
            await self._rooms.commit(write)
        except BAD_DATA:
            log.info("some events could not be written together", extra={"fields": {"room": room.room_id}})
            return None
        match write.outcome:
            case Diverged() | Outdated():
                return None
            case received:
                return {p.checked.event_id: outcome for p, outcome in zip(batch, received, strict=True)}

    async def _write(self, room: LiveRoom, prepared: ReceivedPdu) -> Outcome:
        room.become_federated()
        for _ in range(MOST_TRIES):
            write = ReceivedWrite(room, [prepared])
            await self._rooms.commit(write)
            match write.outcome:
                case Diverged() as diverged:
                    resolved = await self._resolve_state(room, prepared, diverged)
                    if resolved is not None:
                        prepared.resolved_states[diverged.root, diverged.extremity_roots] = resolved
                case Outdated():
                    again = await self._prepare_again(room, prepared)
                    if not isinstance(again, ReceivedPdu):
                        return Received(again.status) if isinstance(again, StoredPdu) else again
                    prepared = again
                case [received]:
                    return received
        raise TimeoutError("the room changes too fast")

    async def _prepare_again(self, room: LiveRoom, was: ReceivedPdu) -> ReceivedPdu | StoredPdu | MissingPast:
        """Prepares an event again, once all members of the room are here: by the states with them."""
        prepared = await self.preparing.prepare(room, was.checked, was.given, was.missing)
        if isinstance(prepared, ReceivedPdu):
            prepared.starts_afresh, prepared.txn, prepared.beside = was.starts_afresh, was.txn, was.beside
        return prepared

    # --------------------------------------------------------------------------------------------------- the state

    async def _resolve_state(self, room: LiveRoom, prepared: ReceivedPdu, diverged: Diverged) -> ResolvedState | None:
        """What state resolution makes of the room's state with the event; None where the room has changed meanwhile."""
        await self._rooms.settled(room)
        if diverged.root != room.root:
            return None
        unwritten = None
        if prepared.checked.key is not None and prepared.chain is None:
            unwritten = Unwritten(
                prepared.nid, 2**31 - 1, prepared.checked.event_id, prepared.checked.pdu, prepared.auth_event_nids
            )
        root = await self.states.resolve(room, sorted(diverged.extremity_roots), unwritten)
        difference = await self._rooms.trees.diff(diverged.root, root)
        if not difference:
            return ResolvedState(diverged.root, {}, {})
        numbers = {nid for pair in difference.values() for nid in pair if nid is not None} - {prepared.nid}
        events = await self.preparing.events(room, numbers)
        if not prepared.starts_afresh:
            root, difference = await leave_out_first_joins(self.store, self.states, room, root, difference, events)
        for nid, chain in (await self.store.chains([n for n, e in events.items() if e.chain is None])).items():
            events[nid].chain = chain
        events[prepared.nid] = received_event(prepared.nid, prepared.checked, room, prepared.state_before)
        delta: StateDelta = {}
        for was, now in difference.values():
            before, after = events.get(was or -1), events.get(now or -1)
            key = after.key if after is not None else before.key if before is not None else CREATE
            delta[key] = before, after
        return ResolvedState(root, delta, await self.states.nodes_below(root, room.nodes))


def _unkept(error: Exception) -> MatrixError:
    """The refusal of an event that the database does not take, one of several."""
    log.warning("an event could not be kept", extra={"fields": {"why": str(error)[:200]}})
    return BadRequest("The event holds a value that cannot be kept")
