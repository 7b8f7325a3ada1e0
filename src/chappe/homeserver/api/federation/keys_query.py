"""Other servers' keys, with this server as a notary (keys_query.yaml)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from chappe.homeserver.api.federation.keys_server import KeysServer
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.matrix.errors import BadRequest
from chappe.homeserver.matrix.identifiers import ServerName, is_server_name
from chappe.homeserver.matrix.signing import sign_json
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.keyring import Keyring

MOST_SERVERS = 100
_Asked = tuple[int, tuple[str, ...]]  # until when the keys should be valid; the ids that are wanted, or none for all


class KeysQuery:
    def __init__(
        self, domains: Domains, keyring: Keyring, own: KeysServer, boundaries: Boundaries, now_ms: Callable[[], int]
    ) -> None:
        self._domains, self._keyring, self._own, self._boundaries = domains, keyring, own, boundaries
        self._now_ms = now_ms

    @endpoint("GET", "/_matrix/key/v2/query/{serverName}", auth=NO_AUTH, limit="key_lookup", api="federation")
    async def one(self, request: Request) -> Answer:
        name = _named(request.params["serverName"])
        minimum = request.query_int("minimum_valid_until_ts", 0)
        return {"server_keys": await self._answers(request, {name: (minimum, ())})}

    @endpoint(
        "POST", "/_matrix/key/v2/query", auth=NO_AUTH, limit="key_lookup", body_limit=SMALL_LIMIT, api="federation"
    )
    async def many(self, request: Request) -> Answer:
        wanted = (await request.json_object()).get("server_keys")
        if type(wanted) is not dict or len(wanted) > MOST_SERVERS:
            raise BadRequest(f"server_keys must be an object of at most {MOST_SERVERS} servers", "M_INVALID_PARAM")
        asked = {_named(name): (_minimum(keys), tuple(keys)) for name, keys in wanted.items()}
        return {"server_keys": await self._answers(request, asked)}

    async def _answers(self, request: Request, asked: dict[ServerName, _Asked]) -> list[dict[str, Any]]:
        notary = self._domains.of_host(request.host)
        key = self._domains.signing_key(notary)
        found = await asyncio.gather(*(self._documents(name, *wanted) for name, wanted in asked.items()))
        return [sign_json(document, notary, key) for documents in found for document in documents]

    async def _documents(self, server_name: ServerName, minimum: int, key_ids: tuple[str, ...]) -> list[dict[str, Any]]:
        if self._domains.is_hosted(server_name):
            return [await self._own.document(server_name)]
        if not self._boundaries.allows_keys(server_name):
            return []
        return await self._keyring.documents(server_name, min(minimum, self._now_ms()), key_ids)


def _named(text: str) -> ServerName:
    """A server whose events somebody holds, however old, and however its name was written then."""
    if not is_server_name(text):
        raise BadRequest(f"{text[:80]!r} is not a server name", "M_INVALID_PARAM")
    return ServerName(text)


def _minimum(keys: Any) -> int:
    """The latest time that any of the wanted keys must be valid at."""
    if type(keys) is not dict:
        raise BadRequest("The keys wanted of a server must be an object", "M_INVALID_PARAM")
    times = [c.get("minimum_valid_until_ts", 0) for c in keys.values() if type(c) is dict]
    if not all(type(t) is int and 0 <= t < 2**53 for t in times):
        raise BadRequest("minimum_valid_until_ts must be an integer", "M_INVALID_PARAM")
    return max(times, default=0)
