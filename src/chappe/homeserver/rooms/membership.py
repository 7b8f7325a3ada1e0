"""Joining, inviting, leaving, removing, banning, knocking, forgetting (client-server API, "Room membership").

Who may do what is `Admission`'s to say (`admission.py`): here is what each verb means, and which server carries it out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from chappe.homeserver.rooms.admission import VOUCHER, Admission
from chappe.homeserver.rooms.create_event import Draft
from chappe.homeserver.rooms.ground import judged_again
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership_change import MembershipChange
from chappe.homeserver.rooms.rooms import GUEST_ACCESS, MEMBER, Rooms
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.events import check_content
from chappe.matrix.identifiers import UserId, domain_of
from chappe.matrix.profile_fields import CARRIED

log = logging.getLogger(__name__)
SERVERS_AT_ONCE = 100  # whose people are invited at the same time


class Elsewhere(Protocol):
    """Rooms that nobody here is in, and people who are not from here (`rooms/remote/membership.py`)."""

    def is_elsewhere(self, room: LiveRoom | None) -> bool: ...
    async def await_all_members(self, room: LiveRoom) -> None: ...
    async def join(self, user_id: str, room_id: str, servers: Sequence[str], content: Mapping[str, Any]) -> None: ...
    async def join_helped(self, user_id: str, room_id: str, content: Mapping[str, Any]) -> None: ...
    async def knock(self, user_id: str, room_id: str, servers: Sequence[str], content: Mapping[str, Any]) -> None: ...
    async def leave(self, user_id: str, room_id: str, content: Mapping[str, Any]) -> None: ...
    async def invite(self, room: LiveRoom, draft: Draft) -> str: ...


class MembershipChanges:
    """Each method returns once the change is durable. Raises Forbidden where the rules of the room refuse it."""

    def __init__(self, rooms: Rooms, admission: Admission, elsewhere: Elsewhere) -> None:
        self._rooms, self._admission, self._elsewhere = rooms, admission, elsewhere

    @judged_again
    async def join(
        self, user_id: UserId, room_id: str, extra: dict[str, Any] | None = None, servers: Sequence[str] = ()
    ) -> str:
        """Joins, by any of the room's join rules. Joining again changes nothing. Returns the room id.

        `servers`: who may be in the room, where nobody here is.
        """
        room = await self._rooms.live.find(room_id)
        if room is None or self._elsewhere.is_elsewhere(room):
            draft = await self._admission.admit(MembershipChange(user_id, user_id, "join", room_id, None, extra or {}))
            await self._elsewhere.join(user_id, room_id, servers, draft.content)
            await self._require_may_stay(user_id, room_id)
            return room_id
        now = room.get((MEMBER, user_id))
        if now is not None and now.membership == "join":
            await self._rooms.until_written(room, now)
            return room_id
        content = dict(extra or {})
        if now is not None and now.membership == "invite" and now.content.get("is_direct") is True:
            content.setdefault("is_direct", True)
        await self._write(room, MembershipChange(user_id, user_id, "join", room_id, room, content))
        return room_id

    async def _require_may_stay(self, user_id: UserId, room_id: str) -> None:
        """Who is in a room of other servers is known once one is in it: whoever may not meet them is out again."""
        try:
            self._rooms.servers.require_may_meet(user_id, await self._rooms.require(room_id))
        except Forbidden:
            await self.leave(user_id, room_id, None)
            raise

    async def _write(self, room: LiveRoom, change: MembershipChange) -> str:
        """The event's id. Raises StateMoved where what was asked about is so no more."""
        draft = await self._admission.admit(change)
        if change.to == "invite" and not self._rooms.is_hosted(change.target):
            return await self._elsewhere.invite(room, draft)
        if change.needs_voucher and VOUCHER not in draft.content:
            await self._elsewhere.join_helped(change.target, room.room_id, draft.content)
            joined = (await self._rooms.require(room.room_id)).get((MEMBER, change.target))
            return joined.event_id if joined is not None else ""
        now = room.get((MEMBER, change.target))
        if change.to == "join" and change.before == "invite" and not room.joined:
            raise NotFound("Everybody has left this room: there is nobody to let you in")
        if now is not None and now.sender == change.sender and room.membership(change.sender) == "join":
            if canonical_json(now.content) == canonical_json(draft.content):
                return await self._rooms.until_written(room, now)
        return await self._rooms.submit(room, [draft])

    @judged_again
    async def invite(self, user_id: UserId, room_id: str, target: UserId, extra: dict[str, Any]) -> str:
        room = await self._rooms.require_joined(user_id, room_id)
        await self._elsewhere.await_all_members(room)
        now = room.get((MEMBER, target))
        if now is not None and now.membership == "invite":
            return await self._rooms.until_written(room, now)
        return await self._write(room, MembershipChange(user_id, target, "invite", room_id, room, extra))

    async def invite_many(self, user_id: UserId, room_id: str, invited: Mapping[UserId, dict[str, Any]]) -> None:
        """`invited`: what each invitation says beside the membership. That somebody cannot be invited keeps nobody else out, and
        a server that says nothing holds up its own people only."""
        gate = asyncio.Semaphore(SERVERS_AT_ONCE)
        by_server: dict[str, list[UserId]] = {}
        for target in invited:
            by_server.setdefault(domain_of(target), []).append(target)

        async def of_server(targets: Sequence[UserId]) -> None:
            async with gate:
                for target in targets:
                    try:
                        await self.invite(user_id, room_id, target, invited[target])
                    except MatrixError as error:
                        fields = {"room": room_id, "why": error.message[:200]}
                        log.info("somebody was not invited with the others", extra={"fields": fields})

        await asyncio.gather(*map(of_server, by_server.values()))

    @judged_again
    async def set_member(self, user_id: UserId, room_id: str, target: UserId, content: dict[str, Any]) -> str:
        """A membership event as a client wrote it, by the same rules as the verbs of their own."""
        room = await self._rooms.live.find(room_id)
        if room is None or self._elsewhere.is_elsewhere(room):
            raise Forbidden("You are not in this room")
        check_content(content, room.version)
        membership = content.get("membership")
        if type(membership) is not str:
            raise BadRequest("`membership` must be a string", "M_BAD_JSON")
        if target != user_id:
            await self._elsewhere.await_all_members(room)
        return await self._write(room, MembershipChange(user_id, target, membership, room_id, room, content))

    @judged_again
    async def knock(self, user_id: UserId, room_id: str, reason: str | None, servers: Sequence[str] = ()) -> str:
        room = await self._rooms.live.find(room_id)
        if room is None or self._elsewhere.is_elsewhere(room):
            draft = await self._admission.admit(MembershipChange(user_id, user_id, "knock", room_id, None, _reason(reason)))
            await self._elsewhere.knock(user_id, room_id, servers, draft.content)
            return room_id
        now = room.get((MEMBER, user_id))
        if now is not None and now.membership == "knock":
            await self._rooms.until_written(room, now)
            return room_id
        await self._write(room, MembershipChange(user_id, user_id, "knock", room_id, room, _reason(reason)))
        return room_id

    @judged_again
    async def leave(self, user_id: UserId, room_id: str, reason: str | None) -> None:
        """Leaving twice is no error: the client got what it wanted."""
        room = await self._rooms.live.find(room_id)
        if room is None or self._elsewhere.is_elsewhere(room):
            draft = await self._admission.admit(MembershipChange(user_id, user_id, "leave", room_id, None, _reason(reason)))
            await self._elsewhere.leave(user_id, room_id, draft.content)
            return
        now = room.get((MEMBER, user_id))
        if now is not None and now.membership == "leave":
            await self._rooms.until_written(room, now)
            return
        await self._write(room, MembershipChange(user_id, user_id, "leave", room_id, room, _reason(reason)))

    @judged_again
    async def evict(self, guest: UserId, room_id: str, reason: str) -> None:
        """An account without a registration leaves a room that does not admit such any more (client-server API, "Guest access")."""
        room = await self._rooms.require(room_id)
        access, now = room.get(GUEST_ACCESS), room.get((MEMBER, guest))
        is_open = access is not None and access.content.get("guest_access") == "can_join"
        if is_open or now is None or now.membership != "join":
            return
        change = MembershipChange(guest, guest, "leave", room_id, room, {"reason": reason})
        draft = await self._admission.admit(change)
        draft.ground = {**draft.ground, GUEST_ACCESS: access.event_id if access is not None else None}
        await self._rooms.submit(room, [draft])

    @judged_again
    async def kick(self, user_id: UserId, room_id: str, target: UserId, reason: str | None) -> None:
        room = await self._rooms.require_joined(user_id, room_id)
        await self._elsewhere.await_all_members(room)
        now = room.get((MEMBER, target))
        if now is None or now.membership in ("leave", "ban"):
            raise Forbidden("This person is not in the room")
        await self._write(room, MembershipChange(user_id, target, "leave", room_id, room, _reason(reason)))

    @judged_again
    async def ban(self, user_id: UserId, room_id: str, target: UserId, reason: str | None) -> None:
        room = await self._rooms.require_joined(user_id, room_id)
        await self._elsewhere.await_all_members(room)
        now = room.get((MEMBER, target))
        if now is not None and now.membership == "ban":
            await self._rooms.until_written(room, now)
            return
        await self._write(room, MembershipChange(user_id, target, "ban", room_id, room, _reason(reason)))

    @judged_again
    async def unban(self, user_id: UserId, room_id: str, target: UserId, reason: str | None) -> None:
        room = await self._rooms.require_joined(user_id, room_id)
        await self._elsewhere.await_all_members(room)
        now = room.get((MEMBER, target))
        if now is None or now.membership != "ban":
            raise MatrixError(403, "M_BAD_STATE", "This person is not banned")
        await self._write(room, MembershipChange(user_id, target, "leave", room_id, room, _reason(reason)))

    async def forget(self, user_id: UserId, room_id: str) -> None:
        """The room disappears from the user's lists. Raises M_UNKNOWN while the user is still in it."""
        room = await self._rooms.live.find_any(room_id)
        membership = (await self._rooms.memberships.of(user_id)).get(room.nid) if room else None
        if room is None or membership is None:
            raise BadRequest("You were never in this room", "M_UNKNOWN")
        if membership.membership not in ("leave", "ban"):
            raise BadRequest("Leave the room before you forget it", "M_UNKNOWN")
        await self._rooms.store.forget(user_id, room.nid)
        self._rooms.memberships.drop(user_id)

    @judged_again
    async def update_profile(self, user_id: UserId, room_id: str) -> None:
        """Carries what has changed of a profile into a room that the user is in. It brings nobody into a room."""
        room = await self._rooms.require(room_id)
        now = room.get((MEMBER, user_id))
        if now is None or now.membership != "join":
            return
        kept = {k: v for k, v in now.content.items() if k not in CARRIED}
        await self._write(room, MembershipChange(user_id, user_id, "join", room_id, room, kept))


def _reason(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"reason": reason}
