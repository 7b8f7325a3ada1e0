"""Administering files: whose they are, quarantine, deletion."""

from __future__ import annotations

import re
from typing import Any

from chappe.homeserver.accounts.endings import THE_WHOLE
from chappe.homeserver.http.administration import ADMIN, V1, page_of
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import UserId, domain_of, parse_room_id, parse_user_id

_MXC = re.compile(rb'mxc://([^"/\\]{1,255})/([A-Za-z0-9_-]{1,255})')
EVENTS_AT_MOST = 20_000


class AdminMedia:
    def __init__(self, media: ContentRepository, rooms: Rooms, domains: Domains) -> None:
        self._media, self._rooms, self._domains = media, rooms, domains

    @endpoint("GET", V1 + "/users/{userId}/media", **ADMIN)
    async def of_user(self, request: Request) -> Answer:
        start, limit, _ = page_of(request)
        found, total = await self._media.of_user(parse_user_id(request.params["userId"]), start, limit)
        return {"media": found, "total": total} | ({"next_token": start + len(found)} if start + len(found) < total else {})

    @endpoint("GET", V1 + "/room/{roomId}/media", **ADMIN)
    async def of_room(self, request: Request) -> Answer:
        """Files that unencrypted messages name."""
        found = await self._in_room(request.params["roomId"])
        return {"local": [f"mxc://{server}/{name}" for server, name in found], "remote": []}

    async def _in_room(self, room_id: str) -> list[tuple[str, str]]:
        room = await self._rooms.require(parse_room_id(room_id))
        events = await self._rooms.timeline.events_between(room, 0, room.last_position, EVENTS_AT_MOST, backwards=True)
        found = {(s.decode(), n.decode()): None for e in events for s, n in _MXC.findall(e.head)}
        return list(found)

    @endpoint("POST", V1 + "/media/quarantine/{serverName}/{mediaId}", does="quarantine_file", **ADMIN)
    async def quarantine(self, request: Request) -> Answer:
        await self._media.quarantine([(request.params["serverName"], request.params["mediaId"])], request.user_id)
        return {}

    @endpoint("POST", V1 + "/media/unquarantine/{serverName}/{mediaId}", does="unquarantine_file", **ADMIN)
    async def unquarantine(self, request: Request) -> Answer:
        await self._media.quarantine([(request.params["serverName"], request.params["mediaId"])], None)
        return {}

    @endpoint(
        "POST", V1 + "/room/{roomId}/media/quarantine", V1 + "/quarantine_media/{roomId}", does="quarantine_file", **ADMIN
    )
    async def quarantine_room(self, request: Request) -> Answer:
        found = await self._in_room(request.params["roomId"])
        return {"num_quarantined": await self._media.quarantine(found, request.user_id)}

    @endpoint("POST", V1 + "/user/{userId}/media/quarantine", does="quarantine_file", **ADMIN)
    async def quarantine_user(self, request: Request) -> Answer:
        found, _ = await self._media.of_user(parse_user_id(request.params["userId"]), 0, EVENTS_AT_MOST)
        server = domain_of(request.params["userId"])
        return {"num_quarantined": await self._media.quarantine([(server, f["media_id"]) for f in found], request.user_id)}

    @endpoint("POST", V1 + "/media/protect/{mediaId}", V1 + "/media/unprotect/{mediaId}", does="protect_file", **ADMIN)
    async def protect(self, request: Request) -> Answer:
        """Protected files cannot be quarantined: stickers and logos, say."""
        wanted = b"/unprotect/" not in request.raw_path
        await self._media.protect(domain_of(request.user_id), request.params["mediaId"], wanted)
        return {}

    @endpoint("GET", V1 + "/media/{serverName}/{mediaId}", **ADMIN)
    async def get(self, request: Request) -> Answer:
        """What is known of a file, not what is in it."""
        return {"media_info": await self._media.known_of(request.params["serverName"], request.params["mediaId"])}

    @endpoint("POST", V1 + "/purge_media_cache", does="delete_file", **ADMIN)
    async def purge_cache(self, request: Request) -> Answer:
        """Copies of other servers' files that nobody has looked at since `before_ts` (ms). They are fetched again when asked for."""
        if request.query("before_ts") is None:
            raise BadRequest("`before_ts` is missing", "M_MISSING_PARAM")
        deleted = await self._media.delete_copies(request.query_int("before_ts", 0, 0), self._domains.names())
        return {"deleted": len(deleted)}

    @endpoint("DELETE", V1 + "/media/{serverName}/{mediaId}", does="delete_file", **ADMIN)
    async def delete(self, request: Request) -> Answer:
        deleted = await self._media.delete([(request.params["serverName"], request.params["mediaId"])], right=THE_WHOLE)
        return _deleted(deleted)

    @endpoint("DELETE", V1 + "/users/{userId}/media", does="delete_file", **ADMIN)
    async def delete_of_user(self, request: Request) -> Answer:
        user_id: UserId = parse_user_id(request.params["userId"])
        found, _ = await self._media.of_user(user_id, request.query_int("from", 0), request.query_int("limit", 100, 1, 1000))
        return _deleted(await self._media.delete([(domain_of(user_id), f["media_id"]) for f in found], right=THE_WHOLE))

    @endpoint("POST", V1 + "/media/delete", V1 + "/media/{serverName}/delete", does="delete_file", **ADMIN)
    async def delete_old(self, request: Request) -> Answer:
        """Older than `before_ts` (ms) and larger than `size_gt` (bytes)."""
        keep = request.query_choice("keep_profiles", ("true", "false"), "true")
        before = request.query_int("before_ts", -1, 0)
        return _deleted(await self._media.delete_older(before, request.query_int("size_gt", 0), keep == "false"))


def _deleted(names: list[str]) -> dict[str, Any]:
    return {"deleted_media": names, "total": len(names)}
