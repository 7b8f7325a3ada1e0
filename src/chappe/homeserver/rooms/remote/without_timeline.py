"""Writes of which no member sees anything: events that are kept outside of the timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.event_write import EventWrite
from chappe.homeserver.rooms.fragments import PromotionRow, auth_event_row
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.checks import SignedPdu
from chappe.homeserver.rooms.remote.fragments import HeldEventRow, UnfitEventRow
from chappe.homeserver.rooms.remote.stored_pdu import OUTLYING, REJECTED
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.state_tree import EMPTY, name_to_int
from chappe.homeserver.rooms.store import OUTLIER
from chappe.matrix.events import timestamp_of

Chains = Mapping[int, ChainRow]


class WithoutTimeline(EventWrite):
    """A write of which no member sees anything."""

    lane: LiveRoom
    related: list[str]
    threads: list[str]

    def start_over(self) -> None:
        super().start_over()
        self.is_set_aside = False
        self.rooms = {self.lane.nid: {"beside"}}  # no news for anybody
        self.related, self.threads = [], []
        self.root_after, self.depth, self.positions = self.ahead.root, 0, 0
        self.next_num = self.ahead.chains.next_num

    def add_held(
        self,
        nid: int,
        checked: SignedPdu,
        before: bytes,
        after: bytes,
        status: int,
        position: int = OUTLIER,
        replaces: RoomEvent | None = None,
        thread: str = "",
    ) -> None:
        pdu = checked.pdu
        self.add_row(
            HeldEventRow(
                nid=nid,
                room=self.lane.nid,
                event_id=checked.event_id,
                type=pdu["type"],
                state_key=pdu.get("state_key"),
                sender=pdu["sender"],
                ts=timestamp_of(pdu),
                depth=pdu["depth"],
                state_before=name_to_int(before),
                state_after=name_to_int(after) if after != before else None,
                status=status,
                position=position,
                replaces=replaces.nid if replaces is not None else None,
                thread=thread,
                json=checked.raw,
            )
        )
        if checked.awaits_content:
            self.add_row(UnfitEventRow(nid=nid))

    def add_chain(self, nid: int, auth_event_nids: Sequence[int], chains: Chains) -> ChainRow:
        self.state_changes = 1  # other processes must not give the same number to another event
        chain = self.ahead.chains.add([chains[n] for n in auth_event_nids if n in chains])
        self.next_num = self.ahead.chains.next_num
        self.add_row(auth_event_row(nid, self.lane.nid, chain, auth_event_nids))
        return chain


@dataclass(frozen=True, slots=True)
class Outlier:
    """A state event whose place in the graph is not known. `auth_event_nids`: of its auth events. `was_here`: it was stored
    without its content, and rejected for what was left of it."""

    nid: int
    checked: SignedPdu
    auth_event_nids: Sequence[int]
    is_rejected: bool
    was_here: bool = False


class OutlierWrite(WithoutTimeline):
    def __init__(self, room: LiveRoom, outliers: Sequence[Outlier], chains: Chains) -> None:
        super().__init__(room, None)
        self._outliers, self._known = outliers, chains

    def build(self) -> None:
        self.start_over()
        chains = dict(self._known)
        for outlier in self._outliers:
            if outlier.was_here:
                self.add_row(PromotionRow(nid=outlier.nid))
            self.add_held(outlier.nid, outlier.checked, EMPTY, EMPTY, REJECTED if outlier.is_rejected else OUTLYING)
            if not outlier.is_rejected and outlier.checked.key is not None:
                chains[outlier.nid] = self.add_chain(outlier.nid, outlier.auth_event_nids, chains)
