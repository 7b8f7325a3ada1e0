"""Profiles and aliases of the hosted domains (query.yaml)."""

from __future__ import annotations

from chappe.homeserver.accounts.profiles import Profiles
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, Answer, endpoint
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.sight import Sight
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.identifiers import domain_of, parse_room_alias, parse_user_id


class FederationQuery:
    def __init__(self, profiles: Profiles, aliases: Aliases, sight: Sight) -> None:
        self._profiles, self._aliases, self._sight = profiles, aliases, sight

    @endpoint("GET", "/_matrix/federation/v1/query/profile", auth=SERVER_AUTH, api="federation")
    async def profile(self, request: Request) -> Answer:
        user_id = parse_user_id(_required(request, "user_id"))
        if domain_of(user_id) != request.destination:
            raise BadRequest(f"{user_id} is not of {request.destination}", "M_INVALID_PARAM")
        if not await self._sight.known(request.reader, [user_id]):
            raise NotFound("There is no such person here")
        profile = await self._profiles.of(user_id)
        field = request.query("field")
        return {field: profile[field]} if field in profile else {} if field else dict(profile)

    @endpoint("GET", "/_matrix/federation/v1/query/directory", auth=SERVER_AUTH, api="federation")
    async def directory(self, request: Request) -> Answer:
        alias = parse_room_alias(_required(request, "room_alias"))
        if domain_of(alias) != request.destination:
            raise NotFound(f"The alias is not of {request.destination}")
        return {"room_id": (await self._aliases.resolve_for(request.reader, alias)).room_id, "servers": [request.destination]}


def _required(request: Request, name: str) -> str:
    value = request.query(name)
    if value is None:
        raise BadRequest(f"`{name}` is missing", "M_MISSING_PARAM")
    return value
