"""The user directory (client-server API, "User Directory"): colleagues of one's own domain, those with whom one shares a
room, those in public rooms; and the people of servers that let theirs be found (`federation.people_of`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chappe.homeserver.database.pool import Database, Row
from chappe.homeserver.matrix.directory_entries import directory_words
from chappe.homeserver.matrix.identifiers import UserId, domain_of
from chappe.homeserver.matrix.reader import Finds, Guest, Person
from chappe.homeserver.rooms.rooms import Rooms

Found = tuple[list[dict[str, Any]], bool]
AskServers = Callable[[UserId, str, int], Awaitable[list[dict[str, Any]]]]
CANDIDATES = 500
MAX_LIMIT = 50


class UserDirectory:
    def __init__(self, database: Database, rooms: Rooms, ask_servers: AskServers | None = None) -> None:
        self._database, self._rooms, self._ask_servers = database, rooms, ask_servers

    async def search(self, reader: Person | Guest, term: str, limit: int) -> Found:
        """(people whose names hold every word of the term, or begin with it; whether there were more).

        Those who are known here come first.
        """
        if not await self._rooms.sight.may_search(reader):
            return [], False
        user_id = reader.user_id
        if self._ask_servers is None or not directory_words(term):
            return await self._known(user_id, term, limit)
        (found, more), elsewhere = await asyncio.gather(
            self._known(user_id, term, limit), self._ask_servers(user_id, term, limit)
        )
        known = {entry["user_id"] for entry in found}
        found += [entry for entry in elsewhere if entry["user_id"] not in known]
        return found[:limit], more or len(found) > limit

    async def for_server(self, server_name: str, searcher: str, term: str, limit: int) -> Found:
        """The people of a hosted domain, for somebody of another server."""
        words = directory_words(term)
        if not words or self._rooms.sight.finds(Person(UserId(searcher))) is not Finds.PUBLISHED:
            return [], False
        rows = await self._database.fetch(
            """SELECT user_id, display_name, avatar_url FROM user_directory
                WHERE words @@ to_tsquery('simple', $1) AND server_name = $2 ORDER BY length(search), user_id LIMIT $3""",
            _query(words), server_name, CANDIDATES,
        )  # fmt: skip
        found = [_entry(row) for row in await self._shown(UserId(searcher), rows)]
        return found[:limit], len(found) > limit

    async def _known(self, user_id: UserId, term: str, limit: int) -> Found:
        words = directory_words(term)
        if not words:
            return [], False
        rows = await self._database.fetch(
            """SELECT d.user_id, d.server_name, d.display_name, d.avatar_url,
                      d.server_name = $2 OR EXISTS (
                        SELECT 1 FROM memberships m JOIN room_summaries s USING (room_nid)
                         WHERE m.user_id = d.user_id AND m.membership = 'join' AND s.join_rule = 'public') AS is_public
                 FROM user_directory d WHERE d.words @@ to_tsquery('simple', $1) AND d.user_id <> $4
                ORDER BY d.server_name = $2 DESC, length(d.search), d.user_id LIMIT $3""",
            _query(words), domain_of(user_id), CANDIDATES, user_id,
        )  # fmt: skip
        found: list[dict[str, Any]] = []
        for row in await self._shown(user_id, rows):
            if not row["is_public"] and not await self._rooms.memberships.share_a_room(user_id, row["user_id"]):
                continue
            if len(found) == limit:
                return found, True
            found.append(_entry(row))
        return found, False

    async def _shown(self, searcher: UserId, rows: Sequence[Row]) -> list[Row]:
        """Those of some people who are not hidden from somebody."""
        hidden = await self._rooms.policy.hidden(searcher, [row["user_id"] for row in rows])
        return [row for row in rows if row["user_id"] not in hidden]


def _query(words: str) -> str:
    return " & ".join(f"{word}:*" for word in words.split())


def _entry(row: Row) -> dict[str, Any]:
    entry = {"user_id": row["user_id"], "display_name": row["display_name"], "avatar_url": row["avatar_url"]}
    return {key: value for key, value in entry.items() if value is not None}
