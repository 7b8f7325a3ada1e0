"""Who may be in a call: who may be in its room and act there, and whom the policy lets in. Asked before somebody is let in, and every
second while they are in it."""

from __future__ import annotations

from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.policy import Policy
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import UserId, domain_of


class CallAdmission:
    def __init__(self, rooms: Rooms, standings: Standings, policy: Policy) -> None:
        self._rooms, self._standings, self._policy = rooms, standings, policy

    async def require(self, user_id: str, room_id: str) -> None:
        """Raises M_FORBIDDEN, or what refuses the account. Whether there is such a room is not told."""
        room = await self._rooms.require_joined(user_id, room_id)
        if self._rooms.is_hosted(user_id):
            await self._standings.require(user_id, Doing.ACT)
        else:
            may_take_part = self._rooms.sight.may_take_part(domain_of(user_id), room)
            if not may_take_part or not self._rooms.servers.has_own_member(room):
                raise Forbidden("You are not in this room")
        await self._policy.may_call(UserId(user_id), room_id)

    async def allows(self, user_id: str, room_id: str) -> bool:
        try:
            await self.require(user_id, room_id)
        except MatrixError:
            return False
        return True
