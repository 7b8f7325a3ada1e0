"""A PDU that is stored: what became of it, the states around it, and what a later copy of it may still give."""

from __future__ import annotations

from chappe.homeserver.database.rows import Row
from chappe.homeserver.rooms.remote.checks import SignedPdu
from chappe.homeserver.rooms.state_tree import int_to_name

HISTORY, OUTLYING, REJECTED, SOFT_FAILED = 0, 1, 2, 3  # events.status


class StoredPdu(Row):
    """An event that is stored. `is_unfit`: it is kept redacted for its hash alone."""

    nid: int
    room_nid: int
    event_id: str
    type: str
    state_key: str | None
    sender: str
    depth: int
    status: int
    root_before: int
    root_after: int
    position: int
    is_unfit: bool

    @property
    def state_before(self) -> bytes:
        """The root of the state before it."""
        return int_to_name(self.root_before)

    @property
    def state_after(self) -> bytes:
        """The root of the state after it; before it, where it was rejected."""
        return int_to_name(self.root_after)

    def gives_way_to(self, copy: SignedPdu) -> bool:
        """Whether a copy takes its place: it has the content that is not here, and that was not redacted as far as can be known."""
        return self.lacks_content_of(copy) and copy.is_confirmed

    def lacks_content_of(self, copy: SignedPdu) -> bool:
        """Whether a copy has the content that is not here. Its hash fits, so that was said; it may have been redacted since,
        by what is not here either: the sender's own server knows."""
        return self.is_unfit and not copy.is_unfit

    def is_settled_by(self, copy: SignedPdu) -> bool:
        """Whether a copy says that the stored form is all that is left of the event: no content is still to come."""
        return self.is_unfit and copy.is_unfit and copy.is_confirmed

    @property
    def has_state(self) -> bool:
        """Whether the state at it is known: an outlier's is not."""
        return self.status in (HISTORY, SOFT_FAILED) or (self.status == REJECTED and self.root_before != 0)
