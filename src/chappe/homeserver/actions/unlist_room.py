"""A room in no directory any more, and without its addresses: nobody finds it."""

from __future__ import annotations

from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.appservices.store import ListedRooms
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.listings import PublishedRooms


class UnlistRoom:
    def __init__(self, database: Database, published: PublishedRooms, aliases: Aliases) -> None:
        self._published, self._aliases, self._of_networks = published, aliases, ListedRooms(database)

    async def __call__(self, room_id: str) -> list[str]:
        """Returns the aliases that it had."""
        await self._published.withdraw_everywhere(room_id)
        await self._of_networks.remove_everywhere(room_id)
        return await self._aliases.store.remove_all(room_id)
