"""Checks 4 and 5 of an event from another server (see `receive_pdu.py`): by its auth events, and by the state before it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.create_event import Redaction
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.redacting import redaction_of
from chappe.homeserver.rooms.remote.auth import AuthEvent, check_by_auth_events
from chappe.homeserver.rooms.remote.checks import SignedPdu, kept
from chappe.homeserver.rooms.remote.outcomes import MissingPast
from chappe.homeserver.rooms.remote.outliers import Outliers
from chappe.homeserver.rooms.remote.states import States
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.remote.stored_pdu import HISTORY, REJECTED, SOFT_FAILED, StoredPdu
from chappe.homeserver.rooms.remote.write_pdu import ReceivedPdu
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import MEMBER, Rooms
from chappe.homeserver.rooms.state_tree import EMPTY, int_to_name
from chappe.homeserver.rooms.store import WHATEVER_IS_HERE
from chappe.matrix.directory_entries import directory_entry
from chappe.matrix.errors import Forbidden
from chappe.matrix.event_auth import CREATE, POWER_LEVELS, StateKey, auth_event_keys, check_auth, power_levels_of
from chappe.matrix.events import redacts_of
from chappe.matrix.identifiers import domain_of
from chappe.matrix.relations import THREAD, relation_of


class Lookup:
    """What is stored of some events, read once. `unwritten`: by id of events that are being written, the root of the state after each.

    `was_partial`: members of their room were still to come when the first was asked for.
    """

    def __init__(self, store: RemoteStore, was_partial: bool) -> None:
        self._store, self.was_partial = store, was_partial
        self._asked: set[str] = set()
        self.known: dict[str, StoredPdu] = {}
        self.redactions: dict[str, list[str]] = {}
        self.unwritten: dict[str, bytes] = {}

    async def add(self, event_ids: Collection[str]) -> None:
        fresh = [event_id for event_id in event_ids if event_id not in self._asked]
        if fresh:
            self._asked.update(fresh)
            self.known.update(await self._store.stored_pdus(fresh))
            self.redactions.update(await self._store.redactions_held(fresh))

    def forget_unwritten(self) -> None:
        """Forgets the events that were being written: they are in the database by now, and read from there."""
        self._asked -= self.unwritten.keys()
        self.unwritten.clear()


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What is here of an event (`me`), and of those that it refers to.

    `prev_events`, `auth_events`: their ids. `at_hand`: the auth events of the room's present state. `known`: what else is stored.
    `roots`: by id of a previous event, the root of the state after it.
    """

    me: StoredPdu | None
    prev_events: Sequence[str]
    auth_events: Sequence[str]
    at_hand: Mapping[str, RoomEvent]
    known: Mapping[str, StoredPdu]
    roots: Mapping[str, bytes]

    def numbers(self) -> dict[str, int]:
        """Of the auth events, all of which are here."""
        return {a: self.at_hand[a].nid if a in self.at_hand else self.known[a].nid for a in self.auth_events}


class PduPreparation:
    """Makes a `ReceivedPdu` of an event."""

    def __init__(self, rooms: Rooms, store: RemoteStore, states: States, outliers: Outliers) -> None:
        self._rooms, self._store, self._states, self._outliers = rooms, store, states, outliers

    async def prepare(
        self,
        room: LiveRoom,
        checked: SignedPdu,
        state_before: bytes | None,
        missing: Sequence[str] = (),
        lookup: Lookup | None = None,
    ) -> ReceivedPdu | StoredPdu | MissingPast:
        """Makes checks 4 and 5, and finds what the event replaces, redacts and relates to. Returns the stored event where it is here.

        Raises Forbidden for an event that is not of the room.

        `state_before`: the root of the state before the event, as another server says; None: it is resolved from the states after
        the previous events. `missing`: the previous events that are not here then. An event that is stored without its content,
        and is not in the timeline yet, gets the content of this copy only where the copy is confirmed.
        """
        lookup, given = lookup or Lookup(self._store, room.is_partial), state_before
        around = await self._surroundings(room, checked, lookup)
        me = around.me
        if me is not None:
            if me.room_nid != room.nid:
                raise Forbidden("The event's id is that of an event in another room")
            if _is_received(me, checked):
                return me
            checked = await self._as_here(me, checked)
        if any(event.room_nid != room.nid for event in around.known.values()):
            raise Forbidden("The event refers to another room")
        unknown_auth = [a for a in around.auth_events if a not in around.at_hand and a not in around.known]
        unknown_prev = [p for p in around.prev_events if p not in around.roots] if state_before is None else []
        if unknown_prev or unknown_auth:
            return MissingPast(unknown_prev, unknown_auth)
        if state_before is None:
            state_before = await self._states.resolve(room, list(around.roots.values())) if around.roots else EMPTY
        missing = [event_id for event_id in missing if event_id not in around.roots]
        prepared = await self._judge(room, checked, around, state_before, missing, lookup)
        prepared.given, prepared.was_partial = given, lookup.was_partial
        return prepared

    async def _surroundings(self, room: LiveRoom, checked: SignedPdu, lookup: Lookup) -> _Surroundings:
        """Finds what is here of an event, and of those that it refers to."""
        prev_events, auth_events = checked.prev_events(), checked.auth_events()
        at_hand = {e.event_id: e for e in self._likely_auth_events(room, checked)}
        roots = {**room.forward_extremities, **lookup.unwritten}
        asked = {checked.event_id, *(p for p in prev_events if p not in roots), *(a for a in auth_events if a not in at_hand)}
        await lookup.add(asked)
        known = {i: lookup.known[i] for i in asked if i in lookup.known}
        me = known.pop(checked.event_id, None)
        for event_id in prev_events:
            if event_id not in roots and event_id in known and known[event_id].has_state:
                roots[event_id] = known[event_id].state_after
        return _Surroundings(me, prev_events, auth_events, at_hand, known, {p: roots[p] for p in prev_events if p in roots})

    async def _as_here(self, me: StoredPdu, checked: SignedPdu) -> SignedPdu:
        """The event with the content that is stored, or with that of the copy where the stored one is still to come: never with less
        than is stored."""
        if me.is_unfit:
            return checked if checked.is_unfit or checked.is_confirmed else checked.emptied()
        raw = (await self._store.pdus([me.nid])).get(me.nid)
        here = kept(orjson.loads(raw), me.event_id, checked.version) if raw else None
        if here is None or here.is_unfit:  # it was redacted, or its time was over
            return replace(checked.emptied(), is_confirmed=True)
        return replace(here, is_unwelcome=checked.is_unwelcome) if checked.is_unfit else checked

    @staticmethod
    def _likely_auth_events(room: LiveRoom, checked: SignedPdu) -> list[RoomEvent]:
        pdu = checked.pdu
        keys = auth_event_keys(pdu["type"], pdu.get("state_key"), pdu["sender"], pdu["content"], room.version)
        return [event for key in (*keys, CREATE) if (event := room.state.get(key)) is not None]

    async def _judge(
        self,
        room: LiveRoom,
        checked: SignedPdu,
        around: _Surroundings,
        state_before: bytes,
        missing: Sequence[str],
        lookup: Lookup,
    ) -> ReceivedPdu:
        """Makes checks 4 and 5: what fails one is rejected."""
        me, auth_events = around.me, await self._outliers.auth_events_among(around.auth_events, around.at_hand, around.known)
        numbers = around.numbers()
        nid = me.nid if me is not None else (await self._rooms.numbers.take(1))[0]
        state = await self.state_for(room, checked, state_before)
        stand_ins: dict[StateKey, AuthEvent] = {}
        if room.is_partial:
            stand_ins = {
                e.key: e for e in auth_events.values() if e.key[0] == MEMBER and not e.is_rejected and e.key not in state
            }
            state.update(stand_ins)
        is_rejected = False
        try:
            check_by_auth_events(checked, auth_events)
            check_by_state_before(checked, state)
        except Forbidden:
            is_rejected = True
        own = checked.key
        in_auth = [n for a, n in numbers.items() if a in checked.pdu_auth_events()]
        prepared = ReceivedPdu(
            nid,
            checked,
            state_before,
            state_before,
            [],
            in_auth,
            {},
            is_rejected,
            was_outlier=me is not None,
            missing=missing,
            stand_ins=stand_ins,
        )
        if is_rejected:
            return prepared
        if own is not None:
            prepared.chains = await self._chains(room, numbers.values(), [event.key for event in auth_events.values()])
            prepared.chain = (await self._store.chains([nid])).get(nid) if me is not None else None
            await self._change_state(room, prepared, own)
        await self._relate(room, prepared, state, lookup)
        return prepared

    async def _change_state(self, room: LiveRoom, prepared: ReceivedPdu, key: StateKey) -> None:
        """Finds the state after a state event, and which event it replaces."""
        pdu, key_hash = prepared.checked.pdu, self._rooms.key_hash(*key)
        prepared.state_after, prepared.packs = await self._states.edit(
            prepared.state_before, {key_hash: prepared.nid}, prepared.nid
        )
        if key[0] == MEMBER and pdu["content"].get("membership") == "join" and not self._rooms.is_hosted(key[1]):
            prepared.person = directory_entry(key[1], pdu["content"])
        replaced = (await self._rooms.trees.get_many(prepared.state_before, [key_hash])).get(key_hash)
        if replaced is not None:
            prepared.replaces = (await self.events(room, [replaced], [key])).get(replaced)

    async def state_for(self, room: LiveRoom, checked: SignedPdu, root: bytes) -> dict[StateKey, AuthEvent]:
        """The state events of a state that authorising an event needs, by key."""
        pdu = checked.pdu
        keys = {*auth_event_keys(pdu["type"], pdu.get("state_key"), pdu["sender"], pdu["content"], room.version), CREATE}
        return await self._entries(room, keys, root)

    async def _entries(self, room: LiveRoom, keys: Collection[StateKey], root: bytes) -> dict[StateKey, AuthEvent]:
        if root == room.root:
            found = {key: event for key in keys if (event := room.state.get(key)) is not None}
        else:
            hashes = {self._rooms.key_hash(*key): key for key in keys}
            entries = await self._rooms.trees.get_many(root, hashes)
            events = await self.events(room, entries.values(), keys)
            found = {hashes[h]: events[nid] for h, nid in entries.items()}
        return {key: AuthEvent(e.event_id, key, e.sender, e.content) for key, e in found.items()}

    async def events(
        self, room: LiveRoom, numbers: Collection[int], keys: Iterable[StateKey] | None = None
    ) -> dict[int, RoomEvent]:
        """Events by number: from the room's present state, else from the database. `keys`: those they may have, where known."""
        wanted = set(numbers)
        found = {e.nid: e for e in _present(room, keys) if e.nid in wanted}
        missing = [n for n in wanted if n not in found]
        if missing:
            rows = await self._rooms.store.events_by_nid(missing)
            found.update((e.nid, e) for e in await self._rooms.timeline.of_rows(room, rows))
        return found

    async def _chains(self, room: LiveRoom, numbers: Collection[int], keys: Iterable[StateKey]) -> dict[int, ChainRow]:
        wanted = set(numbers)
        chains = {e.nid: e.chain for e in _present(room, keys) if e.nid in wanted and e.chain is not None}
        return {**await self._store.chains([n for n in wanted if n not in chains]), **chains}

    async def _relate(self, room: LiveRoom, prepared: ReceivedPdu, state: Mapping[StateKey, AuthEvent], lookup: Lookup) -> None:
        """Finds the thread of an event, what it redacts, and the redaction that came before it. Whoever redacts needs the power when
        they do, not when it was said."""
        checked = prepared.checked
        pdu = checked.pdu
        if "state_key" not in pdu and (relation := relation_of(pdu["content"])) is not None:
            if relation.rel_type == THREAD:
                prepared.thread = relation.target
            else:
                prepared.thread, _ = await self._rooms.relating.thread_of(room, relation.target)
        prepared.redaction, prepared.unmet_target = await self.what_it_redacts(room, checked, state)
        held = lookup.redactions.get(checked.event_id)
        for row in await self._rooms.store.events_by_id(room.nid, held, WHATEVER_IS_HERE) if held else ():
            because = (await self._rooms.timeline.of_rows(room, [row]))[0]
            then = await self._entries(room, (CREATE, POWER_LEVELS), int_to_name(because.state_before))
            if self._may_redact(room, because.sender, pdu["sender"], then):
                prepared.redacted = redaction_of(room, checked.event_id, checked.raw), because
                break

    async def what_it_redacts(
        self, room: LiveRoom, checked: SignedPdu, state: Mapping[StateKey, AuthEvent]
    ) -> tuple[Redaction | None, str | None]:
        """(the redaction that it carries out, the id of the event that it names where that is not here)."""
        target = redacts_of(checked.pdu, room.version) if checked.pdu["type"] == "m.room.redaction" else None
        if target is None:
            return None, None
        found = await self._rooms.store.events_by_id(room.nid, [target], WHATEVER_IS_HERE)
        if not found:
            return None, target
        may = self._may_redact(room, checked.pdu["sender"], found[0].sender, state)
        return redaction_of(room, target, found[0].json) if may else None, None

    @staticmethod
    def _may_redact(room: LiveRoom, sender: str, target: str, state: Mapping[StateKey, AuthEvent]) -> bool:
        if domain_of(sender) == domain_of(target):
            return True
        create = state.get(CREATE)
        if create is None:
            return False
        levels = power_levels_of(state.get, room.version, create)
        return levels.of(sender) >= levels.level("redact")


def check_by_state_before(checked: SignedPdu, state: Mapping[StateKey, AuthEvent]) -> None:
    """Check 5: raises Forbidden where the state before an event does not allow it."""
    check_auth({**checked.pdu, "event_id": checked.event_id}, checked.version, state.get)


def _is_received(me: StoredPdu, checked: SignedPdu) -> bool:
    """Whether a stored event stays what it is, whatever copy of it comes."""
    if me.status == REJECTED:
        return me.has_state and not me.gives_way_to(checked)
    return me.status in (HISTORY, SOFT_FAILED)


def _present(room: LiveRoom, keys: Iterable[StateKey] | None) -> Iterable[RoomEvent]:
    """The state events of the room's present state, or those under some keys."""
    if keys is None:
        return room.state.values()
    return [event for key in keys if (event := room.state.get(key)) is not None]
