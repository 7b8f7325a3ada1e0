"""Changing a profile: the account, and the member event in every room the person is in."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.matrix.errors import MatrixError
from chappe.homeserver.matrix.identifiers import UserId
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms

log = logging.getLogger(__name__)
ROOMS_AT_ONCE = 4


class SetProfileField:
    """Rooms follow in the background, a few at a time; `wait` returns once they all have."""

    def __init__(self, accounts: Accounts, rooms: Rooms, membership: MembershipChanges) -> None:
        self._accounts, self._rooms, self._membership = accounts, rooms, membership
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, user_id: UserId, name: str, value: Any, by_owner: bool = False) -> None:
        """`by_owner`: not an administrator, nor the server itself."""
        if await self._accounts.set_profile_field(user_id, name, value, by_owner) and name in (
            "displayname",
            "avatar_url",
        ):
            task = asyncio.create_task(self._carry_into_rooms(user_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry_into_rooms(self, user_id: UserId) -> None:
        slots = asyncio.Semaphore(ROOMS_AT_ONCE)

        async def carry(room_id: str) -> None:
            async with slots:
                try:
                    await self._membership.update_profile(user_id, room_id)
                except MatrixError as error:
                    log.warning(
                        "a profile could not be carried into a room", extra={"fields": {"error": error.errcode}}
                    )

        await asyncio.gather(*(carry(m.room_id) for m in await self._rooms.memberships.joined(user_id)))

    async def wait(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)
