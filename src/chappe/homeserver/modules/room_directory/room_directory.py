"""The published room directory, one per hosted domain (client-server API, "Published room directory")."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.policy import ContentOf
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.listings import PublishedRooms
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.identifiers import UserId, domain_of
from chappe.matrix.reader import Finds, Nobody, Reader, ServerReader
from chappe.matrix.search_lexemes import patterns

MAX_PAGE = 500
MAX_READS = 10  # for one page, where most rooms are not for who asks
_TOKEN = re.compile(r"([np])([0-9]{1,12})_([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class DirectoryQuery:
    """`since`: a token of an earlier page. `room_types`: None for all; within, None stands for rooms without a type."""

    reader: Reader
    server_name: str
    limit: int
    since: str | None = None
    term: str | None = None
    room_types: list[str | None] | None = None
    only: list[str] | None = None  # room ids: those of a bridge's network, in place of the server's own
    also: tuple[str, ...] = ()  # room ids: those of bridges' networks, beside the server's own


AskServer = Callable[[DirectoryQuery], Awaitable[dict[str, Any]]]


class PublishedRoom(Row):
    room_id: str
    room_nid: int
    name: str | None
    topic: str | None
    canonical_alias: str | None
    avatar: str | None
    room_type: str | None
    join_rule: str
    history_visibility: str
    guest_access: str
    joined: int


class RoomDirectory:
    """`ask_server`: another one, for its directory."""

    def __init__(
        self,
        database: Database,
        rooms: Rooms,
        published: PublishedRooms,
        aliases: Aliases,
        domains: Domains,
        ask_server: AskServer,
    ) -> None:
        self._database, self._rooms, self._published, self._aliases = database, rooms, published, aliases
        self._domains, self._ask_server = domains, ask_server

    async def is_published(self, reader: Reader, room_id: str, server_name: str) -> bool:
        """Raises M_NOT_FOUND for an unknown room, and for one that is not for the reader."""
        self._rooms.sight.require(reader)
        room = await self._rooms.require(room_id)
        if self._rooms.sight.finds(reader) is Finds.SHARED and not await self._rooms.sight.knows(reader, room):
            raise NotFound("This room is not known here")
        return server_name in await self._published.domains_of(room.nid)

    async def publish(self, user_id: UserId, room_id: str, listed: bool, is_admin: bool) -> None:
        """In the directory of the user's own domain: by those who may change the room's address."""
        room = await self._rooms.live.find(room_id)
        if room is None:
            raise NotFound("This room is not known here")
        if not is_admin:
            levels = room.power_levels()
            if user_id not in room.joined or levels.of(user_id) < levels.required("m.room.canonical_alias", True):
                raise Forbidden("You may not change where this room is listed")
        if listed:
            await self.require_may_publish(user_id, room.content_of)
            await self._published.publish(domain_of(user_id), room.nid)
        else:
            await self._published.withdraw(domain_of(user_id), room.nid)

    async def require_may_publish(self, user_id: UserId, content_of: ContentOf) -> None:
        """Raises what the policy refuses a listing with, in this directory or another: of a room that is there, or is being made."""
        await self._rooms.policy.may_publish(user_id, content_of)

    async def list(self, query: DirectoryQuery) -> dict[str, Any]:
        """A page, the rooms with most members first. One statement, and one for the number of rooms.

        Other servers see neither the rooms that will not have them, nor how many those are.
        """
        reader, sight = query.reader, self._rooms.sight
        sight.require(reader)
        if not await sight.may_search(reader):
            return {"chunk": [], "total_room_count_estimate": 0}
        if isinstance(reader, ServerReader) and not self._rooms.servers.may_share_room(reader.server_name, query.server_name):
            return {"chunk": []}
        if not self._domains.is_hosted(query.server_name):
            if isinstance(reader, Nobody):  # nobody has other servers asked in this one's name
                raise MatrixError(401, "M_MISSING_TOKEN", "Sign in to see the directories of other servers")
            return await self._ask_server(query)
        return await self._of_here(query)

    async def _of_here(self, query: DirectoryQuery) -> dict[str, Any]:
        backwards, joined, number = _parse(query.since)
        types, reader = query.room_types, query.reader
        arguments = [
            query.server_name,
            patterns(query.term or ""),
            None if types is None else [t for t in types if t is not None],
            types is None or None in types,
            query.only,
            list(query.also),
        ]
        comparison, order = (">", "ASC") if backwards else ("<", "DESC")
        rows: list[PublishedRoom] = []
        for _ in range(MAX_READS):
            batch = await read(
                self._database,
                PublishedRoom,
                f"""SELECT r.room_id, s.room_nid, s.name, s.topic, s.canonical_alias, s.avatar, s.room_type, s.join_rule,
                           s.history_visibility, s.guest_access, s.joined FROM room_summaries s JOIN rooms r USING (room_nid)
                     WHERE {_WHERE} AND ($7::bigint IS NULL OR (s.joined, s.room_nid) {comparison} ($7, $8::bigint))
                     ORDER BY s.joined {order}, s.room_nid {order} LIMIT $9""",
                *arguments,
                joined,
                number,
                query.limit + 1,
            )
            rows += [row for row in batch if await self._is_for(reader, row)]
            if len(batch) <= query.limit or len(rows) > query.limit:
                break
            joined, number = batch[-1].joined, batch[-1].room_nid
        more = len(rows) > query.limit
        page = list(rows[: query.limit])
        if backwards:
            page.reverse()
        entries = [_entry(row) for row in page]
        await self._aliases.hide_gone(entries)
        answer: dict[str, Any] = {"chunk": entries, **_batch_tokens(query, page, backwards, more)}
        if not isinstance(reader, ServerReader):
            answer["total_room_count_estimate"] = await self._database.fetchval(
                f"SELECT count(*) FROM room_summaries s JOIN rooms r USING (room_nid) WHERE {_WHERE}", *arguments
            )
        return answer

    async def _is_for(self, reader: Reader, row: PublishedRoom) -> bool:
        if not isinstance(reader, ServerReader):
            return True
        return self._rooms.sight.may_take_part(reader.server_name, await self._rooms.live.by_nid(row.room_nid))


_WHERE = """($5::text[] IS NULL AND EXISTS (
        SELECT 1 FROM published_rooms p WHERE p.room_nid = s.room_nid AND p.server_name = $1) OR r.room_id = ANY($5)
      OR r.room_id = ANY($6::text[]))
    AND s.search LIKE ALL ($2::text[])
    AND ($3::text[] IS NULL OR s.room_type = ANY($3) OR ($4 AND s.room_type IS NULL))"""


def _parse(token: str | None) -> tuple[bool, int | None, int | None]:
    if not token:
        return False, None, None
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise BadRequest("This is not a token of this directory", "M_INVALID_PARAM")
    return match[1] == "p", int(match[2]), int(match[3])


def _entry(row: PublishedRoom) -> dict[str, Any]:
    entry = {
        "room_id": row.room_id,
        "num_joined_members": row.joined,
        "join_rule": row.join_rule,
        "world_readable": row.history_visibility == "world_readable",
        "guest_can_join": row.guest_access == "can_join",
        "name": row.name,
        "topic": row.topic,
        "canonical_alias": row.canonical_alias,
        "avatar_url": row.avatar,
        "room_type": row.room_type,
    }
    return {key: value for key, value in entry.items() if value is not None}


def _batch_tokens(query: DirectoryQuery, page: Sequence[PublishedRoom], backwards: bool, more: bool) -> dict[str, str]:
    """Where the pages before and after one begin. `more`: there is more in the direction of reading."""
    tokens = {}
    if page and (more or backwards):
        tokens["next_batch"] = f"n{page[-1].joined}_{page[-1].room_nid}"
    if page and (more if backwards else query.since is not None):
        tokens["prev_batch"] = f"p{page[0].joined}_{page[0].room_nid}"
    return tokens
