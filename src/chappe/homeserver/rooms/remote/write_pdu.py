"""Writes events of other servers: into the timeline, or outside of it (outliers, rejected and soft-failed events)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyroaring import BitMap

from chappe.homeserver.database.rows import Row
from chappe.homeserver.database.shared_rows import DirectoryEntryRow
from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.create_event import Redaction
from chappe.homeserver.rooms.event_write import StateDelta
from chappe.homeserver.rooms.fragments import (
    HeldRedactionRow,
    MembershipRow,
    PromotionRow,
    RedactionRow,
    StateMoveRow,
    StatePackRow,
)
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.checks import SignedPdu
from chappe.homeserver.rooms.remote.fragments import (
    OF_NO_TIMELINE,
    CutRow,
    FoundEventRow,
    MissingEventRow,
    OldMissingEventRow,
    UnfitEventRow,
)
from chappe.homeserver.rooms.remote.outcomes import Diverged, Outdated, Received
from chappe.homeserver.rooms.remote.states import Packs
from chappe.homeserver.rooms.remote.stored_pdu import HISTORY, REJECTED, SOFT_FAILED
from chappe.homeserver.rooms.remote.without_timeline import Chains, WithoutTimeline
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.state_tree import decode_pack, name_to_int
from chappe.homeserver.rooms.stretches import number_of_host
from chappe.homeserver.rooms.summary import SHOWN, summary_row
from chappe.matrix.client_events import client_event_head
from chappe.matrix.directory_entries import DirectoryEntry
from chappe.matrix.errors import Forbidden
from chappe.matrix.event_auth import StateEvent, StateKey, check_auth
from chappe.matrix.events import timestamp_of
from chappe.matrix.identifiers import domain_of, is_plain_server_name
from chappe.matrix.relations import relation_of


@dataclass(frozen=True, slots=True)
class ResolvedState:
    """What state resolution makes of a room's state. `delta`: by key, the state event before and the one after;
    `nodes`: those of the new tree that the live room did not have."""

    root: bytes
    delta: StateDelta
    nodes: Mapping[bytes, bytes]


@dataclass(slots=True)
class ReceivedPdu:
    """An event that may be written, with all that is found out without the room's present state.

    `is_rejected`: by its auth events, or by the state before it. `auth_event_nids`: of its auth events; `chains`: their auth
    chains. `given`: the root of the state before it, as another server says. `missing`: its previous events that are not here.
    """

    nid: int
    checked: SignedPdu
    state_before: bytes
    state_after: bytes
    packs: Packs
    auth_event_nids: Sequence[int]
    chains: Chains
    is_rejected: bool
    replaces: RoomEvent | None = None
    chain: ChainRow | None = None  # of an outlier, which has one already
    was_outlier: bool = False
    given: bytes | None = None
    missing: Sequence[str] = ()
    thread: str = ""
    redaction: Redaction | None = None  # what it redacts
    redacted: tuple[Redaction, RoomEvent] | None = None  # what redacted it before it came
    unmet_target: str | None = None  # it redacts an event that is not here
    starts_afresh: bool = False  # nobody here was in the room: what was the end of its graph no longer counts
    # members that the room does not know yet, as cited
    stand_ins: Mapping[StateKey, StateEvent] = field(default_factory=dict)
    person: DirectoryEntry | None = None  # of another server, who joins: how they are found by name
    txn: str | None = None  # of the client that has sent it, where that is one of ours
    beside: Sequence[Row] = ()  # rows that are committed with it, where it becomes part of the room
    resolved_states: dict[tuple[bytes, frozenset[bytes]], ResolvedState] = field(default_factory=dict)
    was_partial: bool = False  # members of the room were still to come when this was found out


class ReceivedWrite(WithoutTimeline):
    """Writes a batch of events, in topological order; only the last may be a state event.

    `build` sets `outcome`: what became of each; or why the room as it is now is no ground for them, so that nothing is written.
    """

    def __init__(self, room: LiveRoom, batch: Sequence[ReceivedPdu]) -> None:
        super().__init__(room, batch[0].txn)
        self.event_txn = self.txn
        self.batch = batch
        self.outcome: list[Received] | Diverged | Outdated = []

    def build(self) -> None:
        self.start_over()
        self.outcome = self._build_all()
        self.is_set_aside = not isinstance(self.outcome, list)
        self.positions = len(self.events)
        self.root_after = self.ahead.root
        self.txn_result = self.batch[-1].checked.event_id

    def _build_all(self) -> list[Received] | Diverged | Outdated:
        if not self.lane.is_partial and any(prepared.was_partial for prepared in self.batch):
            return Outdated()
        received = []
        for prepared in self.batch:
            outcome = self._build_one(prepared)
            if isinstance(outcome, Diverged):
                return outcome
            received.append(outcome)
        return received

    def _build_one(self, prepared: ReceivedPdu) -> Received | Diverged:
        room = self.lane
        if prepared.was_outlier:
            self.add_row(PromotionRow(nid=prepared.nid))
        self.add_row(FoundEventRow(room=room.nid, event_id=prepared.checked.event_id))
        status = REJECTED if prepared.is_rejected else self._judge_by_present(prepared)
        if status == REJECTED:
            self.add_held(prepared.nid, prepared.checked, prepared.state_before, prepared.state_before, REJECTED)
            return Received(status)
        for pack, data in prepared.packs:
            self.add_row(StatePackRow(pack=pack, room=room.nid, data=data))
        chain = prepared.chain
        if prepared.checked.key is not None and chain is None:
            chain = self.add_chain(prepared.nid, prepared.auth_event_nids, prepared.chains)
        if status == SOFT_FAILED:
            for event_id in prepared.missing:
                depth = prepared.checked.pdu["depth"]
                self.add_row(OldMissingEventRow(room=room.nid, event_id=event_id, depth=depth, position=OF_NO_TIMELINE))
            self.add_held(prepared.nid, prepared.checked, prepared.state_before, prepared.state_after, SOFT_FAILED)
            return Received(status)
        return self._into_timeline(prepared, chain)

    def _judge_by_present(self, prepared: ReceivedPdu) -> int:
        """Makes checks 6 and 7: what fails one is soft-failed."""
        try:
            self.check_by_current_state(prepared)
            check_by_policy_server(prepared.checked)
        except Forbidden:
            return SOFT_FAILED
        return HISTORY

    def check_by_current_state(self, prepared: ReceivedPdu) -> None:
        """Check 6: raises Forbidden where the current state of the room, with what is in flight, does not allow an event."""
        if self._brings_in_a_second_name(prepared):
            raise Forbidden("The name of the member's server is not in its plain form")
        if prepared.state_before == self.ahead.root or prepared.starts_afresh:
            return  # check 5 was made by this very state, or nobody here was in the room before
        pdu, key = prepared.checked.pdu, prepared.checked.key
        has_begun = bool(self.lane.joined) or key is None or self.lane.get(key) is not None or pdu["sender"] != key[1]
        check_auth(
            {**pdu, "event_id": prepared.checked.event_id},
            self.lane.version,
            lambda key: self.lane.get(key) or prepared.stand_ins.get(key),
            has_begun=has_begun,
        )

    def _brings_in_a_second_name(self, prepared: ReceivedPdu) -> bool:
        """Whether it is the first membership of somebody whose server name is not in its plain form: nobody talks to that server.

        Whoever has a membership in the room from an older time keeps it.
        """
        key = prepared.checked.key
        if key is None or key[0] != "m.room.member" or is_plain_server_name(domain_of(key[1])):
            return False
        return not prepared.starts_afresh and not (self.lane.get(key) or prepared.stand_ins.get(key))

    def _into_timeline(self, prepared: ReceivedPdu, chain: ChainRow | None) -> Received | Diverged:
        room, ahead, checked = self.lane, self.ahead, prepared.checked
        index = len(self.events)
        event = received_event(prepared.nid, checked, room, prepared.state_before)
        event.chain, event.thread, event.replaces = chain, prepared.thread, prepared.replaces
        event.txn = prepared.txn
        self._note_gap(prepared, index)
        if checked.key is not None:
            event.state_after = name_to_int(prepared.state_after)
        followed = set(checked.prev_events())
        if prepared.starts_afresh:
            followed |= ahead.forward_extremities.keys()
        extremities = {event_id: root for event_id, root in ahead.forward_extremities.items() if event_id not in followed}
        extremities[event.event_id] = prepared.state_after
        if (diverged := self._settle_state(prepared, index, event, frozenset(extremities.values()))) is not None:
            return diverged
        self.events.append(event)
        self._pdus.append(checked.raw)
        if checked.awaits_content:
            self.add_row(UnfitEventRow(nid=event.nid))
        self.rooms = {room.nid: {"events"}}
        own = self.forward_extremities
        self.used += [event_id for event_id in followed if event_id in ahead.forward_extremities and event_id not in own]
        self.forward_extremities = {event_id: root for event_id, root in own.items() if event_id not in followed}
        self.forward_extremities[event.event_id] = prepared.state_after
        self._add_what_follows(prepared, index, event)
        for row in prepared.beside:
            self.add_row(row)
        ahead.receive(extremities, checked.pdu["depth"])
        self.depth = max(self.depth, checked.pdu["depth"])
        return Received(HISTORY)

    def _note_gap(self, prepared: ReceivedPdu, index: int) -> None:
        """What it follows and is not here lies before it; where something of the room is here, after that."""
        room, checked = self.lane, prepared.checked
        for event_id in prepared.missing:
            depth = checked.pdu["depth"]
            self.add_row(MissingEventRow(at=index + 1, room=room.nid, event_id=event_id, depth=depth))
        host = number_of_host(domain_of(checked.pdu["sender"]))
        if prepared.missing and self.ahead.forward_extremities and room.order.has_room_for(host):
            is_fork = not prepared.starts_afresh and not self.ahead.forward_extremities.keys().isdisjoint(checked.prev_events())
            self.add_row(CutRow(at=index + 1, room=room.nid, host=host, is_fork=is_fork))
            self.adds_stretches = True

    def _settle_state(
        self, prepared: ReceivedPdu, index: int, event: RoomEvent, extremity_roots: frozenset[bytes]
    ) -> Diverged | None:
        """Sets the room's state with the event: the state after it, where it is the only forward extremity; else what the states after
        all of them resolve to. Where that is not known, sets nothing and says so."""
        ahead = self.ahead
        before, nodes = ahead.root, dict[bytes, bytes]()
        if before != prepared.state_before:
            event.room_before = name_to_int(before)
        if extremity_roots == {before}:
            return None
        if before == prepared.state_before and extremity_roots == {prepared.state_after}:
            event.replaces = ahead.get(event.key)
            delta: StateDelta = {event.key: (event.replaces, event)}
            root = prepared.state_after
            for pack, data in prepared.packs:
                nodes.update(decode_pack(pack, data))
        else:
            resolved = prepared.resolved_states.get((before, extremity_roots))
            if resolved is None:
                return Diverged(before, extremity_roots)
            event.state_delta = delta = {
                key: (was, event if now is not None and now.nid == event.nid else now)
                for key, (was, now) in resolved.delta.items()
            }
            root = resolved.root
            nodes.update(resolved.nodes)
        self.nodes.update(nodes)
        ahead.move(root, nodes, {key: now for key, (_, now) in delta.items()})
        if root != before:
            self.state_changes = 1
        for key, (was, now) in delta.items():
            self._note_change(index, event, key, was, now)
        self.revokes = self.revokes or event.state_delta is not None
        if any(kind in SHOWN or kind == "m.room.member" for kind, _ in delta):
            self.summary = summary_row(self.lane.nid, ahead.get, ahead.joined, ahead.invited)
        return None

    def _note_change(self, index: int, event: RoomEvent, key: StateKey, was: RoomEvent | None, now: RoomEvent | None) -> None:
        room = self.lane
        if event.state_delta is not None:
            self.add_row(
                StateMoveRow(
                    at=index + 1,
                    room=room.nid,
                    type=key[0],
                    state_key=key[1],
                    nid=now.nid if now else None,
                    was=was.nid if was else None,
                )
            )
        if key[0] != "m.room.member":
            return
        before = was.membership if was is not None else "leave"
        if now is not None:
            self.add_membership(index, now, before)
        elif was is not None:
            self.ahead.change_members(before, "leave")
            self.add_row(
                MembershipRow(at=index + 1, who=key[1], room=room.nid, membership="leave", nid=was.nid, sender=was.sender)
            )
            self.touch_user(key[1], "membership")

    def _add_what_follows(self, prepared: ReceivedPdu, index: int, event: RoomEvent) -> None:
        room = self.lane
        content = prepared.checked.pdu["content"]
        if prepared.person is not None:
            self.add_row(DirectoryEntryRow(*prepared.person))
        if prepared.redacted is None:  # else it says nothing any more
            self.add_notifications(index, event, content)
        if event.state_key is None and (relation := relation_of(content)) is not None:
            self.add_relation(index, event, relation)
        if prepared.redaction is not None:
            target = prepared.redaction
            self.redacted.append((target.event_id, target.head, event))
            self.add_row(RedactionRow(event_id=target.event_id, redacted_by=event.event_id, json=target.pdu))
        if prepared.unmet_target is not None:
            unmet = prepared.unmet_target
            self.add_row(HeldRedactionRow(target=unmet, redaction=event.event_id, room=room.nid))
        if prepared.redacted is not None:
            pruned, because = prepared.redacted
            event.set_head(pruned.head)
            event.redacted_because = because
            self.add_row(RedactionRow(event_id=event.event_id, redacted_by=because.event_id, json=pruned.pdu))


def check_by_policy_server(checked: SignedPdu) -> None:
    """Check 7: raises Forbidden where the room's policy server, which `PolicyServers.judge` has asked before, did not sign an event."""
    if checked.is_unwelcome:
        raise Forbidden("The room's policy server does not recommend the event")


def received_event(nid: int, checked: SignedPdu, room: LiveRoom, state_before: bytes) -> RoomEvent:
    pdu = checked.pdu
    head = client_event_head(pdu, checked.event_id, room.room_id, room.version)
    return RoomEvent(
        nid,
        checked.event_id,
        pdu["type"],
        pdu.get("state_key"),
        pdu["sender"],
        timestamp_of(pdu),
        pdu["depth"],
        head,
        name_to_int(state_before),
    )


NO_CHAIN = ChainRow(0, 0, BitMap())
