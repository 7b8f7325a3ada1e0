"""Letting others in: what a server that is in a room does for those that are not (make_…, send_…), by its own rules."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.homeserver.matrix.event_auth import check_auth
from chappe.homeserver.matrix.events import Pdu, signed_form
from chappe.homeserver.matrix.identifiers import UserId, domain_of
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.rooms.create_event import Draft, pdu_of
from chappe.homeserver.rooms.join_rules import allowed_rooms, is_allowed_in, join_rule_of
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership import authorising_user
from chappe.homeserver.rooms.remote.checks import Checked, PduChecks
from chappe.homeserver.rooms.remote.gaps import Gaps
from chappe.homeserver.rooms.remote.handshakes import MEMBER
from chappe.homeserver.rooms.remote.policy_servers import PolicyServers
from chappe.homeserver.rooms.remote.receive import MissingPast, Receiver
from chappe.homeserver.rooms.remote.store import HISTORY, Known
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.server_acl import require_allowed_by_acl

MEMBERSHIPS = {"join": "join", "knock": "knock", "leave": "leave"}


class Residence:
    """Every method raises MatrixError with the specification's code for the asking server."""

    def __init__(
        self, rooms: Rooms, domains: Domains, receiver: Receiver, gaps: Gaps, checks: PduChecks, now_ms: Callable[[], int],
        policy_servers: PolicyServers,
    ) -> None:  # fmt: skip
        self._rooms, self._domains, self._receiver, self._gaps = rooms, domains, receiver, gaps
        self._checks, self._now_ms, self._policy_servers = checks, now_ms, policy_servers
        self.forward: Callable[[LiveRoom, str, str], Awaitable[None]] | None = None  # to the other servers in the room

    async def room(self, room_id: str, origin: str, needs_members: bool = True) -> LiveRoom:
        """A room that somebody here is in, for a server that its ACL lets take part."""
        room = await self._rooms.live.find(room_id)
        if room is None or not any(self._rooms.is_hosted(user) for user in room.joined):
            raise NotFound("This server is not in the room")
        require_allowed_by_acl(room, origin)
        if room.is_partial and needs_members:
            raise MatrixError(
                404,
                "ORG.MATRIX.MSC3895_UNABLE_DUE_TO_PARTIAL_STATE",
                "This server is still entering the room: ask another one",
            )
        self._rooms.require_may_enter(origin, room)
        return room

    async def template(
        self, kind: str, origin: str, room_id: str, user_id: str, versions: Sequence[str]
    ) -> dict[str, Any]:
        """The answer of make_join, make_knock, make_leave."""
        if domain_of(user_id) != origin:
            raise Forbidden("A server can ask this for its own users only")
        room = await self.room(room_id, origin)
        if kind != "leave" and room.version.id not in versions:
            raise BadRequest(
                f"The room has version {room.version.id}, which your server does not know", "M_INCOMPATIBLE_ROOM_VERSION",
                room_version=room.version.id,
            )  # fmt: skip
        content: dict[str, Any] = {"membership": kind}
        if kind == "join":
            await self._rooms.policy.may_join(UserId(user_id), room_id)
            await self._authorise(room, user_id, content)
        pdu = pdu_of(room, Draft(MEMBER, user_id, content, user_id), self._now_ms(), secrets.token_urlsafe(12))
        check_auth(pdu, room.version, room.get)
        return {"event": pdu, "room_version": room.version.id}

    async def _authorise(self, room: LiveRoom, user_id: str, content: dict[str, Any]) -> None:
        if await self._needs_voucher(room, user_id):
            content["join_authorised_via_users_server"] = authorising_user(room, self._rooms.is_hosted)

    async def _needs_voucher(self, room: LiveRoom, user_id: str) -> bool:
        """Whether somebody comes in by a condition of a restricted rule, as the room is now (not where their event hangs).

        Raises M_FORBIDDEN where they meet none, M_UNABLE_TO_AUTHORISE_JOIN where this server cannot tell.
        """
        if join_rule_of(room) not in ("restricted", "knock_restricted"):
            return False
        now = room.get((MEMBER, user_id))
        if now is not None and now.membership in ("invite", "join"):
            return False
        if not is_allowed_in(await self._rooms.memberships.of(user_id), room):
            for other in allowed_rooms(room):
                known = await self._rooms.live.find(other)
                if known is None or not any(self._rooms.is_hosted(u) for u in known.joined):
                    raise BadRequest(
                        "This server is not in the rooms whose members may join", "M_UNABLE_TO_AUTHORISE_JOIN"
                    )
            raise Forbidden("You are not in a room whose members may join this one")
        return True

    async def accept(self, kind: str, origin: str, room_id: str, event_id: str, raw: dict[str, Any]) -> Accepted:
        """send_join, send_knock, send_leave: the event becomes part of the room."""
        room = await self.room(room_id, origin)
        if kind == "join":
            raw = await self._vouched(room, raw)
        checked = await self._checks.check(raw, room.version)
        pdu = checked.pdu
        if checked.event_id != event_id or checked.room_id != room_id:
            raise BadRequest("The event is not the one that the request names", "M_INVALID_PARAM")
        if domain_of(pdu["sender"]) != origin:
            raise Forbidden("The event's sender is not of the server that sent it")
        if checked.key != (MEMBER, pdu["sender"]) or pdu["content"].get("membership") != kind:
            raise BadRequest(f"The event is not a {kind} of its sender", "M_INVALID_PARAM")
        if kind == "join":
            await self._rooms.policy.may_join(UserId(pdu["sender"]), room_id)
        [checked] = await self._policy_servers.judge(room, [checked])
        try:
            async with self._receiver.lock(room):
                status = await self._receiver.receive(room, checked)
        except MissingPast:
            status = (await self._gaps.receive(room, {event_id: checked}, [origin]))[event_id]
        if status != HISTORY:
            raise Forbidden("The rules of the room do not allow this")
        if self.forward is not None:
            await self.forward(room, event_id, origin)
        known = await self._receiver.store.known([event_id, *checked.pdu_auth()])
        return Accepted(room, checked, known[event_id], [k.nid for i, k in known.items() if i != event_id])

    async def _vouched(self, room: LiveRoom, raw: dict[str, Any]) -> dict[str, Any]:
        """A join that somebody here vouches for, with this server's signature: where the room's conditions are still met.

        The template may have been asked for long ago, or never: what the event says and cites is its author's word.
        """
        content, signatures, user_id = raw.get("content"), raw.get("signatures"), raw.get("sender")
        via = content.get("join_authorised_via_users_server") if type(content) is dict else None
        if type(via) is not str or type(signatures) is not dict or not room.version.restricted_joins:
            return raw
        if ":" not in via or not self._rooms.is_hosted(via) or type(user_id) is not str:
            return raw
        if not await self._needs_voucher(room, user_id):
            now = room.get((MEMBER, user_id))
            if join_rule_of(room) != "public" and (now is None or now.membership not in ("invite", "join")):
                raise Forbidden("The room's rules have changed: you are not invited")
        if via not in room.joined or room.power_levels().of(via) < room.power_levels().level("invite"):
            raise BadRequest("The member who vouches for this join may not invite", "M_UNABLE_TO_GRANT_JOIN")
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


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that was taken into a room for another server. `cited`: the numbers of what it cites."""

    room: LiveRoom
    checked: Checked
    known: Known
    cited: Sequence[int]
