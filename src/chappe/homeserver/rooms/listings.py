"""Where a room is found: its aliases, and the directories that list it."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, mapping, values
from chappe.homeserver.database.writing_function import Fragment


class AliasRow(Row):
    alias: str
    room_id: str
    creator: str


class PublishedRoomRow(Row):
    server_name: str
    room: int


FRAGMENTS = (
    Fragment(
        "aliases",
        AliasRow,
        """
        INSERT INTO room_aliases (alias, room_id, creator) SELECT a.alias, a.room_id, a.creator
          FROM unnest(aliases_rows) a WHERE a._lane <> ALL (bad);""",
    ),
    Fragment(
        "published_rooms",
        PublishedRoomRow,
        """
        INSERT INTO published_rooms (server_name, room_nid) SELECT p.server_name, p.room
          FROM unnest(published_rooms_rows) p WHERE p._lane <> ALL (bad);""",
    ),
)


class AliasStore:
    """What the aliases of this installation lead to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, alias: str) -> AliasRow | None:
        return await find(self._database, AliasRow, "SELECT alias, room_id, creator FROM room_aliases WHERE alias = $1", alias)

    async def rooms_of(self, aliases: Sequence[str]) -> dict[str, str]:
        """The rooms of some aliases, by alias: those that are there. What no alias can be (others write what they like) is not."""
        asked = [alias for alias in aliases if "\x00" not in alias]
        return await mapping(
            self._database, str, str, "SELECT alias, room_id FROM room_aliases WHERE alias = ANY($1::text[])", asked
        )

    async def of_room(self, room_id: str) -> list[str]:
        return await values(self._database, str, "SELECT alias FROM room_aliases WHERE room_id = $1 ORDER BY created", room_id)

    async def add(self, alias: str, room_id: str, creator: str) -> None:
        """Raises UniqueViolationError where the alias leads somewhere."""
        await self._database.execute(
            "INSERT INTO room_aliases (alias, room_id, creator) VALUES ($1, $2, $3)", alias, room_id, creator
        )

    async def remove(self, alias: str) -> None:
        await self._database.execute("DELETE FROM room_aliases WHERE alias = $1", alias)

    async def remove_all(self, room_id: str) -> list[str]:
        """Returns those that led to the room."""
        return await values(self._database, str, "DELETE FROM room_aliases WHERE room_id = $1 RETURNING alias", room_id)

    async def move(self, room_id: str, new_id: str) -> None:
        """All of a room's aliases to the room that replaces it."""
        await self._database.execute("UPDATE room_aliases SET room_id = $2 WHERE room_id = $1", room_id, new_id)


class PublishedRooms:
    """In which directories rooms are listed: those of domains, by whoever may say so; bridges list theirs (`ListedRooms`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def domains_of(self, room_nid: int) -> list[str]:
        """The domains in whose directories a room is listed."""
        return await values(self._database, str, "SELECT server_name FROM published_rooms WHERE room_nid = $1", room_nid)

    async def is_listed(self, room_nid: int) -> bool:
        """Whether a room is in any directory: a domain's, or that of a bridge's network."""
        return bool(
            await self._database.fetchval(
                """SELECT EXISTS (SELECT 1 FROM published_rooms WHERE room_nid = $1)
                   OR EXISTS (SELECT 1 FROM appservice_rooms JOIN rooms USING (room_id) WHERE room_nid = $1)""",
                room_nid,
            )
        )

    async def withdraw_everywhere(self, room_id: str) -> None:
        await self._database.execute(
            "DELETE FROM published_rooms WHERE room_nid = (SELECT room_nid FROM rooms WHERE room_id = $1)", room_id
        )

    async def publish(self, server_name: str, room_nid: int) -> None:
        """In the directory of a domain."""
        await self._database.execute(
            "INSERT INTO published_rooms VALUES ($1, $2) ON CONFLICT DO NOTHING", server_name, room_nid
        )

    async def withdraw(self, server_name: str, room_nid: int) -> None:
        """Out of the directory of a domain."""
        await self._database.execute(
            "DELETE FROM published_rooms WHERE server_name = $1 AND room_nid = $2", server_name, room_nid
        )
