"""The published room directory: for people (list_public_rooms.yaml) and for other servers (public_rooms.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import AUTH, GUEST_AUTH, OPTIONAL_AUTH, SERVER_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.appservices.appservices import Appservices
from chappe.homeserver.modules.room_directory.room_directory import MAX_PAGE, DirectoryQuery, RoomDirectory
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import domain_of, parse_room_id, parse_server_name

_VISIBILITY = "/_matrix/client/v3/directory/list/room/{roomId}"
_ROOMS = "/_matrix/client/v3/publicRooms"
_FOR_SERVERS = "/_matrix/federation/v1/publicRooms"


class DirectoryVisibility(msgspec.Struct):
    visibility: str = "public"


class PublicRoomsFilter(msgspec.Struct):
    generic_search_term: str | None = None
    room_types: list[str | None] | None = None


class PublicRoomsQuery(msgspec.Struct):
    limit: int | None = None
    since: str | None = None
    filter: PublicRoomsFilter | None = None
    include_all_networks: bool = False
    third_party_instance_id: str | None = None


class ListPublicRooms:
    def __init__(self, directory: RoomDirectory, domains: Domains, appservices: Appservices) -> None:
        self._directory, self._domains, self._appservices = directory, domains, appservices

    def _server(self, request: Request) -> str:
        """The directory that is meant: the one named, else that of the asker's domain."""
        if name := request.query("server"):
            return parse_server_name(name)
        requester = request.optional_requester
        return domain_of(requester.user_id) if requester else self._domains.of_host(request.host)

    @endpoint("GET", _VISIBILITY, auth=OPTIONAL_AUTH)
    async def visibility(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        listed = await self._directory.is_published(request.reader, room_id, self._domains.of_host(request.host))
        return {"visibility": "public" if listed else "private"}

    @endpoint("PUT", _VISIBILITY, acts=True, auth=AUTH, body_limit=SMALL_LIMIT)
    async def set_visibility(self, request: Request) -> Answer:
        room_id, wanted = (
            parse_room_id(request.params["roomId"]),
            (await request.body_as(DirectoryVisibility, optional=True)).visibility,
        )
        if wanted not in ("public", "private"):
            raise BadRequest("`visibility` must be `public` or `private`", "M_INVALID_PARAM")
        await self._directory.publish(request.user_id, room_id, wanted == "public", request.requester.is_admin)
        return {}

    @endpoint("GET", _ROOMS, auth=OPTIONAL_AUTH)
    async def rooms(self, request: Request) -> Answer:
        limit = request.query_int("limit", 100, 1, MAX_PAGE)
        query = DirectoryQuery(request.reader, self._server(request), limit, request.query("since"))
        return await self._directory.list(query)

    @endpoint("POST", _ROOMS, auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def search(self, request: Request) -> Answer:
        body = await request.body_as(PublicRoomsQuery, optional=True)
        if body.limit is not None and body.limit < 1:
            raise BadRequest("`limit` must be at least 1", "M_INVALID_PARAM")
        wanted = body.filter or PublicRoomsFilter()
        instance, everywhere = body.third_party_instance_id, body.include_all_networks
        if instance and everywhere:
            raise BadRequest("Either one network is meant, or all of them", "M_INVALID_PARAM")
        only = await self._appservices.rooms_of(instance) if instance else None
        also = await self._appservices.rooms_of_all() if everywhere else ()
        limit = min(body.limit or 100, MAX_PAGE)
        return await self._directory.list(
            DirectoryQuery(
                request.reader,
                self._server(request),
                limit,
                body.since,
                wanted.generic_search_term,
                wanted.room_types,
                only,
                also,
            )
        )


class PublicRoomsForServers:
    """What other servers may find here."""

    def __init__(self, directory: RoomDirectory) -> None:
        self._directory = directory

    @endpoint("GET", _FOR_SERVERS, auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def rooms(self, request: Request) -> Answer:
        limit = request.query_int("limit", 0, 0, MAX_PAGE) or 100  # 0: as many as we like
        return await self._directory.list(DirectoryQuery(request.reader, request.destination, limit, request.query("since")))

    @endpoint("POST", _FOR_SERVERS, auth=SERVER_AUTH, api="federation", is_heavy=True, body_limit=SMALL_LIMIT)
    async def search(self, request: Request) -> Answer:
        body = await request.body_as(PublicRoomsQuery, optional=True)
        wanted = body.filter or PublicRoomsFilter()
        limit = max(1, min(body.limit or 100, MAX_PAGE))
        return await self._directory.list(
            DirectoryQuery(
                request.reader, request.destination, limit, body.since, wanted.generic_search_term, wanted.room_types, None
            )
        )
