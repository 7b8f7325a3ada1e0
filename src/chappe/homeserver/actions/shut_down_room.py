"""Closing a room from outside: everybody leaves it, nobody finds it, and (blocked) nobody of this server joins it again."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.actions.unlist_room import UnlistRoom
from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.rooms.create_room import CreateRoomRequest, RoomCreation
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Content, Rooms
from chappe.matrix.errors import MatrixError, NotFound
from chappe.matrix.identifiers import UserId


class ShutDownRoom:
    def __init__(
        self,
        administration: Administration,
        rooms: Rooms,
        membership: MembershipChanges,
        creation: RoomCreation,
        unlist_room: UnlistRoom,
    ) -> None:
        self._administration, self._rooms = administration, rooms
        self._membership, self._creation, self._unlist_room = membership, creation, unlist_room

    async def __call__(
        self, by: str, room_id: str, block: bool, new_room_user: UserId | None, name: str, message: str
    ) -> dict[str, Any]:
        """Who left, who could not, the aliases that went, the room that explains it if `new_room_user` opens one."""
        if block:
            await self._administration.block(room_id, by, True)
        room = await self._rooms.live.find(room_id)
        if room is None:
            if not block:
                raise NotFound("There is no such room")
            return {"kicked_users": [], "failed_to_kick_users": [], "local_aliases": [], "new_room_id": None}
        new_room = None
        if new_room_user is not None:
            request = CreateRoomRequest(preset="private_chat", name=name, power_level_content_override={"users_default": -10})
            new_room = await self._creation.create(new_room_user, request)
            await self._rooms.send(new_room_user, new_room, "m.room.message", {"msgtype": "m.text", "body": message}, None)
        kicked: list[str] = []
        failed: list[str] = []
        for user in await self._administration.people_of(room_id):
            if not self._rooms.is_hosted(user):
                continue  # their server's affair
            try:
                await self._membership.leave(UserId(user), room_id, None)
                kicked.append(user)
                if new_room is not None and new_room_user is not None and user != new_room_user:
                    await self._membership.invite(new_room_user, new_room, UserId(user), {})
            except MatrixError:
                failed.append(user)
        aliases = await self._unlist_room(room_id)
        return {"kicked_users": kicked, "failed_to_kick_users": failed, "local_aliases": aliases, "new_room_id": new_room}


class MakeRoomAdmin:
    """Gives a member the power that the most powerful local member has, when those who run a room are gone."""

    def __init__(self, rooms: Rooms, membership: MembershipChanges) -> None:
        self._rooms, self._membership = rooms, membership

    async def __call__(self, room_id: str, user_id: UserId) -> None:
        """Raises M_FORBIDDEN where nobody here has that power."""
        room = await self._rooms.require(room_id)
        levels = room.power_levels()
        giver = max(room.joined, key=levels.of, default=None)
        needed = levels.required("m.room.power_levels", True)
        if giver is None or levels.of(giver) < needed:
            raise MatrixError(403, "M_FORBIDDEN", "Nobody of this server may give this right")
        if user_id not in room.joined:
            await self._membership.invite(UserId(giver), room_id, user_id, {})
        level = min(levels.of(giver), 100)

        def promoted(_room: LiveRoom, content: Content) -> Content:
            return {**content, "users": {**content.get("users", {}), user_id: level}}

        await self._rooms.change_state(UserId(giver), room_id, "m.room.power_levels", promoted)
