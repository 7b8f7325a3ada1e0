"""Ending an account for good: nobody can sign in to it or take its name again, and it leaves its rooms."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.matrix.errors import MatrixError
from chappe.homeserver.matrix.identifiers import UserId
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms

log = logging.getLogger(__name__)


class DeactivateAccount:
    def __init__(self, accounts: Accounts, sessions: Sessions, rooms: Rooms, membership: MembershipChanges) -> None:
        self._accounts, self._sessions, self._rooms, self._membership = accounts, sessions, rooms, membership
        self.before: list[Callable[[UserId, bool], Awaitable[None]]] = []  # told while the account is still whole
        self.forget: list[Callable[[str], Awaitable[None]]] = []  # what else belongs to an account

    async def __call__(self, user_id: UserId, erase: bool) -> None:
        """Sessions end first, so nothing can be done any more while the rooms are being left."""
        for tell in self.before:
            await tell(user_id, erase)
        await self._accounts.change(user_id, deactivated=True, erased=erase, profile={})
        await self._sessions.remove_all_devices(user_id)
        await self._accounts.store.remove_threepids(user_id)
        for forget in self.forget:
            await forget(user_id)
        for membership in list((await self._rooms.memberships.of(user_id)).values()):
            if membership.membership in ("join", "invite", "knock"):
                try:
                    await self._membership.leave(user_id, membership.room_id, None)
                except MatrixError as error:
                    log.warning(
                        "a deactivated account could not leave a room", extra={"fields": {"error": error.errcode}}
                    )
