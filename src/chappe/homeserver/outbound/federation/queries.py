"""What other servers know of theirs (server-server API, "Querying for information"): aliases and profiles."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import SMALL_ANSWER, FederationClient, PeerRefused, PeerUnreachable
from chappe.matrix.errors import NotFound
from chappe.matrix.identifiers import RoomAlias, domain_of, is_server_name

QUERY = "/_matrix/federation/v1/query"
LIST_BYTES = 4 << 20
MOST_SERVERS = 50


class Queries:
    """Raises MatrixError: M_NOT_FOUND where the other server says so, 502 where it does not answer."""

    def __init__(self, client: FederationClient, domains: Domains, boundaries: Boundaries) -> None:
        self._client, self._domains, self._boundaries = client, domains, boundaries

    async def alias(self, alias: RoomAlias) -> tuple[str, tuple[str, ...]]:
        """(the room's id, servers that are in it)."""
        server = domain_of(alias)
        answer = await self._get(server, f"{QUERY}/directory", {"room_alias": alias}, most_bytes=LIST_BYTES)
        room_id, servers = answer.get("room_id"), answer.get("servers")
        if type(room_id) is not str or not room_id.startswith("!"):
            raise PeerUnreachable(server, "it named no room")
        named = [s for s in (servers if type(servers) is list else []) if type(s) is str and is_server_name(s)]
        return room_id, tuple(dict.fromkeys([server, *named]))[:MOST_SERVERS]

    async def profile(self, user_id: str) -> dict[str, Any]:
        return await self._get(domain_of(user_id), f"{QUERY}/profile", {"user_id": user_id})

    async def _get(self, server: str, path: str, query: dict[str, Any], *, most_bytes: int = SMALL_ANSWER) -> dict[str, Any]:
        own = self._boundaries.speaker(self._domains.names(), server)
        try:
            answer = await self._client.get(own, server, path, query, most_bytes=most_bytes)
        except PeerRefused as error:
            if error.peer_status == 404:
                raise NotFound(f"{server} does not know it") from None
            raise
        if type(answer) is not dict:
            raise PeerUnreachable(server, "its answer is no object")
        return answer
