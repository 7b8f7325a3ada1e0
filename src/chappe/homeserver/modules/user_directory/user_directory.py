"""The user directory (client-server API, "User Directory"): colleagues of one's own domain, those with whom one shares a
room, those in public rooms; and the people of servers that let theirs be found (`federation.people_of`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.identifiers import UserId, domain_of
from chappe.matrix.reader import Finds, Guest, Person
from chappe.matrix.search_lexemes import escaped, exact_names, name_query

Found = tuple[list[dict[str, Any]], bool]
AskServers = Callable[[UserId, str, int], Awaitable[list[dict[str, Any]]]]
CANDIDATES = 500
MAX_LIMIT = 50


class DirectoryPerson(Row):
    user_id: str
    display_name: str | None
    avatar_url: str | None


P = TypeVar("P", bound=DirectoryPerson)


class KnownPerson(DirectoryPerson):
    """`is_public`: everybody of here may find them."""

    is_public: bool


class UserDirectory:
    def __init__(
        self, database: Database, rooms: Rooms, ask_servers: AskServers | None = None, finds_colleagues: bool = True
    ) -> None:
        """`finds_colleagues`: who shares no room with whoever searches is found as well, where both are of one domain."""
        self._database, self._rooms, self._ask_servers = database, rooms, ask_servers
        self._finds_colleagues = finds_colleagues

    async def search(self, reader: Person | Guest, term: str, limit: int) -> Found:
        """(people whose names hold every word of the term, or begin with it; whether there were more).

        Those who are known here come first, before them whoever has the Matrix id that was typed.
        """
        if not await self._rooms.sight.may_search(reader):
            return [], False
        user_id = reader.user_id
        if self._ask_servers is None or not name_query(term):
            return await self._known(user_id, term, limit)
        (found, more), elsewhere = await asyncio.gather(
            self._known(user_id, term, limit), self._ask_servers(user_id, term, limit)
        )
        known = {entry["user_id"] for entry in found}
        found += [entry for entry in elsewhere if entry["user_id"] not in known]
        return found[:limit], more or len(found) > limit

    async def for_server(self, server_name: str, searcher: str, term: str, limit: int) -> Found:
        """The people of a hosted domain, for somebody of another server."""
        asked = _asked(term)
        if asked is None or self._rooms.sight.finds(Person(UserId(searcher))) is not Finds.PUBLISHED:
            return [], False
        rows = await read(
            self._database,
            DirectoryPerson,
            f"""SELECT d.user_id, d.display_name, d.avatar_url FROM user_directory d
                 WHERE {_FOUND} AND d.server_name = $6 ORDER BY d.user_id = ANY ($1) DESC, {_ORDER} LIMIT $5""",
            *asked,
            CANDIDATES,
            server_name,
        )
        found = [_entry(row) for row in await self._shown(UserId(searcher), rows)]
        return found[:limit], len(found) > limit

    async def _known(self, user_id: UserId, term: str, limit: int) -> Found:
        asked = _asked(term)
        if asked is None:
            return [], False
        rows = await read(
            self._database,
            KnownPerson,
            f"""SELECT d.user_id, d.display_name, d.avatar_url,
                      $8 AND d.server_name = $6 OR EXISTS (
                        SELECT 1 FROM memberships m JOIN room_summaries s USING (room_nid)
                         WHERE m.user_id = d.user_id AND m.membership = 'join' AND s.join_rule = 'public') AS is_public
                 FROM user_directory d WHERE {_FOUND} AND d.user_id <> $7
                ORDER BY d.user_id = ANY ($1) DESC, d.server_name = $6 DESC, {_ORDER} LIMIT $5""",
            *asked,
            CANDIDATES,
            domain_of(user_id),
            user_id,
            self._finds_colleagues,
        )
        found: list[dict[str, Any]] = []
        for row in await self._shown(user_id, rows):
            if not row.is_public and not await self._rooms.memberships.share_a_room(user_id, row.user_id):
                continue
            if len(found) == limit:
                return found, True
            found.append(_entry(row))
        return found, False

    async def _shown(self, searcher: UserId, people: Sequence[P]) -> list[P]:
        """Those of some people who are not hidden from somebody."""
        hidden = await self._rooms.policy.hidden(searcher, [person.user_id for person in people])
        return [person for person in people if person.user_id not in hidden]


# $1 whole ids, $2 words that names hold or begin with, $3 how the server begins, $4 words that names hold
_FOUND = "(d.user_id = ANY ($1::text[]) OR d.words @@ $2::text::tsquery AND d.server_name LIKE $3)"
# before those whose names only begin with what was typed come those who are called so, the shortest name first
_ORDER = "(d.words @@ $4::text::tsquery) DESC, length(coalesce(d.display_name, d.user_id)), d.user_id"


def _asked(term: str) -> tuple[list[str], str, str, str] | None:
    """The first four arguments of a search for a name, or for an id or its beginning. None: nothing is asked for."""
    term = term.strip()
    local, _, server = term[1:].partition(":") if term.startswith("@") else (term, "", "")
    words = name_query(local)
    if not words and not server:
        return None
    return [term, term.lower()] if server else [], words, f"{escaped(server.lower())}%", exact_names(local)


def _entry(row: DirectoryPerson) -> dict[str, Any]:
    entry = {"user_id": row.user_id, "display_name": row.display_name, "avatar_url": row.avatar_url}
    return {key: value for key, value in entry.items() if value is not None}
