"""Other servers' keys, with this server as a notary (keys_query.yaml)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import orjson

from chappe.homeserver.api.federation.keys_server import KeysServer
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.load.breath import Breath
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.keyring import Keyring
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import ServerName, is_server_name
from chappe.matrix.signing import sign_json

MOST_SERVERS = 100
ANSWER_BYTES = 2 << 20  # the latest documents of so many servers, whatever they hold
_Asked = tuple[int, tuple[str, ...]]  # until when the keys should be valid; the ids that are wanted, or none for all


class ServerKeysQuery:
    def __init__(self, domains: Domains, keyring: Keyring, own: KeysServer, boundaries: Boundaries, now_ms: NowMs) -> None:
        self._domains, self._keyring, self._own, self._boundaries = domains, keyring, own, boundaries
        self._now_ms = now_ms

    @endpoint("GET", "/_matrix/key/v2/query/{serverName}", auth=NO_AUTH, limit="key_lookup", api="federation")
    async def one(self, request: Request) -> Answer:
        name = _named(request.params["serverName"])
        minimum = request.query_int("minimum_valid_until_ts", 0)
        return {"server_keys": await self._answers(request, {name: (minimum, ())})}

    @endpoint("POST", "/_matrix/key/v2/query", auth=NO_AUTH, limit="key_lookup", body_limit=SMALL_LIMIT, api="federation")
    async def many(self, request: Request) -> Answer:
        wanted = (await request.json_object()).get("server_keys")
        if type(wanted) is not dict or len(wanted) > MOST_SERVERS:
            raise BadRequest(f"server_keys must be an object of at most {MOST_SERVERS} servers", "M_INVALID_PARAM")
        asked = {_named(name): (_minimum(keys), tuple(keys)) for name, keys in wanted.items()}
        return {"server_keys": await self._answers(request, asked)}

    async def _answers(self, request: Request, asked: dict[ServerName, _Asked]) -> list[dict[str, Any]]:
        """The latest document of each server, then of the older ones as many as there is room for."""
        notary = self._domains.of_host(request.host)
        key = self._domains.signing_key(notary)
        asked = {
            name: wanted
            for name, wanted in asked.items()
            if self._domains.is_hosted(name) or self._boundaries.allows_keys(name)
        }
        latest = await asyncio.gather(*(self._latest(name, minimum) for name, (minimum, _) in asked.items()))
        answers: list[dict[str, Any]] = []
        left, breath = ANSWER_BYTES, Breath()
        async for document in self._in_turn([d for d in latest if d is not None], asked):
            left -= len(orjson.dumps(document))
            if left < 0:
                break
            await breath.take()
            answers.append(sign_json(document, notary, key))
        return answers

    async def _in_turn(
        self, latest: Iterable[dict[str, Any]], asked: Mapping[ServerName, _Asked]
    ) -> AsyncIterator[dict[str, Any]]:
        for document in latest:
            yield document
        for name, (_, key_ids) in asked.items():
            if not self._domains.is_hosted(name):
                for document in await self._keyring.older_documents(name, key_ids):
                    yield document

    async def _latest(self, server_name: ServerName, minimum: int) -> dict[str, Any] | None:
        if self._domains.is_hosted(server_name):
            return await self._own.document(server_name)
        return await self._keyring.latest_document(server_name, min(minimum, self._now_ms()))


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
