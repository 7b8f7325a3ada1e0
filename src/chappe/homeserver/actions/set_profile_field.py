"""Changing a profile: the account, and the member event in every room the person is in.

The account's change and the wish to carry it into rooms are one commit. Rooms follow in the background; what is left when a
process dies is carried on after a start, or by another one (`resume`). Carrying twice does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from chappe.homeserver.accounts.profiles import Profiles
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import DATABASE_LOST
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import UserId
from chappe.matrix.profile_fields import CARRIED

log = logging.getLogger(__name__)
ROOMS_AT_ONCE = 4


class SetProfileField:
    """`wait` returns once all rooms know what this process has begun to carry."""

    def __init__(self, profiles: Profiles, store: AccountStore, rooms: Rooms, membership: MembershipChanges) -> None:
        self._profiles, self._store, self._rooms, self._membership = profiles, store, rooms, membership
        self._tasks: dict[UserId, asyncio.Task[None]] = {}
        self._begun: set[UserId] = set()  # since a task last asked what is to be carried

    async def __call__(self, user_id: UserId, name: str, value: Any, by_owner: bool = False) -> None:
        """`by_owner`: not an administrator, nor the server itself."""
        if await self._profiles.set_field(user_id, name, value, by_owner) and name in CARRIED:
            self._begin(user_id)

    async def follow(self, user_id: UserId, said: Mapping[str, str | None]) -> None:
        """What a directory or provider says of its person; see `Profiles.follow`."""
        if await self._profiles.follow(user_id, said):
            self._begin(user_id)

    async def resume(self) -> None:
        """What no process has finished; a job, and at start."""
        for user_id, _ in await self._store.profile_carries():
            self._begin(user_id)

    def _begin(self, user_id: UserId) -> None:
        """One task per person: it looks again, when it is done, whether the profile has changed meanwhile."""
        self._begun.add(user_id)
        if user_id not in self._tasks:
            self._tasks[user_id] = asyncio.create_task(self._carry(user_id), name=f"profile of {user_id}")

    async def _carry(self, user_id: UserId) -> None:
        try:
            while user_id in self._begun:  # what began while the database was asked is not in its answer
                self._begun.discard(user_id)
                while due := await self._store.profile_carries(user_id):
                    await self._carry_into_rooms(user_id)
                    await self._store.profile_carried(user_id, due[0][1])
        except (TimeoutError, *DATABASE_LOST) as error:
            log.warning("a profile waits to be carried into rooms", extra={"fields": {"error": type(error).__name__}})
        except Exception:
            log.exception("a profile waits to be carried into rooms")
        finally:
            del self._tasks[user_id]

    async def _carry_into_rooms(self, user_id: UserId) -> None:
        slots = asyncio.Semaphore(ROOMS_AT_ONCE)

        async def carry(room_id: str) -> None:
            async with slots:
                try:
                    await self._membership.update_profile(user_id, room_id)
                except MatrixError as error:
                    log.warning("a profile could not be carried into a room", extra={"fields": {"error": error.errcode}})

        await asyncio.gather(*(carry(m.room_id) for m in await self._rooms.memberships.joined(user_id)))

    async def wait(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks.values())
