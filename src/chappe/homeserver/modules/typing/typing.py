"""Typing notifications (client-server API, "Typing Notifications"): never stored.

Changes take serial numbers of their own, the second part of a sync token. They start at the clock's time, so a token
from before a restart is always older.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chappe.homeserver.database.server_time import NowMs

MAX_TIMEOUT_MS = 120_000
FORGET_AFTER = 120.0  # seconds after the last change, everybody has heard


class Typing:
    def __init__(self, now_ms: NowMs) -> None:
        self._now_ms = now_ms
        self._listeners: list[Callable[[int], None]] = []
        self._rooms: dict[int, dict[str, asyncio.TimerHandle]] = {}
        self._serials: dict[int, int] = {}
        self.serial = now_ms()

    def listen(self, listener: Callable[[int], None]) -> None:
        """`listener` is called with the room's number after each change."""
        self._listeners.append(listener)

    def set(self, room_nid: int, user_id: str, timeout_ms: int) -> None:
        """Types for `timeout_ms` from now; 0 stops."""
        users = self._rooms.setdefault(room_nid, {})
        running = users.pop(user_id, None)
        if running is not None:
            running.cancel()
        if timeout_ms > 0:
            delay = min(timeout_ms, MAX_TIMEOUT_MS) / 1000
            users[user_id] = asyncio.get_running_loop().call_later(delay, self.set, room_nid, user_id, 0)
        if (running is None) == (timeout_ms > 0):
            self.serial = max(self.serial + 1, self._now_ms())
            self._serials[room_nid] = self.serial
            for listener in self._listeners:
                listener(room_nid)
            asyncio.get_running_loop().call_later(FORGET_AFTER, self._forget, room_nid, self.serial)
        if not users:
            del self._rooms[room_nid]

    def _forget(self, room_nid: int, serial: int) -> None:
        if self._serials.get(room_nid) == serial and room_nid not in self._rooms:
            del self._serials[room_nid]

    def changed_since(self, serial: int) -> list[int]:
        """The rooms whose list changed after a serial number."""
        return [room for room, at in self._serials.items() if at > serial]

    def users(self, room_nid: int) -> list[str]:
        """The whole list, in no particular order."""
        return list(self._rooms.get(room_nid, ()))

    def close(self) -> None:
        for users in self._rooms.values():
            for timer in users.values():
                timer.cancel()
