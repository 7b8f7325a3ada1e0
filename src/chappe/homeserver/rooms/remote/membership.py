"""Membership where other servers must take part: rooms that nobody here is in, and people who are not from here."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.leases import Leases
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.rooms.admission import Admission
from chappe.homeserver.rooms.create_event import Draft, pdu_of
from chappe.homeserver.rooms.fragments import MembershipRow
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership_change import MembershipChange
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu
from chappe.homeserver.rooms.remote.completing import Completing
from chappe.homeserver.rooms.remote.entering import Entering
from chappe.homeserver.rooms.remote.handshakes import MEMBER, Handshakes
from chappe.homeserver.rooms.remote.outcomes import Received
from chappe.homeserver.rooms.remote.policy_servers import PolicyServers
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.remote.shown_state import ShownState, Stripped
from chappe.homeserver.rooms.remote.stored_pdu import HISTORY
from chappe.homeserver.rooms.remote.untold import UntoldLeaves, is_worth_another_try
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.server_acl import require_allowed_by_acl
from chappe.homeserver.rooms.summary import summary_row
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.event_auth import check_auth
from chappe.matrix.events import Pdu, references, seal, signed_form
from chappe.matrix.identifiers import UserId, domain_of
from chappe.matrix.room_versions import RoomVersion

log = logging.getLogger(__name__)


class RemoteMembership:
    """Each method returns once the change is durable here. Raises MatrixError."""

    def __init__(
        self,
        rooms: Rooms,
        writer: GroupWriter,
        domains: Domains,
        receiver: Receiver,
        checks: PduChecks,
        handshakes: Handshakes,
        policy_servers: PolicyServers,
        completing: Completing,
        admission: Admission,
        now_ms: NowMs,
        leases: Leases,
    ) -> None:
        self._rooms, self._writer, self._domains, self._receiver = rooms, writer, domains, receiver
        self._checks, self._handshakes, self._now_ms = checks, handshakes, now_ms
        self._policy_servers, self._completing, self._admission = policy_servers, completing, admission
        self.entering = Entering(rooms, receiver, checks, handshakes, completing, admission.uninvited, leases)
        self.shown = ShownState(receiver.store, checks)
        self._store = receiver.store
        self.untold = UntoldLeaves(receiver.store.database, rooms, handshakes, now_ms)

    def is_elsewhere(self, room: LiveRoom | None) -> bool:
        """Whether others must be asked: nobody here is in the room, if it is known at all."""
        return room is None or room.is_stub or (room.is_federated and not self.entering.is_here(room))

    async def await_all_members(self, room: LiveRoom) -> None:
        """Returns once all members of a room are here."""
        await self._completing.await_all_members(room)

    async def _servers(self, user_id: str, room_id: str, named: Sequence[str]) -> list[str]:
        """The servers to ask: those named, those of whoever has invited, those in the room when it was last seen."""
        room = await self._rooms.live.find_any(room_id)
        found = list(named)
        if room is not None:
            member = room.state.get((MEMBER, user_id))
            if member is not None:
                found.append(domain_of(member.sender))
            found += [domain_of(user) for user in room.joined]
        return list(dict.fromkeys(found))

    async def _invitation(self, user_id: str, room_id: str) -> RoomEvent | None:
        """The invitation that waits for the person's answer, to a room that nobody here is in."""
        room = await self._rooms.live.find_any(room_id)
        membership = (await self._rooms.memberships.of(user_id)).get(room.nid) if room is not None else None
        if room is None or membership is None or membership.membership != "invite":
            return None
        return room.beside(user_id) if membership.is_beside else room.state.get((MEMBER, user_id))

    async def _is_said_to_be_invited(self, user_id: str, room_id: str) -> bool:
        room = await self._rooms.live.find_any(room_id)
        membership = (await self._rooms.memberships.of(user_id)).get(room.nid) if room is not None else None
        return membership is not None and membership.membership == "invite"

    async def join(self, user_id: str, room_id: str, servers: Sequence[str], content: Mapping[str, Any]) -> None:
        standing = await self._invitation(user_id, room_id)
        invitation = standing.event_id if standing is not None else None
        if standing is None and await self._is_said_to_be_invited(user_id, room_id):
            # nothing is left of the invitation that the room could be asked about
            await self._admission.uninvited(UserId(user_id), room_id)
        servers = await self._servers(user_id, room_id, servers)
        await self.entering.join(user_id, room_id, servers, content, invitation=invitation)

    async def join_helped(self, user_id: str, room_id: str, content: Mapping[str, Any]) -> None:
        """A restricted room in which nobody here may let others in: another resident does."""
        servers = await self._servers(user_id, room_id, ())
        await self.entering.join(user_id, room_id, servers, content, helped=True)

    async def knock(self, user_id: str, room_id: str, servers: Sequence[str], content: Mapping[str, Any]) -> None:
        candidates = await self._servers(user_id, room_id, servers)

        async def attempt(server: str) -> None:
            signed = await self._handshakes.make(server, "knock", room_id, user_id, content)
            answer = await self._handshakes.send(signed, "knock")
            checked = await self._checks.check(signed.pdu, signed.version)
            shown = await self.shown.of_knock(answer.get("knock_room_state"), room_id, signed.version)
            await self._record(user_id, room_id, signed.version, checked, shown)

        await self._handshakes.each(room_id, candidates, attempt)

    async def leave(self, user_id: str, room_id: str, content: Mapping[str, Any]) -> None:
        """Declines an invitation, or takes a knock back. Where the other servers are dead it is done here all the same."""
        room = await self._rooms.live.find_any(room_id)
        membership = (await self._rooms.memberships.of(user_id)).get(room.nid) if room is not None else None
        if room is None or membership is None:
            raise Forbidden("You are not in this room")
        if membership.membership not in ("invite", "knock", "join"):
            return

        own = {
            "type": MEMBER,
            "room_id": room_id,
            "sender": user_id,
            "state_key": user_id,
            "origin_server_ts": self._now_ms(),
            "content": {**content, "membership": "leave"},
        }
        ended = (f"${secrets.token_urlsafe(32)}", own)  # of this server alone, unless another one takes it

        servers = await self._servers(user_id, room_id, ())
        try:
            signed = await self.untold.leave(user_id, room_id, servers, content)
            ended = (signed.event_id, signed.pdu)
        except MatrixError as error:
            log.info("a room was left without its servers", extra={"fields": {"room": room_id, "why": error.message[:200]}})
            if is_worth_another_try(error):
                await self.untold.keep_leave(user_id, room.nid, servers, content)
        await self._end(user_id, room, *ended)

    # ---------------------------------------------------------------------------------------------- inviting others

    async def invite(self, room: LiveRoom, draft: Draft) -> str:
        """Asks the invited person's server to sign; what it refuses is refused. Returns the event's id."""
        sender = draft.sender
        own_id = f"{self._now_ms():x}{(await self._rooms.numbers.take(1))[0]}"
        pdu = pdu_of(room, draft, self._now_ms(), own_id)
        check_auth(pdu, room.version, room.get)
        own = domain_of(sender)
        event_id = seal(pdu, room.version, own, self._domains.signing_key(own))
        pdu = await self._policy_servers.signed(room, pdu)
        shown = await self.shown.events(room, sender)
        signed = await self._handshakes.invite(pdu, event_id, room.version, shown, own)
        checked = await self._checks.check(signed, room.version)
        async with self._receiver.lock(room):
            draft.require_ground(room)
            outcome = await self._receiver.receive(room, checked)
        if outcome != Received(HISTORY):
            raise Forbidden("The invitation is not allowed any more")
        return event_id

    # ------------------------------------------------------------------------------------------------ being invited

    async def invited(
        self, origin: str, version: RoomVersion, room_id: str, event_id: str, raw: dict[str, Any], shown: object
    ) -> dict[str, Any]:
        """An invitation of a person of here, from elsewhere. Returns it with our signature. `shown`: what is said of the room."""
        target = raw.get("state_key")
        if type(target) is not str or not self._rooms.is_hosted(target):
            raise Forbidden("The invited person is not of this server")
        server = domain_of(target)
        raw = {key: value for key, value in raw.items() if key != "unsigned"}
        checked = await self._checks.check(raw, version)
        content = checked.pdu["content"]
        _require_invitation(checked, event_id, room_id, target, origin)
        known = await self._rooms.live.find(room_id)
        if known is not None:
            require_allowed_by_acl(known, origin)
        room = await self._rooms.live.find_any(room_id)
        here = None if self.is_elsewhere(room) else room
        sender = UserId(checked.pdu["sender"])
        await self._admission.judge(MembershipChange(sender, UserId(target), "invite", room_id, here, content, origin))
        standing = await self._invitation(target, room_id) if here is None else None
        if standing is not None and domain_of(standing.sender) != origin:
            raise Forbidden("This person has been invited to this room already, and has not answered yet")
        stripped = await self.shown.of_invitation(shown, room_id, version, sender) if here is None else []
        key = self._domains.signing_key(server)
        signature = key.sign(signed_form(checked.pdu, version))
        signed = {**raw, "signatures": {**raw["signatures"], server: {key.key_id: signature}}}
        if here is None:
            await self._record(target, room_id, version, await self._checks.check(signed, version), stripped)
        return signed

    async def ended(self, room_id: str, raw: Any, origin: str) -> bool:
        """An event of a room that nobody here is in: somebody takes back an invitation. Whether it was one."""
        room = await self._rooms.live.find_any(room_id)
        target = raw.get("state_key") if type(raw) is dict else None
        if room is None or not self.is_elsewhere(room) or type(target) is not str or not self._rooms.is_hosted(target):
            return False
        membership = (await self._rooms.memberships.of(target)).get(room.nid)
        if membership is None or membership.membership not in ("invite", "knock") or raw.get("type") != MEMBER:
            return False
        checked = await self._checks.check(raw, room.version)
        taken_back = checked.pdu["content"].get("membership") in ("leave", "ban")
        if taken_back and domain_of(checked.pdu["sender"]) == origin and checked.room_id == room_id:
            if membership.membership == "knock" or domain_of(membership.sender) == origin:
                if not await self._was_before(target, room, checked):
                    await self._end(target, room, checked.event_id, checked.pdu)
                return True
        return False

    async def _was_before(self, user_id: str, room: LiveRoom, checked: SignedPdu) -> bool:
        """Whether what stands of somebody beside a room was begun after an event: a refusal may come after the next try."""
        raw = await self._store.invitation(user_id, room.nid)
        standing = orjson.loads(raw) if raw is not None else {"auth_events": []}
        cited = references(standing, "auth_events", room.version)
        return checked.event_id in cited or checked.pdu["depth"] < standing.get("depth", 0)

    # ---------------------------------------------------------------------------------------------------- both ways

    async def _record(
        self, user_id: str, room_id: str, version: RoomVersion, checked: SignedPdu, stripped: list[Stripped]
    ) -> None:
        room = await self.entering.claim(room_id, version)
        await self._store.keep_invitation(user_id, room.nid, checked.event_id, checked.raw, orjson.dumps(stripped))
        await self._change(user_id, room, checked.pdu["content"]["membership"], checked.pdu["sender"])

    async def _end(self, user_id: str, room: LiveRoom, event_id: str, pdu: Pdu) -> None:
        """Ends a membership beside a room: the event that ends it takes the place of the one that began it, and clients are told it."""
        await self._store.end_invitation(user_id, room.nid, event_id, canonical_json(pdu))
        await self._change(user_id, room, pdu["content"]["membership"], pdu["sender"])

    async def _change(self, user_id: str, room: LiveRoom, membership: str, sender: str) -> None:
        """The write of a membership that stands outside of the room's timeline."""
        room.make_stale()
        write = Write()
        if room.is_stub:
            await room.reload()
            write.add(summary_row(room.nid, room.state.get, 0, 0))
        write.positions = 1
        write.add(MembershipRow(at=1, who=user_id, room=room.nid, membership=membership, nid=0, sender=sender))
        write.touch_room(room.nid, "events")
        write.touch_user(user_id, "membership")
        await self._writer.submit(write)


def _require_invitation(checked: SignedPdu, event_id: str, room_id: str, target: str, origin: str) -> None:
    """Raises MatrixError for what is not this invitation of this person by the server that sent it."""
    if checked.event_id != event_id or checked.room_id != room_id or checked.key != (MEMBER, target):
        raise MatrixError(400, "M_INVALID_PARAM", "The event is not the one that the request names")
    if checked.pdu["content"].get("membership") != "invite" or domain_of(checked.pdu["sender"]) != origin:
        raise Forbidden("The event is not an invitation by the server that sent it")
