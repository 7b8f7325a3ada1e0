"""Writes the content of events that are stored without it, and what these events do only once they have it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

from msgspec.structs import replace

from chappe.homeserver.database.shared_rows import DirectoryEntryRow
from chappe.homeserver.rooms.create_event import Redaction
from chappe.homeserver.rooms.fragments import HeldRedactionRow, RedactionRow
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.checks import SignedPdu
from chappe.homeserver.rooms.remote.fragments import RenewedEventRow, RetoldRoomRow
from chappe.homeserver.rooms.remote.without_timeline import WithoutTimeline
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.summary import SHOWN, summary_row
from chappe.matrix.client_events import client_event_head
from chappe.matrix.directory_entries import DirectoryEntry
from chappe.matrix.event_auth import StateKey
from chappe.matrix.relations import BUNDLED, THREAD, relation_of

SHOWN_AT_ONCE = 20  # renewed events that are changed in the room as it is in memory: of more, it is read anew


@dataclass(frozen=True, slots=True)
class LateCopy:
    """A copy that has the content of an event that is stored without it, and what the event does only now (as in `ReceivedPdu`)."""

    checked: SignedPdu
    redaction: Redaction | None = None
    unmet_target: str | None = None
    person: DirectoryEntry | None = None


class RenewalWrite(WithoutTimeline):
    """Gives events that were stored redacted for their wrong hash their own content. They keep their place. After `build`:

    `has_decided`: something of the room may be otherwise now than its members were told, beyond what was said and who is called
    what. `is_read_anew`: the room as it is in memory will not be what is written, and is read again.
    """

    def __init__(self, room: LiveRoom, copies: Mapping[int, LateCopy]) -> None:
        super().__init__(room, None)
        self._copies = copies
        self.has_decided = self._changes_state = False

    def build(self) -> None:
        self.start_over()
        room = self.lane
        self.rooms, self.positions = {room.nid: {"events"}}, 1
        self.has_decided = self._changes_state = False
        at_hand = {e.nid for e in room.tail} | {e.replaces.nid for e in room.tail if e.replaces is not None}
        now: dict[StateKey, RoomEvent] = {}
        for nid, late in self._copies.items():
            if (event := self._renew(nid, late, at_hand)) is not None:
                now[event.key] = event
            self._do_late(late)
        if not room.is_stub and any(kind in SHOWN for kind, _ in now):
            self.summary = summary_row(
                room.nid, lambda key: now.get(key) or room.get(key), self.ahead.joined, self.ahead.invited
            )
        self._changes_state = self._changes_state or any(kind != "m.room.member" for kind, _ in now)
        self.state_changes = int(self._changes_state)  # what other processes have built on what was left is built again
        self.has_decided = self.has_decided or self._changes_state
        self.is_read_anew = self._changes_state or len(self.redacted) > SHOWN_AT_ONCE
        if len(self.redacted) > SHOWN_AT_ONCE:
            self.redacted = []

    def _renew(self, nid: int, late: LateCopy, at_hand: Collection[int]) -> RoomEvent | None:
        """Gives an event its content. Returns it as it is with that, where it is part of the room's present state."""
        room, checked = self.lane, late.checked
        head = client_event_head(checked.pdu, checked.event_id, room.room_id, room.version)
        relation = relation_of(checked.pdu["content"]) if checked.key is None else None
        row = RenewedEventRow(nid=nid, json=checked.raw, target=None, rel_type=None, key=None)
        if relation is not None:
            row = replace(row, target=relation.target, rel_type=relation.rel_type, key=relation.key)
        self.add_row(row)
        if relation is not None and relation.rel_type in BUNDLED:
            self.related.append(relation.target)
            if relation.rel_type == THREAD:
                self.threads.append(relation.target)
        present = room.get(checked.key) if checked.key is not None else None
        if present is not None and present.nid != nid:
            present = None
        if nid in at_hand or present is not None:
            self.redacted.append((checked.event_id, head, None))
        if present is None or present.is_redacted:
            return None
        if late.person is not None:
            self.add_row(DirectoryEntryRow(*late.person))
        renewed = copy(present)
        renewed.set_head(head)
        return renewed

    def _do_late(self, late: LateCopy) -> None:
        if (found := late.redaction) is not None:
            room, self.has_decided = self.lane, True
            self.add_row(RedactionRow(event_id=found.event_id, redacted_by=late.checked.event_id, json=found.pdu))
            target, because = room.recent(found.event_id), room.recent(late.checked.event_id)
            if target is not None and target.state_key is None and because is not None:
                self.redacted.append((found.event_id, found.head, because))
            else:  # it may be of the state
                self._changes_state = True
        if late.unmet_target is not None:
            redaction = late.checked.event_id
            self.add_row(HeldRedactionRow(target=late.unmet_target, redaction=redaction, room=self.lane.nid))


class RetoldWrite(WithoutTimeline):
    """Has some members of here read the room's state anew."""

    def __init__(self, room: LiveRoom, readers: Sequence[str]) -> None:
        super().__init__(room, None)
        self._readers = readers

    def build(self) -> None:
        self.start_over()
        self.rooms, self.positions = {self.lane.nid: {"events"}}, 1
        self.add_row(RetoldRoomRow(room=self.lane.nid, own=list(self._readers)))
        for user in self._readers:
            self.touch_user(user, "membership")
