"""Ending an account for good: nobody can sign in to it or take its name again, and it leaves its rooms."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.endings import THE_INSTALLATION, Ending
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import UserId

log = logging.getLogger(__name__)


class DeactivateAccount:
    def __init__(self, accounts: Accounts, rooms: Rooms, membership: MembershipChanges) -> None:
        self._accounts, self._rooms, self._membership = accounts, rooms, membership
        self._listeners: list[Callable[[UserId, bool, Ending], Awaitable[None]]] = []

    def listen(self, listener: Callable[[UserId, bool, Ending], Awaitable[None]]) -> None:
        """`listener` is told (who, whether erased, by whom) while the account is still whole."""
        self._listeners.append(listener)

    async def __call__(self, user_id: UserId, erase: bool, by: Ending = THE_INSTALLATION) -> None:
        """Everything by which it acts ends first (`Accounts.change`), so nothing is done while its rooms are being left.

        `by`: where a caller does not say it, only the installation brings the account back.
        """
        for listener in self._listeners:
            await listener(user_id, erase, by)
        await self._accounts.change(user_id, deactivated=True, erased=erase, profile={})
        for membership in list((await self._rooms.memberships.of(user_id)).values()):
            if membership.membership in ("join", "invite", "knock"):
                try:
                    await self._membership.leave(user_id, membership.room_id, None)
                except MatrixError as error:
                    log.warning("a deactivated account could not leave a room", extra={"fields": {"error": error.errcode}})
