"""Letting others in: what a server that is in a room does for those that are not (make_…, send_…), by its own rules."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.rooms.admission import VOUCHER, Admission
from chappe.homeserver.rooms.create_event import pdu_of
from chappe.homeserver.rooms.join_rules import join_rule_of
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership_change import MembershipChange
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu
from chappe.homeserver.rooms.remote.gaps import Fate, Gaps
from chappe.homeserver.rooms.remote.handshakes import MEMBER
from chappe.homeserver.rooms.remote.onward import Onward
from chappe.homeserver.rooms.remote.outcomes import MissingPast, Outcome, Received
from chappe.homeserver.rooms.remote.policy_servers import PolicyServers
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.remote.stored_pdu import HISTORY, StoredPdu
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.server_acl import require_allowed_by_acl
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.event_auth import check_auth
from chappe.matrix.events import Pdu, signed_form
from chappe.matrix.identifiers import UserId, domain_of, is_user_id

NOT_IN_THE_ROOM = "This server is not in the room"
MEMBERSHIPS = {"join": "join", "knock": "knock", "leave": "leave"}


class Residence:
    """Lets users of other servers into rooms of this one, takes their knocks and lets them leave.

    Server-server API, "Joining Rooms", "Knocking upon a room", "Leaving Rooms", from the resident server's side. `origin` is
    always the server that asks. Every method raises MatrixError with the code that the specification gives the asking server.
    """

    def __init__(
        self,
        rooms: Rooms,
        domains: Domains,
        receiver: Receiver,
        gaps: Gaps,
        checks: PduChecks,
        now_ms: NowMs,
        policy_servers: PolicyServers,
        admission: Admission,
        onward: Onward,
    ) -> None:
        self._rooms, self._domains, self._receiver, self._gaps = rooms, domains, receiver, gaps
        self._checks, self._now_ms, self._policy_servers = checks, now_ms, policy_servers
        self._admission, self._onward = admission, onward

    async def room(self, room_id: str, origin: str) -> LiveRoom:
        """Returns a room in which somebody of this server is.

        Raises M_NOT_FOUND where nobody is, M_FORBIDDEN where the room's ACL or a boundary of this installation keeps `origin`
        out.
        """
        room = await self.known_room(room_id, origin)
        if not self._rooms.servers.has_own_member(room):
            raise NotFound(NOT_IN_THE_ROOM)
        return room

    async def known_room(self, room_id: str, origin: str) -> LiveRoom:
        """As `room`, and also returns a room in which somebody of this server was.

        Then every hosted domain that was in the room counts as asked: where one of them does not talk to `origin`, raises
        M_NOT_FOUND.
        """
        room = await self._rooms.live.find(room_id)
        if room is None:
            raise NotFound(NOT_IN_THE_ROOM)
        require_allowed_by_acl(room, origin)
        self._rooms.servers.require_may_enter(origin, room)
        if not self._rooms.servers.has_own_member(room):
            for own in {domain_of(key) for kind, key in room.state if kind == MEMBER}:
                if self._domains.is_hosted(own) and not self._rooms.servers.may_share_room(origin, own):
                    raise NotFound(NOT_IN_THE_ROOM)
        return room

    async def whole_room(self, room_id: str, origin: str) -> LiveRoom:
        """As `room`, for somebody who enters or leaves through this server. Raises M_NOT_FOUND while this server itself is
        still entering.
        """
        room = await self.room(room_id, origin)
        if room.is_partial:
            raise NotFound("This server is still entering the room: ask another one")
        return room

    async def template(self, kind: str, origin: str, room_id: str, user_id: str, versions: Sequence[str]) -> dict[str, Any]:
        """Returns the answer of `make_join`, `make_knock` or `make_leave` (`kind`): an event to be signed, and the room's
        version.

        `versions`: the room versions that `origin` knows. Raises M_INCOMPATIBLE_ROOM_VERSION where this room's is not among
        them, and M_FORBIDDEN for a user of another server or one whom the rules of the room refuse.
        """
        if domain_of(user_id) != origin:
            raise Forbidden("A server can ask this for its own users only")
        room = await self.whole_room(room_id, origin)
        if kind != "leave" and room.version.id not in versions:
            raise BadRequest(
                f"The room has version {room.version.id}, which your server does not know",
                "M_INCOMPATIBLE_ROOM_VERSION",
                room_version=room.version.id,
            )
        change = MembershipChange(UserId(user_id), UserId(user_id), kind, room_id, room, origin=origin)
        draft = await self._admission.admit(change)
        pdu = pdu_of(room, draft, self._now_ms(), secrets.token_urlsafe(12))
        check_auth(pdu, room.version, room.get)
        return {"event": pdu, "room_version": room.version.id}

    async def accept(self, kind: str, origin: str, room_id: str, event_id: str, raw: dict[str, Any]) -> Accepted:
        """Takes a signed membership event into the room (`send_join`, `send_knock`, `send_leave`), and sends it on to the
        other servers.

        `raw`: the event as it came. Fetches from `origin` what the event follows and is not here. Raises M_FORBIDDEN where the
        sender is of another server or the rules of the room do not allow it, M_INVALID_PARAM for another event than the request
        names.
        """
        room = await self.whole_room(room_id, origin)
        sender = str(raw.get("sender"))
        if not is_user_id(sender) or domain_of(sender) != origin:
            raise Forbidden("The event's sender is not of the server that sent it")
        change = MembershipChange(UserId(sender), UserId(sender), kind, room_id, room, origin=origin)
        await self._admission.judge(change)
        checked = await self._checks.check(self._vouched(change, room, raw), room.version)
        if checked.event_id != event_id or checked.room_id != room_id:
            raise BadRequest("The event is not the one that the request names", "M_INVALID_PARAM")
        if checked.key != (MEMBER, sender) or checked.pdu["content"].get("membership") != kind:
            raise BadRequest(f"The event is not a {kind} of its sender", "M_INVALID_PARAM")
        [checked] = await self._policy_servers.judge(room, [checked.confirmed()])
        async with self._receiver.lock(room):
            outcome: Outcome | Fate = await self._receiver.receive(room, checked)
        if isinstance(outcome, MissingPast):
            outcome = (await self._gaps.receive(room, {event_id: checked}, origin, is_admitted=True))[event_id]
            if isinstance(outcome, Exception):
                raise outcome
        if outcome != Received(HISTORY):
            raise Forbidden("The rules of the room do not allow this")
        await self._onward.forward(room, event_id, origin)
        known = await self._receiver.store.stored_pdus([event_id, *checked.pdu_auth_events()])
        return Accepted(room, checked, known[event_id], [k.nid for i, k in known.items() if i != event_id])

    def _vouched(self, change: MembershipChange, room: LiveRoom, raw: dict[str, Any]) -> dict[str, Any]:
        """Returns a restricted join with this server's signature, where it names a member of here who may let its sender in.

        Returns any other event as it came. What the event says and cites is its author's word, since the template may be old,
        or none was asked for: so the room's present rules decide. Raises as `_require_voucher`.
        """
        content, signatures = raw.get("content"), raw.get("signatures")
        via = content.get(VOUCHER) if type(content) is dict else None
        if change.to != "join" or type(via) is not str or type(signatures) is not dict:
            return raw
        if not room.version.restricted_joins or ":" not in via or not self._rooms.is_hosted(via):
            return raw
        _require_voucher(change, room, via)
        pdu: Pdu = {key: value for key, value in raw.items() if key != "unsigned"}
        server = domain_of(via)
        key = self._domains.signing_key(server)
        try:
            signature = key.sign(signed_form(pdu, room.version))
        except (KeyError, TypeError, AttributeError):
            raise BadRequest("The event is malformed") from None
        own = signatures.get(server)
        merged = {**(own if type(own) is dict else {}), key.key_id: signature}
        return {**raw, "signatures": {**signatures, server: merged}}


def _require_voucher(change: MembershipChange, room: LiveRoom, via: str) -> None:
    """Refuses a join for which a member of here may not vouch (any more).

    Raises M_FORBIDDEN where the room is no longer open to the sender, M_UNABLE_TO_GRANT_JOIN where `via` may not invite.
    """
    if not change.needs_voucher and change.before not in ("invite", "join") and join_rule_of(room) != "public":
        raise Forbidden("The room's rules have changed: you are not invited")
    if via not in room.joined or room.power_levels().of(via) < room.power_levels().level("invite"):
        raise BadRequest("The member who vouches for this join may not invite", "M_UNABLE_TO_GRANT_JOIN")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A membership event that was taken into a room for another server.

    `known`: how the database has it. `auth_event_nids`: of its auth events.
    """

    room: LiveRoom
    checked: SignedPdu
    known: StoredPdu
    auth_event_nids: Sequence[int]
