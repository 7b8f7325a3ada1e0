"""Which room holds whose server notices: exactly one per user."""

from __future__ import annotations

from chappe.homeserver.database.pool import Database


class NoticeRooms:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user_id: str) -> str | None:
        return await self._database.fetchval(  # type: ignore[no-any-return]
            "SELECT room_id FROM server_notice_rooms WHERE user_id = $1", user_id
        )

    async def remember(self, user_id: str, room_id: str, instead_of: str | None) -> str:
        """Returns the user's room: this one, or one that was remembered meanwhile."""
        await self._database.execute(
            """INSERT INTO server_notice_rooms AS known VALUES ($1, $2)
               ON CONFLICT (user_id) DO UPDATE SET room_id = excluded.room_id WHERE known.room_id = $3""",
            user_id,
            room_id,
            instead_of,
        )
        return str(await self.find(user_id))
