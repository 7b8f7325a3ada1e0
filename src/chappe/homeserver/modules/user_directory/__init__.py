"""The user directory (client-server API, "User Directory"): colleagues of one's own domain, those with whom one shares a
room, and those in public rooms."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.accounts.store import directory_words
from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.identifiers import UserId, domain_of
from chappe.homeserver.rooms.rooms import Rooms

CANDIDATES = 500
MAX_LIMIT = 50


class UserDirectory:
    def __init__(self, database: Database, rooms: Rooms) -> None:
        self._database, self._rooms = database, rooms

    async def search(self, user_id: UserId, term: str, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """(people whose names hold every word of the term, or begin with it; whether there were more)."""
        words = directory_words(term)
        if not words:
            return [], False
        query = " & ".join(f"{word}:*" for word in words.split())
        rows = await self._database.fetch(
            """SELECT d.user_id, d.server_name, d.display_name, d.avatar_url,
                      d.server_name = $2 OR EXISTS (
                        SELECT 1 FROM memberships m JOIN room_summaries s USING (room_nid)
                         WHERE m.user_id = d.user_id AND m.membership = 'join' AND s.join_rule = 'public') AS is_public
                 FROM user_directory d WHERE d.words @@ to_tsquery('simple', $1) AND d.user_id <> $4
                ORDER BY d.server_name = $2 DESC, length(d.search), d.user_id LIMIT $3""",
            query, domain_of(user_id), CANDIDATES, user_id,
        )  # fmt: skip
        found: list[dict[str, Any]] = []
        for row in rows:
            if not row["is_public"] and not await self._rooms.memberships.share_a_room(user_id, row["user_id"]):
                continue
            if not await self._rooms.policy.may_be_found(user_id, UserId(row["user_id"])):
                continue
            if len(found) == limit:
                return found, True
            entry = {"user_id": row["user_id"], "display_name": row["display_name"], "avatar_url": row["avatar_url"]}
            found.append({key: value for key, value in entry.items() if value is not None})
        return found, False
