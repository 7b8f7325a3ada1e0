"""Joining, inviting, leaving, removing, banning, knocking, forgetting (client-server API, "Room membership")."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from chappe.homeserver.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.homeserver.matrix.event_auth import CREATE, creators_of
from chappe.homeserver.matrix.identifiers import UserId, domain_of
from chappe.homeserver.rooms.create_event import Draft
from chappe.homeserver.rooms.join_rules import is_allowed_in, join_rule_of
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import ProfileOf, Rooms

MEMBER = "m.room.member"
NOTICES = "notices"  # the localpart of each domain's account for server notices


class Elsewhere(Protocol):
    """Rooms that nobody here is in, and people who are not from here (`rooms/remote/membership.py`)."""

    def is_elsewhere(self, room: LiveRoom | None) -> bool: ...
    async def join(self, user_id: str, room_id: str, servers: Sequence[str], content: Mapping[str, Any]) -> None: ...
    async def join_helped(self, user_id: str, room_id: str, content: Mapping[str, Any]) -> None: ...
    async def knock(self, user_id: str, room_id: str, servers: Sequence[str], content: Mapping[str, Any]) -> None: ...
    async def leave(self, user_id: str, room_id: str, content: Mapping[str, Any]) -> None: ...
    async def invite(self, room: LiveRoom, sender: str, target: str, content: Mapping[str, Any]) -> str: ...


class MembershipChanges:
    """Each method returns once the change is durable. Raises Forbidden where the rules of the room refuse it."""

    def __init__(self, rooms: Rooms, profile_of: ProfileOf, elsewhere: Elsewhere) -> None:
        self._rooms, self._profile_of, self._elsewhere = rooms, profile_of, elsewhere
        self.may_join: Callable[[str, str], Awaitable[None]] = _anybody_may  # raises for rooms that are blocked

    async def join(
        self, user_id: UserId, room_id: str, extra: dict[str, Any] | None = None, is_guest: bool = False,
        servers: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Joins, by any of the room's join rules. Joining again changes nothing. Returns the room id.

        `servers`: who may be in the room, where nobody here is.
        """
        known = await self._rooms.live.find(room_id)
        if self._elsewhere.is_elsewhere(known):
            if is_guest:
                raise Forbidden("Guests may not join rooms of other servers", "M_GUEST_ACCESS_FORBIDDEN")
            await self.may_join(user_id, room_id)
            await self._rooms.policy.may_join(user_id, room_id)
            content = {**(extra or {}), **await self._profile_of(user_id)}
            await self._elsewhere.join(user_id, room_id, servers, content)
        room = await self._rooms.require(room_id)
        self._rooms.require_may_meet(user_id, room)
        access = room.get(("m.room.guest_access", ""))
        if is_guest and (access is None or access.content.get("guest_access") != "can_join"):
            raise Forbidden("Guests may not join this room", "M_GUEST_ACCESS_FORBIDDEN")
        content = {**(extra or {}), "membership": "join", **await self._profile_of(user_id)}
        now = room.get((MEMBER, user_id))
        if now is not None and now.membership == "join":
            return room_id
        if now is not None and now.membership == "invite" and now.content.get("is_direct") is True:
            content.setdefault("is_direct", True)
        await self.may_join(user_id, room_id)
        await self._rooms.policy.may_join(user_id, room_id)
        if now is None or now.membership != "invite":
            await self._rooms.policy.reads(user_id, "rooms")
            try:
                await self._authorise_restricted_join(room, user_id, content)
            except MatrixError as error:
                if error.errcode != "M_UNABLE_TO_GRANT_JOIN" or not room.is_federated:
                    raise
                await self._elsewhere.join_helped(user_id, room_id, content)
                return room_id
        await self._rooms.submit(room, [Draft(MEMBER, user_id, content, user_id)])
        return room_id

    async def _authorise_restricted_join(self, room: LiveRoom, user_id: str, content: dict[str, Any]) -> None:
        """`restricted` rules: a member of one of the named rooms may join, vouched for by a member who may invite."""
        if join_rule_of(room) not in ("restricted", "knock_restricted"):
            return
        if not is_allowed_in(await self._rooms.memberships.of(user_id), room):
            raise Forbidden("You are not invited to this room, nor in a room whose members may join it")
        content["join_authorised_via_users_server"] = authorising_user(room, self._rooms.is_hosted)

    async def invite(self, user_id: UserId, room_id: str, target: UserId, extra: dict[str, Any]) -> str:
        room = await self._rooms.require_joined(user_id, room_id)
        await self._require_may_invite(user_id, room, target)
        await self._rooms.whole(room)
        now = room.get((MEMBER, target))
        if now is not None and now.membership == "invite":
            return now.event_id
        if not self._rooms.is_hosted(target):
            return await self._elsewhere.invite(room, user_id, target, {**extra, "membership": "invite"})
        content = {**extra, "membership": "invite", **await self._profile_of(target)}
        return await self._rooms.submit(room, [Draft(MEMBER, user_id, content, target)])

    async def _require_may_invite(self, user_id: UserId, room: LiveRoom, target: UserId) -> None:
        if self._rooms.is_hosted(target):
            self._rooms.require_may_meet(target, room)
        else:
            self._rooms.require_may_enter(domain_of(target), room)
        await self._rooms.policy.may_invite(user_id, room.room_id, target)
        await self._rooms.may_be_invited(target, user_id)

    async def set_member(self, user_id: UserId, room_id: str, target: UserId, content: dict[str, Any]) -> str:
        """A membership event as a client wrote it, by the same rules as the routes of their own."""
        room = await self._rooms.live.find(room_id)
        if room is not None and target != user_id:
            await self._rooms.whole(room)
        membership, now = content.get("membership"), room.membership(target) if room else "leave"
        if membership == "invite" and now != "invite":
            room = await self._rooms.require_joined(user_id, room_id)
            await self._require_may_invite(user_id, room, target)
            if not self._rooms.is_hosted(target):
                return await self._elsewhere.invite(room, user_id, target, content)
        elif membership in ("join", "knock") and now != membership and target == user_id and room is not None:
            self._rooms.require_may_meet(user_id, room)
            await self._rooms.policy.may_join(user_id, room_id)
            if membership == "join" and now != "invite":
                content = dict(content)
                await self._authorise_restricted_join(room, user_id, content)
        elif membership == "leave" and target == user_id and room is not None:
            _require_may_leave(room, user_id)
            await self._rooms.policy.leaves(user_id, room_id)
        return await self._rooms.set_state(user_id, room_id, MEMBER, target, content)

    async def knock(self, user_id: UserId, room_id: str, reason: str | None, servers: Sequence[str] = ()) -> str:
        known = await self._rooms.live.find(room_id)
        await self._rooms.policy.may_join(user_id, room_id)
        if self._elsewhere.is_elsewhere(known):
            content = {**await self._profile_of(user_id), **_reason(reason)}
            await self._elsewhere.knock(user_id, room_id, servers, content)
            return room_id
        room = await self._rooms.require(room_id)
        now = room.get((MEMBER, user_id))
        if now is not None and now.membership == "knock":
            return room_id
        content = {"membership": "knock", **await self._profile_of(user_id), **_reason(reason)}
        await self._rooms.submit(room, [Draft(MEMBER, user_id, content, user_id)])
        return room_id

    async def leave(self, user_id: UserId, room_id: str, reason: str | None) -> None:
        """Leaving twice is no error: the client got what it wanted."""
        room = await self._rooms.live.find(room_id)
        if self._elsewhere.is_elsewhere(room):
            await self._elsewhere.leave(user_id, room_id, _reason(reason))
            return
        assert room is not None
        now = room.get((MEMBER, user_id))
        if now is not None and now.membership == "leave":
            return
        _require_may_leave(room, user_id)
        await self._rooms.policy.leaves(user_id, room_id)
        await self._change(user_id, room, user_id, "leave", reason)

    async def kick(self, user_id: UserId, room_id: str, target: UserId, reason: str | None) -> None:
        room = await self._rooms.require_joined(user_id, room_id)
        await self._rooms.whole(room)
        now = room.get((MEMBER, target))
        if now is None or now.membership in ("leave", "ban"):
            raise Forbidden("This person is not in the room")
        await self._change(user_id, room, target, "leave", reason)

    async def ban(self, user_id: UserId, room_id: str, target: UserId, reason: str | None) -> None:
        room = await self._rooms.require_joined(user_id, room_id)
        await self._rooms.whole(room)
        now = room.get((MEMBER, target))
        if now is not None and now.membership == "ban":
            return
        await self._change(user_id, room, target, "ban", reason)

    async def unban(self, user_id: UserId, room_id: str, target: UserId, reason: str | None) -> None:
        room = await self._rooms.require_joined(user_id, room_id)
        await self._rooms.whole(room)
        now = room.get((MEMBER, target))
        if now is None or now.membership != "ban":
            raise MatrixError(403, "M_BAD_STATE", "This person is not banned")
        await self._change(user_id, room, target, "leave", reason)

    async def _change(self, user_id: UserId, room: LiveRoom, target: UserId, to: str, reason: str | None) -> None:
        content = {"membership": to, **_reason(reason)}
        await self._rooms.submit(room, [Draft(MEMBER, user_id, content, target)])

    async def forget(self, user_id: UserId, room_id: str) -> None:
        """The room disappears from the user's lists. Raises M_UNKNOWN while the user is still in it."""
        room = await self._rooms.live.find_any(room_id)
        membership = (await self._rooms.memberships.of(user_id)).get(room.number) if room else None
        if room is None or membership is None:
            raise BadRequest("You were never in this room", "M_UNKNOWN")
        if membership.membership not in ("leave", "ban"):
            raise BadRequest("Leave the room before you forget it", "M_UNKNOWN")
        await self._rooms.store.forget(user_id, room.number)
        self._rooms.memberships.drop(user_id)

    async def update_profile(self, user_id: UserId, room_id: str) -> None:
        """Carries a changed display name or avatar into a room that the user is in."""
        room = await self._rooms.require(room_id)
        now = room.get((MEMBER, user_id))
        if now is None or now.membership != "join":
            return
        kept = {k: v for k, v in now.content.items() if k not in ("displayname", "avatar_url")}
        content = {**kept, **await self._profile_of(user_id)}
        if content != now.content:
            await self._rooms.submit(room, [Draft(MEMBER, user_id, content, user_id)])


def authorising_user(room: LiveRoom, is_hosted: Callable[[str], bool]) -> str:
    """A member of here who may invite, and so can vouch for a restricted join. Raises M_UNABLE_TO_GRANT_JOIN."""
    levels, create = room.power_levels(), room.get(CREATE)
    assert create is not None
    named = room.get(("m.room.power_levels", ""))
    users = named.content.get("users") if named else None
    likely = [*creators_of(create, room.version), *(users if type(users) is dict else ())]
    for user in (*likely, *room.joined):
        if user in room.joined and is_hosted(user) and levels.of(user) >= levels.level("invite"):
            return str(user)
    raise MatrixError(400, "M_UNABLE_TO_GRANT_JOIN", "Nobody in this room can let you in")


async def _anybody_may(_user_id: str, _room_id: str) -> None:
    return None


def _reason(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"reason": reason}


def _require_may_leave(room: LiveRoom, user_id: str) -> None:
    """Notices of the service cannot be declined unread."""
    now = room.get((MEMBER, user_id))
    if now is not None and now.membership == "invite" and now.sender == f"@{NOTICES}:{domain_of(user_id)}":
        raise Forbidden("Notices of the service cannot be declined", "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM")
