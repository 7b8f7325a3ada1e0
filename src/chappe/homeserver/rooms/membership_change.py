"""A membership that somebody wants: who, of whom, in which room, and what is known of them when it is judged (`admission.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chappe.homeserver.database.rows import Row
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.matrix.event_auth import StateKey
from chappe.matrix.identifiers import UserId


class AdmissionFacts(Row):
    """What is known of somebody, and of the room that they are to come into."""

    is_blocked: bool = False  # the room: nobody of here comes in
    is_guest: bool = False  # an account without a registration (client-server API, "Guest access")
    scope: list[str] | None = None  # a bot: the only rooms that it may be in


@dataclass(slots=True)
class MembershipChange:
    """A membership that somebody wants. `content`: what its author gave; becomes what is written.

    `room`: None where nobody here is in it, or where it does not exist yet (`room_id` is "" then).
    """

    sender: UserId
    target: UserId
    to: str
    room_id: str = ""
    room: LiveRoom | None = None
    content: dict[str, Any] = field(default_factory=dict)
    origin: str | None = None  # another server that asks, or has written the event
    before: str = "leave"  # what it is now
    facts: AdmissionFacts = field(default_factory=AdmissionFacts)
    needs_voucher: bool = False  # a member of the room must vouch for this join (client-server API, "Restricted rooms")
    ground: dict[StateKey, str | None] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        return self.sender == self.target

    @property
    def is_new(self) -> bool:
        """Whether there is anything to judge: another membership than before, or an invitation. One that follows another is
        somebody else's word, or the same person's at another time."""
        return self.before != self.to or self.to == "invite"

    @property
    def makes_room(self) -> bool:
        return self.room_id == ""
