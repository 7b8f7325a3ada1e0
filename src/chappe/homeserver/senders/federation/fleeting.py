"""Typing and presence of people here, for the servers that share their rooms. Worth nothing later: never stored."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.pool import DATABASE_LOST
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.modules.presence.presence import SEEN, Presence
from chappe.homeserver.modules.typing.typing import Typing
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.federation.sender import FederationSender

TOGETHER = 0.2  # seconds in which changes of presence are gathered


class FleetingSender:
    def __init__(
        self, rooms: Rooms, typing: Typing, presence: Presence, sender: FederationSender, clock: Clock, tasks: Tasks
    ) -> None:
        self._rooms, self._typing, self._presence, self._sender = rooms, typing, presence, sender
        self._typists: dict[int, set[str]] = {}
        self._moved: set[str] = set()
        self._tasks = tasks
        clock.listen(self._heard)
        typing.listen(self._typing_changed)

    def _typing_changed(self, number: int) -> None:
        room = self._rooms.live.live(number)
        if room is None:
            return
        servers = self._rooms.servers.others(room)
        now = {user for user in self._typing.users(number) if self._rooms.is_hosted(user)} if servers else set()
        before = self._typists.pop(number, set())
        if now:
            self._typists[number] = now
        for user in now ^ before:
            content = {"room_id": room.room_id, "user_id": user, "typing": user in now}
            for server in self._sender.allowed(servers, user):
                self._sender.add_fleeting(server, f"typing:{number}:{user}", {"edu_type": "m.typing", "content": content})

    def _heard(self, commit: Commit) -> None:
        users = {u for u, kinds in commit.users.items() if "presence" in kinds or SEEN in kinds}
        if not users:
            return
        if not self._moved:
            self._tasks.start(self._tell(), "presence for other servers")
        self._moved |= users

    async def _tell(self) -> None:
        await asyncio.sleep(TOGETHER)
        moved, self._moved = self._moved, set()
        with contextlib.suppress(TimeoutError, *DATABASE_LOST):
            states = await self._presence.of(user for user in moved if self._rooms.is_hosted(user))
            for user, state in states.items():
                entry: dict[str, Any] = {"user_id": user, **self._presence.content(state)}
                for server in self._sender.allowed(await self._rooms.servers.sharing(user), user):
                    self._sender.add_fleeting(
                        server, f"presence:{user}", {"edu_type": "m.presence", "content": {"push": [entry]}}
                    )
