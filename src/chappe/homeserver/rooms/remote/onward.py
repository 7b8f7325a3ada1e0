"""What rooms ask of whoever sends to other servers. Here nothing is sent; `senders/federation/sender.py` does it."""

from __future__ import annotations

from chappe.homeserver.rooms.live_room import LiveRoom


class Onward:
    async def forward(self, room: LiveRoom, event_id: str, origin: str) -> None:
        """Queues an event of another server that came into the room through this one: the other servers get it from here."""

    async def await_delivery(self, name: str, room_id: str) -> None:
        """Returns once a server has what was said here in a room, or cannot be waited for."""
