"""From other servers to the inner one: known routes only, signed with a pinned key, for a domain that may be asked for."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

from chappe.config import GatewaySettings
from chappe.homeserver.http.request import Request, Requester, Response
from chappe.homeserver.http.router import NO_AUTH, SERVER_AUTH, Answer, Endpoint, Route
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import ServerName
from chappe.matrix.request_auth import parse_authorization, request_object
from chappe.matrix.signing import verify_json

OPEN_TO_ALL = frozenset(("/_matrix/key/v2/server", "/_matrix/federation/v1/version", "/.well-known/matrix/server"))
_PASSED_ON = (b"authorization", b"content-type", b"accept", b"host")
_SENT_BACK = ("content-disposition", "content-security-policy", "retry-after", "location", "cache-control")
SECONDS = 600


class PinnedAuthentication:
    """Who asks, by a key that is pinned: no key is ever fetched."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._domains = frozenset(settings.domains)
        self._keys = {peer.server_name: peer.keys for peer in settings.peers}

    async def __call__(self, request: Request) -> tuple[ServerName, ServerName]:
        """(the server that has signed, the domain it means). Raises M_UNAUTHORIZED, M_FORBIDDEN."""
        given = parse_authorization(request.header(b"authorization"))
        if given.origin not in self._keys:
            raise Forbidden(f"{given.origin} is not among the servers that pass here")
        if given.destination not in self._domains:
            raise Forbidden("The request does not say for which domain it is, or for one that is not behind this gateway")
        key = self._keys[given.origin].get(given.key_id)
        uri = request.raw_path.decode("ascii", "replace") + (f"?{request.query_string}" if request.query_string else "")
        signed = request_object(request.method, uri, given.origin, given.destination, await request.signed_content())
        signed["signatures"] = {given.origin: {given.key_id: given.signature}}
        if key is None or not verify_json(signed, given.origin, given.key_id, key):
            raise MatrixError(401, "M_UNAUTHORIZED", "The signature is not valid, or not made with a key that is pinned here")
        return ServerName(given.origin), ServerName(given.destination)


class Incoming:
    """Passes requests on as they are, and the answers back."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    def routes(self, known: list[Endpoint]) -> list[Route]:
        """Of the federation API that the inner server has: what is signed, and the little that everybody may read."""
        return [
            Route(endpoint, self._pass_on)
            for endpoint in known
            if endpoint.auth == SERVER_AUTH or (endpoint.auth == NO_AUTH and endpoint.path in OPEN_TO_ALL)
        ]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cafile=self._settings.inner_ca_file)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit=200),
                trust_env=False,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=SECONDS, connect=10),
            )
        return self._session

    async def _pass_on(self, request: Request) -> Answer:
        query = f"?{request.query_string}" if request.query_string else ""
        url = URL(self._settings.inner.rstrip("/") + request.raw_path.decode("ascii") + query, encoded=True)
        headers = {name.decode(): value for name in _PASSED_ON if (value := request.header(name)) is not None}
        body = await request.body()
        try:
            answer = await self._open().request(request.method, url, data=body or None, headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise MatrixError(502, "M_UNKNOWN", "The server behind this gateway does not answer") from None
        kept = tuple((name.encode(), answer.headers[name].encode("latin-1")) for name in _SENT_BACK if name in answer.headers)
        if answer.content_length is not None:
            kept += ((b"content-length", str(answer.content_length).encode()),)
        kind = answer.headers.get("content-type", "application/json")
        return Response(answer.status, _body(answer), kind, kept)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def _body(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        async for chunk in answer.content.iter_chunked(1 << 16):
            yield chunk


async def nobody(_request: Request) -> Requester:
    """There are no clients here."""
    raise MatrixError(401, "M_MISSING_TOKEN", "Clients do not pass this gateway")
