"""Room aliases (client-server API, "Room aliases")."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from chappe.homeserver.database.pool import Database
from chappe.homeserver.outbound.bridged_aliases import BridgedAliases
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.queries import Queries
from chappe.homeserver.rooms.listings import AliasStore
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import CANONICAL_ALIAS, Content, Rooms
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.identifiers import RoomAlias, UserId, domain_of, parse_room_alias
from chappe.matrix.reader import Reader

log = logging.getLogger(__name__)
MOST_NAMED = 20  # aliases that one event may name anew: other servers are asked about theirs


@dataclass(frozen=True, slots=True)
class Alias:
    alias: str
    room_id: str
    creator: str
    servers: tuple[str, ...] = ()  # who is in the room, as another server says


class Aliases:
    def __init__(self, database: Database, rooms: Rooms, domains: Domains, bridged: BridgedAliases, queries: Queries) -> None:
        self.store, self._rooms, self._domains = AliasStore(database), rooms, domains
        self._bridged, self._queries = bridged, queries
        rooms.ask_before(CANONICAL_ALIAS, self._require_own)

    async def find(self, alias: str) -> Alias | None:
        row = await self.store.find(alias)
        return Alias(row.alias, row.room_id, row.creator) if row else None

    async def resolve(self, alias: RoomAlias) -> Alias:
        """Raises M_NOT_FOUND."""
        found = await self.find(alias)
        if found is None and not self._domains.is_hosted(domain_of(alias)):
            room_id, servers = await self._queries.alias(alias)
            return Alias(alias, room_id, "", servers)
        if found is None and await self._bridged.ask_for_alias(alias):
            found = await self.find(alias)
        if found is None:
            raise NotFound(f"There is no room called {alias}")
        return found

    async def resolve_for(self, reader: Reader, alias: RoomAlias) -> Alias:
        """The same, for somebody who asks. Raises M_MISSING_TOKEN, and M_NOT_FOUND for what is not for them."""
        self._rooms.sight.require(reader)
        found = await self.resolve(alias)
        if not await self._rooms.sight.knows_address(reader, found.room_id):
            raise NotFound(f"There is no room called {alias}")
        return found

    async def room_id_of(self, reader: Reader, room_id_or_alias: str) -> str:
        """Resolves what clients may put in a path: a room id or an alias."""
        return (await self.room_of(reader, room_id_or_alias))[0]

    async def room_of(self, reader: Reader, room_id_or_alias: str) -> tuple[str, tuple[str, ...]]:
        """The same, and the servers that may be in the room."""
        if not room_id_or_alias.startswith("#"):
            return room_id_or_alias, ()
        found = await self.resolve_for(reader, parse_room_alias(room_id_or_alias))
        return found.room_id, found.servers

    async def require_free(self, alias: RoomAlias, user_id: str) -> None:
        self._bridged.require_alias_free(alias, user_id)
        if not self._domains.is_hosted(domain_of(alias)):
            raise MatrixError(400, "M_INVALID_PARAM", "The alias belongs to another server")
        if await self.find(alias) is not None:
            raise MatrixError(400, "M_ROOM_IN_USE", f"{alias} is already taken")

    async def create(self, user_id: UserId, alias: RoomAlias, room_id: str, service: str | None = None) -> None:
        """Raises M_UNKNOWN (409) where the alias exists; only members of the room may add one, and an application service
        those of its namespace."""
        if not self._domains.is_hosted(domain_of(alias)):
            raise MatrixError(400, "M_INVALID_PARAM", "The alias belongs to another server")
        self._bridged.require_alias_free(alias, user_id)
        if service is not None and self._bridged.has_alias(alias, service):
            await self._rooms.require(room_id)
        else:
            await self._rooms.require_joined(user_id, room_id)
        try:
            await self.store.add(alias, room_id, user_id)
        except asyncpg.UniqueViolationError:
            raise MatrixError(409, "M_UNKNOWN", f"{alias} is already taken") from None

    async def delete(self, user_id: UserId, alias: RoomAlias, is_admin: bool) -> None:
        """By whoever created it, by those who may change the room's canonical alias, by server administrators."""
        found = await self.resolve(alias)
        room = await self._rooms.live.find(found.room_id)
        may = is_admin or found.creator == user_id
        if not may and room is not None and user_id in room.joined:
            levels = room.power_levels()
            may = levels.of(user_id) >= levels.required("m.room.canonical_alias", True)
        if not may:
            raise Forbidden("You may not delete this alias")
        await self.store.remove(alias)
        await self._name_no_more(user_id, alias, found.room_id)

    async def _name_no_more(self, user_id: UserId, alias: RoomAlias, room_id: str) -> None:
        """The room does not call itself by it, where whoever deletes it may say so (client-server API, "Room aliases")."""

        def without(_room: LiveRoom, content: Content) -> Content | None:
            rest, others = dict(content), content.get("alt_aliases")
            if rest.get("alias") == alias:
                del rest["alias"]
            if type(others) is list and alias in others:
                rest["alt_aliases"] = [other for other in others if other != alias]
            return rest if rest != content else None

        try:
            await self._rooms.change_state(user_id, room_id, CANONICAL_ALIAS, without)
        except MatrixError as error:
            log.info("a room still names an alias that is gone", extra={"fields": {"why": error.message[:200]}})

    async def _require_own(self, user_id: UserId, room_id: str, state_key: str, content: Mapping[str, Any]) -> None:
        """Other servers are asked only for those who may call the room anything: the rest is refused when it is written."""
        room = await self._rooms.require(room_id)
        levels, now = room.power_levels(), room.get((CANONICAL_ALIAS, state_key))
        if user_id in room.joined and levels.of(user_id) >= levels.required(CANONICAL_ALIAS, True):
            await self._require_lead_to(room_id, now.content if now is not None else {}, content)

    async def _require_lead_to(self, room_id: str, before: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        """What m.room.canonical_alias names and did not before must lead to the room. Raises M_INVALID_PARAM, M_BAD_ALIAS."""
        known = {alias for alias in _values(before) if type(alias) is str}
        added = [alias for alias in aliases_in(content) if alias not in known]
        if len(added) > MOST_NAMED:
            raise BadRequest(f"At most {MOST_NAMED} aliases can be named at once", "M_INVALID_PARAM")
        for alias in added:
            if not await self.leads_to(alias, room_id):
                raise BadRequest(f"{alias} does not lead to this room", "M_BAD_ALIAS")

    async def carried_over(self, room_id: str, content: Mapping[str, Any]) -> Content:
        """What m.room.canonical_alias may still say once another room has got its aliases: those of here that lead there. Those of
        other servers lead to the room that was before."""
        alias, others = content.get("alias"), content.get("alt_aliases")
        named = dict.fromkeys(value for value in _values(content) if type(value) is str)
        found = await self.store.rooms_of([*named])
        led = [value for value in named if found.get(value) == room_id]
        rest = {key: value for key, value in content.items() if key not in ("alias", "alt_aliases")}
        if alias in led:
            rest["alias"] = alias
        if type(others) is list and (kept := [value for value in led if value in others]):
            rest["alt_aliases"] = kept
        return rest

    async def hide_gone(self, entries: Iterable[dict[str, Any]]) -> None:
        """A room may still name an alias of here that is gone, or is another's: whoever is told of the room is not told of that,
        since they would find nothing there. `entries`: what is told of some rooms."""
        named = [e for e in entries if (alias := e.get("canonical_alias")) and self._domains.is_hosted(domain_of(alias))]
        leads_to = await self.store.rooms_of([e["canonical_alias"] for e in named]) if named else {}
        for entry in named:
            if leads_to.get(entry["canonical_alias"]) != entry["room_id"]:
                del entry["canonical_alias"]

    async def leads_to(self, alias: RoomAlias, room_id: str) -> bool:
        """Whether an alias, of here or of another server, is known to be the room's. No bridge makes a room for the question."""
        if self._domains.is_hosted(domain_of(alias)):
            found = await self.find(alias)
            return found is not None and found.room_id == room_id
        try:
            return (await self._queries.alias(alias))[0] == room_id
        except MatrixError:
            return False


def aliases_in(content: Mapping[str, Any]) -> list[RoomAlias]:
    """What an m.room.canonical_alias names. Raises M_INVALID_PARAM for what is no alias."""
    if type(content.get("alt_aliases", [])) is not list:
        raise BadRequest("`alt_aliases` must be a list of aliases", "M_INVALID_PARAM")
    values = dict.fromkeys(value if type(value) is str else "" for value in _values(content))
    return [parse_room_alias(value) for value in values]


def _values(content: Mapping[str, Any]) -> list[Any]:
    """Those of the content of the event: `alias` may be missing, null or empty where the room has none."""
    alias, others = content.get("alias"), content.get("alt_aliases")
    return [*([alias] if alias not in (None, "") else []), *(others if type(others) is list else ())]
