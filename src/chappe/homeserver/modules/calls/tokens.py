"""Letting somebody into a call: they are judged, written down, and given a token of some minutes."""

from __future__ import annotations

from dataclasses import dataclass

from chappe.homeserver.modules.calls.admission import CallAdmission
from chappe.homeserver.modules.calls.names import livekit_alias
from chappe.homeserver.modules.calls.participants import CallParticipants, Place
from chappe.homeserver.modules.calls.sfu import Entry, Sfu
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.identifiers import domain_of

Session = tuple[str, str]  # user, device


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who wants into which slot of a room. `identity`: their name in LiveKit, in the form of their dialect. `session`: the one that
    asks; None: an application service, or somebody of another server."""

    user_id: str
    room_id: str
    slot_id: str
    identity: str
    session: Session | None


class CallTokens:
    def __init__(self, admission: CallAdmission, participants: CallParticipants, domains: Domains) -> None:
        self._admission, self._participants, self._domains = admission, participants, domains

    async def issue(self, sfu: Sfu, wanted: Wanted) -> str:
        """A token for LiveKit. People of here are heard and seen by it, those of other servers hear and see: they are heard by way of
        their own. Raises M_FORBIDDEN; M_UNKNOWN (502) where LiveKit does not answer."""
        await self._admission.require(wanted.user_id, wanted.room_id)
        domain, alias = domain_of(wanted.user_id), livekit_alias(wanted.room_id, wanted.slot_id)
        publishes = self._domains.is_hosted(domain) and sfu.serves(domain)
        place = Place(sfu.name, alias, wanted.identity)
        await self._participants.add(place, wanted.room_id, wanted.user_id, wanted.session)
        if publishes:  # there is nothing to hear where nobody of here has been
            await sfu.create_room(alias)
        return sfu.token(Entry(alias, wanted.identity, publishes))
