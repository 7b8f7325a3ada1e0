"""An event of another server becomes part of a room: the checks on receipt from the fourth on, and what it does to the state.

(server-server API, "Checks performed on receipt of a PDU": 4 by what it cites, 5 by the state before it, 6 by the present
state. The first three are in `checks.py`.)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import orjson

from chappe.homeserver.database.pool import BAD_DATA
from chappe.homeserver.matrix.canonical_json import canonical_json
from chappe.homeserver.matrix.directory_entries import directory_entry
from chappe.homeserver.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.homeserver.matrix.event_auth import CREATE, StateKey, auth_event_keys, check_auth, power_levels_of
from chappe.homeserver.matrix.events import client_event_head, redacts_of
from chappe.homeserver.matrix.identifiers import domain_of
from chappe.homeserver.matrix.redaction import redact
from chappe.homeserver.matrix.relations import THREAD, relation_of
from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.create_event import Redaction, Rows
from chappe.homeserver.rooms.event_write import Moved
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.auth import Cited, check_by_cited
from chappe.homeserver.rooms.remote.checks import Checked, kept
from chappe.homeserver.rooms.remote.first_joins import leave_out_first_joins
from chappe.homeserver.rooms.remote.outliers import Outliers
from chappe.homeserver.rooms.remote.received import (
    Move,
    NeedsMove,
    Outdated,
    Prepared,
    ReceivedWrite,
    received_event,
)
from chappe.homeserver.rooms.remote.renewal import Late
from chappe.homeserver.rooms.remote.states import States
from chappe.homeserver.rooms.remote.store import HISTORY, REJECTED, SOFT_FAILED, Known, RemoteStore, Unwritten
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.state_tree import EMPTY, children
from chappe.homeserver.rooms.store import WHATEVER_IS_HERE

MEMBER = "m.room.member"
MOST_TRIES = 50
log = logging.getLogger(__name__)


class MissingPast(Exception):
    """The event follows, or cites, events that are not here."""

    def __init__(self, prev: Sequence[str], auth: Sequence[str]) -> None:
        super().__init__(f"{len(prev)} events before it and {len(auth)} cited ones are not here")
        self.prev, self.auth = prev, auth


class Unconfirmed(MissingPast):
    """The event is here without its content: its sender's own server is to be asked whether that was redacted."""

    def __init__(self) -> None:
        super().__init__((), ())

    def __str__(self) -> str:
        return "what it says may have been redacted"


class Lookup:
    """What is here of some events, asked for once. `unwritten`: the root of the state after those that are being written.

    `was_partial`: members of their room were still to come when the first was asked for.
    """

    def __init__(self, store: RemoteStore, was_partial: bool) -> None:
        self._store, self.was_partial = store, was_partial
        self._asked: set[str] = set()
        self.known: dict[str, Known] = {}
        self.redactions: dict[str, list[str]] = {}
        self.unwritten: dict[str, bytes] = {}

    async def add(self, event_ids: Collection[str]) -> None:
        fresh = [event_id for event_id in event_ids if event_id not in self._asked]
        if fresh:
            self._asked.update(fresh)
            self.known.update(await self._store.known(fresh))
            self.redactions.update(await self._store.redactions_held(fresh))

    def forget_unwritten(self) -> None:
        """They are written: what is asked of them is asked of the database."""
        self._asked -= self.unwritten.keys()
        self.unwritten.clear()


Outcome = int | MissingPast | MatrixError


class Receiver:
    """One event at a time in a room. Raises MissingPast, and Forbidden for what is not of the room."""

    def __init__(self, rooms: Rooms, store: RemoteStore) -> None:
        self._rooms, self.store, self.states = rooms, store, States(rooms, store)
        self.outliers = Outliers(rooms, store)
        self._locks: weakref.WeakValueDictionary[int, asyncio.Lock] = weakref.WeakValueDictionary()

    def lock(self, room: LiveRoom) -> asyncio.Lock:
        """Held while events are received into the room by this process."""
        return self._locks.setdefault(room.number, asyncio.Lock())

    async def receive(
        self, room: LiveRoom, checked: Checked, state_before: bytes | None = None, missing: Sequence[str] = (),
        starts_afresh: bool = False, txn: str | None = None, beside: Rows = (),
    ) -> int:  # fmt: skip
        """Writes the event and returns its status. `state_before`, for one after a gap: as another server says; `missing`:
        the events of the gap that it follows; `starts_afresh`: it brings this server into the room; `txn`: of a client of ours;
        `beside`: see `Draft`."""
        if checked.room_id != room.room_id:
            raise Forbidden("The event is of another room")
        prepared = await self.prepare(room, checked, state_before, missing)
        if isinstance(prepared, Known):
            return prepared.status
        prepared.starts_afresh, prepared.txn, prepared.beside = starts_afresh, txn, beside
        return await self._write(room, prepared)

    async def receive_many(self, room: LiveRoom, events: Sequence[Checked]) -> dict[str, Outcome]:
        """Several events, in their order; those that only say something are written together.

        By id: the status, or what `receive` would have raised.
        """
        lookup = Lookup(self.store, room.is_partial)
        await lookup.add(self._asked(room, events))
        await self._renew_known(room, events, lookup.known)
        outcomes: dict[str, Outcome] = {}
        batch: list[Prepared] = []
        for checked in events:
            try:
                if checked.room_id != room.room_id:
                    raise Forbidden("The event is of another room")
                me = lookup.known.get(checked.event_id)
                if me is not None and me.lacks_content_of(checked) and not checked.is_confirmed:
                    raise Unconfirmed
                if checked.key is not None:
                    await self._write_batch(room, batch, outcomes)
                    lookup.forget_unwritten()
                prepared = await self.prepare(room, checked, None, (), lookup)
            except (MissingPast, MatrixError) as error:
                outcomes[checked.event_id] = error
                continue
            except BAD_DATA as error:
                outcomes[checked.event_id] = _unkept(error)
                continue
            if isinstance(prepared, Known):
                outcomes[checked.event_id] = prepared.status
                continue
            batch.append(prepared)
            lookup.unwritten[checked.event_id] = prepared.state_after
            if checked.key is not None:
                await self._write_batch(room, batch, outcomes)
                lookup.forget_unwritten()
        await self._write_batch(room, batch, outcomes)
        return outcomes

    @staticmethod
    def _asked(room: LiveRoom, events: Sequence[Checked]) -> set[str]:
        followed = {prev for event in events for prev in event.prev()}
        return {event.event_id for event in events} | (followed - room.leaves.keys())

    async def renew(self, room: LiveRoom, events: Sequence[Checked]) -> None:
        """What is here of some events without their content gets it, as far as they are confirmed."""
        if confirmed := [event for event in events if event.is_confirmed]:
            await self._renew_known(room, confirmed, await self.store.known([e.event_id for e in confirmed]))

    async def _renew_known(self, room: LiveRoom, events: Sequence[Checked], known: Mapping[str, Known]) -> None:
        """In one write: whoever delivers many makes no more work than with one."""
        here = [
            (k, e) for e in events
            if (k := known.get(e.event_id)) is not None and k.room == room.number and e.room_id == room.room_id
        ]  # fmt: skip
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

    async def _late(self, room: LiveRoom, known: Known, checked: Checked) -> Late:
        """What it does only now. Before version 11 what a redaction leaves of a redaction names no event."""
        if known.status != HISTORY or checked.pdu["type"] != "m.room.redaction" or room.version.updated_redaction_rules:
            return Late(checked)
        state = await self._state_for(room, checked, known.state_before)
        return Late(checked, *await self._what_it_redacts(room, checked, state))

    async def _write_batch(self, room: LiveRoom, batch: list[Prepared], outcomes: dict[str, Outcome]) -> None:
        """Empties the batch."""
        if len(batch) > 1:
            room.is_federated = True
            write = ReceivedWrite(room, list(batch))
            try:
                await self._rooms.commit(write)
            except (NeedsMove, Outdated):
                room.reset()  # the ends of the room do not agree, or are others now: one at a time
            except BAD_DATA:
                log.info("some events could not be written together", extra={"fields": {"room": room.room_id}})
            else:
                for prepared, status in zip(batch, write.statuses, strict=True):
                    outcomes[prepared.checked.event_id] = status
                batch.clear()
        for prepared in batch:
            try:
                outcomes[prepared.checked.event_id] = await self._write(room, prepared)
            except BAD_DATA as error:
                outcomes[prepared.checked.event_id] = _unkept(error)
        batch.clear()

    async def _write(self, room: LiveRoom, prepared: Prepared) -> int:
        room.is_federated = True
        for _ in range(MOST_TRIES):
            write = ReceivedWrite(room, [prepared])
            try:
                await self._rooms.commit(write)
            except NeedsMove as need:
                room.reset()
                move = await self._move(room, prepared, need)
                if move is not None:
                    prepared.moves[need.root, need.ends] = move
            except Outdated:
                again = await self._prepare_again(room, prepared)
                if isinstance(again, Known):
                    return again.status
                prepared = again
            else:
                return write.statuses[0]
        raise TimeoutError("the room changes too fast")

    # ------------------------------------------------------------------------------------------------- preparation

    async def _prepare_again(self, room: LiveRoom, was: Prepared) -> Prepared | Known:
        """Once the members of the room are here: by the states as they are with them."""
        room.reset()
        prepared = await self.prepare(room, was.checked, was.given, was.missing)
        if isinstance(prepared, Prepared):
            prepared.starts_afresh, prepared.txn, prepared.beside = was.starts_afresh, was.txn, was.beside
        return prepared

    async def prepare(
        self, room: LiveRoom, checked: Checked, state_before: bytes | None, missing: Sequence[str] = (),
        lookup: Lookup | None = None,
    ) -> Prepared | Known:  # fmt: skip
        """What can be found out before the event is written; or what it is, where it is here already.

        Where it is here without its content, this copy gives it that only where it is confirmed; and where it is in the room
        already, `renew` does.
        """
        lookup, given = lookup or Lookup(self.store, room.is_partial), state_before
        prev, auth = checked.prev(), checked.auth()
        at_hand = {e.event_id: e for e in self._likely_cited(room, checked)}
        leaves = {**room.leaves, **lookup.unwritten}
        asked = {checked.event_id, *(p for p in prev if p not in leaves), *(a for a in auth if a not in at_hand)}
        await lookup.add(asked)
        known = {i: lookup.known[i] for i in asked if i in lookup.known}
        me = known.pop(checked.event_id, None)
        if me is not None and me.room != room.number:
            raise Forbidden("The event's id is that of an event in another room")
        if me is not None and me.status == REJECTED and me.has_state and not me.gives_way_to(checked):
            return me
        if me is not None and me.status in (HISTORY, SOFT_FAILED):
            return me
        if me is not None:
            checked = await self._as_here(me, checked)
        if any(event.room != room.number for event in known.values()):
            raise Forbidden("The event refers to another room")
        roots = {p: leaves[p] if p in leaves else known[p].state_after
                 for p in prev if p in leaves or (p in known and known[p].has_state)}  # fmt: skip
        unknown_auth = [a for a in auth if a not in at_hand and a not in known]
        unknown_prev = [p for p in prev if p not in roots] if state_before is None else []
        if unknown_prev or unknown_auth:
            raise MissingPast(unknown_prev, unknown_auth)
        if state_before is None:
            state_before = await self.states.resolve(room, list(roots.values())) if roots else EMPTY
        missing = [event_id for event_id in missing if event_id not in roots]
        cited = await self.outliers.cited_among(auth, at_hand, known)
        numbers = {a: at_hand[a].nid if a in at_hand else known[a].nid for a in auth}
        prepared = await self._judge(room, checked, me, state_before, missing, cited, numbers, lookup)
        prepared.given, prepared.was_partial = given, lookup.was_partial
        return prepared

    async def _as_here(self, me: Known, checked: Checked) -> Checked:
        """A copy of what is known already: with no more content than there is here, unless it brings what is still to come."""
        if checked.is_unfit:
            return checked
        if me.is_unfit:
            return checked if checked.is_confirmed else checked.emptied()
        raw = (await self.store.pdus([me.nid])).get(me.nid)
        if raw and not kept(orjson.loads(raw), me.event_id, checked.version).is_unfit:
            return checked
        return replace(checked.emptied(), is_confirmed=True)

    @staticmethod
    def _likely_cited(room: LiveRoom, checked: Checked) -> list[RoomEvent]:
        pdu = checked.pdu
        keys = auth_event_keys(pdu["type"], pdu.get("state_key"), pdu["sender"], pdu["content"], room.version)
        return [event for key in (*keys, CREATE) if (event := room.state.get(key)) is not None]

    async def _judge(
        self, room: LiveRoom, checked: Checked, me: Known | None, state_before: bytes, missing: Sequence[str],
        cited: Mapping[str, Cited], numbers: Mapping[str, int], lookup: Lookup,
    ) -> Prepared:  # fmt: skip
        nid = me.nid if me is not None else (await self._rooms.numbers.take(1))[0]
        state = await self._state_for(room, checked, state_before)
        stand_ins: dict[StateKey, Cited] = {}
        if room.is_partial:
            stand_ins = {
                e.key: e for e in cited.values() if e.key[0] == MEMBER and not e.is_rejected and e.key not in state
            }
            state.update(stand_ins)
        is_rejected = False
        try:
            check_by_cited(checked, cited)
            check_auth({**checked.pdu, "event_id": checked.event_id}, room.version, state.get)
        except Forbidden:
            is_rejected = True
        own, pdu = checked.key, checked.pdu
        in_auth = [n for a, n in numbers.items() if a in checked.pdu_auth()]
        prepared = Prepared(
            nid, checked, state_before, state_before, [], in_auth, {}, is_rejected, was_outlier=me is not None, missing=missing,
            stand_ins=stand_ins,
        )  # fmt: skip
        if is_rejected:
            return prepared
        if own is not None:
            key = self._rooms.key_hash(*own)
            prepared.state_after, prepared.packs = await self.states.edit(state_before, {key: nid}, nid)
            prepared.chains = await self._chains(room, numbers.values(), [event.key for event in cited.values()])
            prepared.chain = (await self.store.chains([nid])).get(nid) if me is not None else None
            if own[0] == MEMBER and pdu["content"].get("membership") == "join" and not self._rooms.is_hosted(own[1]):
                prepared.person = directory_entry(own[1], pdu["content"])
            replaced = (await self._rooms.trees.get_many(state_before, [key])).get(key)
            if replaced is not None:
                prepared.replaces = (await self.events(room, [replaced], [own])).get(replaced)
        await self._relate(room, prepared, state, lookup)
        return prepared

    async def _state_for(self, room: LiveRoom, checked: Checked, root: bytes) -> dict[StateKey, Cited]:
        """Of a state, what authorisation asks for."""
        pdu = checked.pdu
        keys = {
            *auth_event_keys(pdu["type"], pdu.get("state_key"), pdu["sender"], pdu["content"], room.version),
            CREATE,
        }
        if root == room.root:
            found = {key: event for key in keys if (event := room.state.get(key)) is not None}
        else:
            hashes = {self._rooms.key_hash(*key): key for key in keys}
            entries = await self._rooms.trees.get_many(root, hashes)
            events = await self.events(room, entries.values(), keys)
            found = {hashes[h]: events[nid] for h, nid in entries.items()}
        return {key: Cited(e.event_id, key, e.sender, e.content) for key, e in found.items()}

    async def events(
        self, room: LiveRoom, numbers: Collection[int], keys: Iterable[StateKey] | None = None
    ) -> dict[int, RoomEvent]:
        """Events by number: from the room's present state, else from the database. `keys`: those they may have, where known."""
        wanted = set(numbers)
        found = {e.nid: e for e in _present(room, keys) if e.nid in wanted}
        missing = [n for n in wanted if n not in found]
        if missing:
            rows = await self._rooms.store.events_by_number(missing)
            found.update((e.nid, e) for e in await self._rooms.timeline.of_rows(room, rows))
        return found

    async def _chains(self, room: LiveRoom, numbers: Collection[int], keys: Iterable[StateKey]) -> dict[int, ChainRow]:
        wanted = set(numbers)
        chains = {e.nid: e.chain for e in _present(room, keys) if e.nid in wanted and e.chain is not None}
        return {**await self.store.chains([n for n in wanted if n not in chains]), **chains}

    async def _relate(
        self, room: LiveRoom, prepared: Prepared, state: Mapping[StateKey, Cited], lookup: Lookup
    ) -> None:
        """Its thread, what it redacts, and what has redacted it before it came."""
        checked = prepared.checked
        pdu = checked.pdu
        if "state_key" not in pdu and (relation := relation_of(pdu["content"])) is not None:
            if relation.rel_type == THREAD:
                prepared.thread = relation.target
            else:
                prepared.thread, _ = await self._rooms.thread_of(room, relation.target)
        prepared.redaction, prepared.unmet_target = await self._what_it_redacts(room, checked, state)
        held = lookup.redactions.get(checked.event_id)
        for row in await self._rooms.store.events_by_id(room.number, held, WHATEVER_IS_HERE) if held else ():
            if self._may_redact(room, row["sender"], pdu["sender"], state):
                because = (await self._rooms.timeline.of_rows(room, [row]))[0]
                prepared.redacted = _pruned(room, checked.event_id, checked.raw), because
                break

    async def _what_it_redacts(
        self, room: LiveRoom, checked: Checked, state: Mapping[StateKey, Cited]
    ) -> tuple[Redaction | None, str | None]:
        """(what it redacts, the event that it names where that is not here)."""
        target = redacts_of(checked.pdu, room.version) if checked.pdu["type"] == "m.room.redaction" else None
        if target is None:
            return None, None
        found = await self._rooms.store.events_by_id(room.number, [target], WHATEVER_IS_HERE)
        if not found:
            return None, target
        may = self._may_redact(room, checked.pdu["sender"], found[0]["sender"], state)
        return _pruned(room, target, found[0]["json"]) if may else None, None

    @staticmethod
    def _may_redact(room: LiveRoom, sender: str, target: str, state: Mapping[StateKey, Cited]) -> bool:
        if domain_of(sender) == domain_of(target):
            return True
        create = state.get(CREATE)
        if create is None:
            return False
        levels = power_levels_of(state.get, room.version, create)
        return levels.of(sender) >= levels.level("redact")

    # --------------------------------------------------------------------------------------------------- the state

    async def _move(self, room: LiveRoom, prepared: Prepared, need: NeedsMove) -> Move | None:
        """What the room's state becomes; None where it has changed meanwhile."""
        for _ in range(1000):
            if room.ahead_root == room.root and not room.stale:
                break
            await asyncio.sleep(0.005)
        if need.root != room.root:
            return None
        unwritten = None
        if prepared.checked.key is not None and prepared.chain is None:
            unwritten = Unwritten(
                prepared.nid, 2**31 - 1, prepared.checked.event_id, prepared.checked.pdu, prepared.cited
            )
        root = await self.states.resolve(room, sorted(need.ends), unwritten)
        difference = await self._rooms.trees.diff(need.root, root)
        if not difference:
            return Move(need.root, {}, {})
        numbers = {nid for pair in difference.values() for nid in pair if nid is not None} - {prepared.nid}
        events = await self.events(room, numbers)
        if not prepared.starts_afresh:
            root, difference = await leave_out_first_joins(self.store, self.states, room, root, difference, events)
        for nid, chain in (await self.store.chains([n for n, e in events.items() if e.chain is None])).items():
            events[nid].chain = chain
        events[prepared.nid] = received_event(prepared.nid, prepared.checked, room, prepared.state_before)
        changes: Moved = {}
        for was, now in difference.values():
            before, after = events.get(was or -1), events.get(now or -1)
            key = after.key if after is not None else before.key if before is not None else CREATE
            changes[key] = before, after
        return Move(root, changes, await self.nodes_below(root, room.nodes))

    async def nodes_below(self, root: bytes, have: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """The nodes of a tree that are not at hand."""
        found: dict[bytes, bytes] = {}
        level = [root] if root != EMPTY and root not in have else []
        while level:
            nodes = await self._rooms.trees.nodes(level)
            found.update(nodes)
            level = [c for node in nodes.values() for c in children(node) if c not in have and c not in found]
        return found


def _unkept(error: Exception) -> MatrixError:
    """One event of several that no table takes: it is refused, and the others are not."""
    log.warning("an event could not be kept", extra={"fields": {"why": str(error)[:200]}})
    return BadRequest("The event holds a value that cannot be kept")


def _present(room: LiveRoom, keys: Iterable[StateKey] | None) -> Iterable[RoomEvent]:
    """The room's present state, or what it has under some keys."""
    if keys is None:
        return room.state.values()
    return [event for key in keys if (event := room.state.get(key)) is not None]


def _pruned(room: LiveRoom, event_id: str, raw: bytes) -> Redaction:
    pruned = redact(orjson.loads(raw), room.version)
    return Redaction(
        event_id, canonical_json(pruned), client_event_head(pruned, event_id, room.room_id, room.version)
    )  # fmt: skip
