"""What this server asks others on behalf of its users: directories of rooms and people, spaces."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from chappe.homeserver.modules.room_directory.room_directory import DirectoryQuery
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient, PeerRefused, PeerUnreachable
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import domain_of, is_server_name, is_user_id, parse_server_name, plain_form
from chappe.matrix.room_summaries import told_rooms, told_space

V1 = "/_matrix/federation/v1"
LIST_BYTES = 4 << 20
PEOPLE, PEOPLE_SECONDS = "/_matrix/federation/unstable/fr.chappe/user_directory/search", 2.0
MOST_VIA = 3
_BESIDE_CHUNK = (("next_batch", str), ("prev_batch", str), ("total_room_count_estimate", int))


class AskServers:
    """Raises MatrixError: 502 where the other server does not answer."""

    def __init__(self, client: FederationClient, domains: Domains, boundaries: Boundaries, people_of: Sequence[str]) -> None:
        self._client, self._domains, self._boundaries, self._people_of = (
            client,
            domains,
            boundaries,
            list(map(plain_form, people_of)),
        )

    def _own(self, server: str) -> str:
        return self._boundaries.speaker(self._domains.names(), server)

    async def openid_user(self, server: str, token: str) -> str:
        """Whose OpenID token this is, as the server that gave it says. Raises M_UNAUTHORIZED (401)."""
        path = f"{V1}/openid/userinfo?{urlencode({'access_token': token})}"
        try:
            answer = await self._client.get_unsigned(parse_server_name(server), path)
        except PeerRefused:
            answer = None
        user_id = answer.get("sub") if type(answer) is dict else None
        if not is_user_id(user_id):
            raise MatrixError(401, "M_UNAUTHORIZED", f"{server} does not know this token")
        return str(user_id)

    async def directory(self, query: DirectoryQuery) -> dict[str, Any]:
        """A page of another server's published rooms."""
        content: dict[str, Any] = {"limit": query.limit}
        if query.since:
            content["since"] = query.since
        wanted = {"generic_search_term": query.term, "room_types": query.room_types}
        if any(value is not None for value in wanted.values()):
            content["filter"] = {name: value for name, value in wanted.items() if value is not None}
        answer = await self._client.request(
            self._own(query.server_name), query.server_name, "POST", f"{V1}/publicRooms", content=content, most_bytes=LIST_BYTES
        )
        if type(answer) is not dict or type(answer.get("chunk")) is not list:
            raise PeerUnreachable(query.server_name, "its answer has no chunk")
        kept = {name: answer[name] for name, kind in _BESIDE_CHUNK if type(answer.get(name)) is kind}
        return {"chunk": told_rooms(answer, "chunk"), **kept}

    async def people(self, user_id: str, term: str, limit: int) -> list[dict[str, Any]]:
        """People of the servers in `federation.people_of`, by name. Who does not answer at once is done without."""
        own = domain_of(user_id)
        names = [server for server in self._people_of if self._boundaries.allows(server, own)]
        content = {"search_term": term, "limit": limit, "searcher": user_id}

        async def one(server: str) -> list[dict[str, Any]]:
            try:
                answer = await self._client.request(
                    own, server, "POST", PEOPLE, content=content, seconds=PEOPLE_SECONDS, most_bytes=LIST_BYTES
                )
            except MatrixError:
                return []
            results = answer.get("results") if type(answer) is dict else None
            return [
                e for e in map(_person, results if type(results) is list else ()) if e and domain_of(e["user_id"]) == server
            ]

        return [entry for part in await asyncio.gather(*(one(server) for server in names)) for entry in part[:limit]]

    async def hierarchy(
        self, user_id: str, room_id: str, via: list[str], suggested_only: bool
    ) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """(a room, its children); None where nobody who was named tells of it."""
        path = f"{V1}/hierarchy/{quote(room_id, safe='')}"
        query = {"suggested_only": "true" if suggested_only else "false"}
        for server in [s for s in via if is_server_name(s) and not self._domains.is_hosted(s)][:MOST_VIA]:
            try:
                answer = await self._client.get(domain_of(user_id), server, path, query, most_bytes=LIST_BYTES)
            except MatrixError:
                continue
            if (told := told_space(answer, room_id)) is not None:
                return told
        return None


def _person(value: Any) -> dict[str, Any] | None:
    """An entry of another server's user directory, with what clients expect and no more."""
    if type(value) is not dict or not is_user_id(value.get("user_id")):
        return None
    shown = {key: value[key] for key in ("display_name", "avatar_url") if type(value.get(key)) is str}
    return {"user_id": value["user_id"], **shown}
