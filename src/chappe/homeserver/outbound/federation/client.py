"""Asking other servers: found, connected with the right name on the certificate, signed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin

import aiohttp
import orjson
from yarl import URL

from chappe.config import Federation
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.parsing import MAX_VALUES, TooMuch, read_answer
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.discovery import Discovery, Document, ServerAddress, Srv
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import literal_of
from chappe.matrix.request_auth import authorization
from chappe.net.breaker import Breaker
from chappe.net.fetcher import PublicResolver, is_public, read_all

USER_AGENT = "Chappe"
T = TypeVar("T")
SMALL_ANSWER = 1 << 18  # bytes: who asks for what may be larger says so
BYTES_A_VALUE = 24  # on average, of what events say at least
WELL_KNOWN_SECONDS, WELL_KNOWN_BYTES, WELL_KNOWN_REDIRECTS = 10.0, 50 << 10, 5
MATRIX_ERRCODE = 64


class PeerUnreachable(MatrixError):
    """No answer: the server cannot be found, or connected to, or it is no server of that name. Worth another try later."""

    def __init__(self, server_name: str, why: str) -> None:
        super().__init__(502, "M_UNKNOWN", f"{server_name} could not be reached: {why}")
        self.why = why


class PeerRefused(MatrixError):
    """An answer that is no success. `peer_status` and `errcode` are the other server's.

    `is_matrix`: it said an error code; what did not may be a proxy.
    """

    def __init__(self, server_name: str, status: int, errcode: str | None, message: str) -> None:
        super().__init__(502, errcode or "M_UNKNOWN", f"{server_name}: {message}")
        self.peer_status, self.is_matrix = status, errcode is not None


@dataclass(frozen=True, slots=True)
class _Trust:
    context: ssl.SSLContext
    allow_private: bool
    proxy: str | None


class FederationClient:
    """`srv`: looks service records up in the DNS."""

    def __init__(
        self,
        domains: Domains,
        settings: Federation,
        boundaries: Boundaries,
        breaker: Breaker,
        srv: Srv,
        now_ms: NowMs,
        extra_ca_file: str | None,
    ) -> None:
        context = ssl.create_default_context()
        if extra_ca_file is not None:
            context.load_verify_locations(extra_ca_file)
        self._domains, self._boundaries, self._breaker = domains, boundaries, breaker
        self._trust = _Trust(context, settings.allow_private_addresses, settings.proxy)
        self._session: aiohttp.ClientSession | None = None
        self.discovery = Discovery(self.get_document, srv, now_ms)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = None if self._trust.allow_private or self._trust.proxy else PublicResolver(frozenset())
            connector = aiohttp.TCPConnector(
                resolver=resolver, ssl=self._trust.context, limit=0, limit_per_host=20, use_dns_cache=False
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
                headers={"User-Agent": USER_AGENT},
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def missed_ts(self, server_name: str) -> int:
        """When a server was last out of reach, at the latest (ms); 0 where it never was."""
        return self._breaker.missed_ts(server_name)

    def require_awake(self, server_name: str) -> None:
        """Raises PeerUnreachable for a server that has not answered lately and is not asked again yet."""
        if wait := self._breaker.waits_ms(server_name):
            raise PeerUnreachable(server_name, f"it did not answer lately and is asked again in {wait // 1000 + 1} s")

    # ---------------------------------------------------------------------------------------------------- requests

    async def get(
        self,
        origin: str,
        destination: str,
        path: str,
        query: dict[str, Any] | None = None,
        *,
        insists: bool = False,
        most_bytes: int = SMALL_ANSWER,
    ) -> Any:
        return await self.request(origin, destination, "GET", path, query=query, insists=insists, most_bytes=most_bytes)

    async def request(
        self,
        origin: str,
        destination: str,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        content: dict[str, Any] | None = None,
        seconds: float = 30,
        most_bytes: int = SMALL_ANSWER,
        insists: bool = False,
    ) -> Any:
        """The JSON answer to a request signed by the hosted domain `origin`. `path` is percent-encoded.

        `insists`: asks even a server that has not answered lately. `most_bytes`: more is no answer to this request.

        Raises PeerUnreachable, PeerRefused, M_FORBIDDEN for servers beyond the boundaries.
        """
        self._boundaries.require(destination, origin)
        uri = path + (f"?{urlencode(query, doseq=True)}" if query else "")
        key = self._domains.signing_key(origin)
        headers = {"Authorization": authorization(method, uri, origin, destination, key, content)}
        if not insists:
            self.require_awake(destination)
        try:
            answer = await self._ask(destination, method, uri, headers, content, seconds, most_bytes)
        except PeerUnreachable:
            self._breaker.failed(destination)
            raise
        except PeerRefused as error:
            if error.peer_status < 500:
                self._breaker.alive(destination)
            raise
        self._breaker.alive(destination)
        return answer

    async def stream(
        self,
        origin: str,
        destination: str,
        path: str,
        use: Callable[[aiohttp.ClientResponse], Awaitable[T]],
        seconds: float = 600,
    ) -> T:
        """A signed GET whose answer, of any status, is read by `use` while it comes in."""
        self._boundaries.require(destination, origin)
        key = self._domains.signing_key(origin)
        headers = {"Authorization": authorization("GET", path, origin, destination, key, None)}
        return await self._at_first_endpoint(destination, "GET", path, headers, None, seconds, use)

    async def get_unsigned(self, destination: str, path: str, seconds: float = 15) -> Any:
        """For what is asked before keys are known."""
        self._boundaries.require_keys(destination)
        return await self._ask(destination, "GET", path, {}, None, seconds)

    async def post_unsigned(self, destination: str, path: str, content: dict[str, Any], seconds: float = 15) -> Any:
        self._boundaries.require(destination)
        return await self._ask(destination, "POST", path, {}, content, seconds)

    async def _ask(
        self,
        destination: str,
        method: str,
        uri: str,
        headers: dict[str, str],
        content: Any,
        seconds: float,
        most_bytes: int = SMALL_ANSWER,
    ) -> Any:
        body = None if content is None else orjson.dumps(content)

        async def use(answer: aiohttp.ClientResponse) -> Any:
            try:
                raw = await read_all(answer, most_bytes)
            except MatrixError:
                raise PeerRefused(destination, 502, None, "its answer is too long") from None
            return await _read(destination, answer.status, raw, max(MAX_VALUES, most_bytes // BYTES_A_VALUE))

        return await self._at_first_endpoint(destination, method, uri, headers, body, seconds, use)

    async def _at_first_endpoint(
        self,
        destination: str,
        method: str,
        uri: str,
        headers: dict[str, str],
        body: bytes | None,
        seconds: float,
        use: Callable[[aiohttp.ClientResponse], Awaitable[T]],
    ) -> T:
        why = "it has no address"
        for endpoint in await self.discovery.find(destination):
            try:
                return await self._send(endpoint, method, uri, headers, body, seconds, use)
            except (PeerRefused, PeerUnreachable):
                raise
            except aiohttp.ClientConnectorCertificateError as error:
                why = f"its certificate is not good for {endpoint.tls_name} ({error.certificate_error})"
            except (aiohttp.ClientConnectorError, OSError) as error:
                why = f"no connection to {endpoint.host}, port {endpoint.port} ({error})"
            except TimeoutError:
                raise PeerUnreachable(destination, f"no answer within {seconds:g} s") from None
            except (aiohttp.ClientError, ValueError, MatrixError) as error:
                raise PeerUnreachable(destination, f"{type(error).__name__}: {error}") from error
        self.discovery.forget(destination)  # it may have moved
        raise PeerUnreachable(destination, why)

    async def _send(
        self,
        endpoint: ServerAddress,
        method: str,
        uri: str,
        headers: dict[str, str],
        body: bytes | None,
        seconds: float,
        use: Callable[[aiohttp.ClientResponse], Awaitable[T]],
    ) -> T:
        self._require_reachable(endpoint.host)
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        url = URL(f"https://{host}:{endpoint.port}{uri}", encoded=True)
        given = {"Host": endpoint.host_header, **headers}
        if body is not None:
            given["Content-Type"] = "application/json"
        async with self._open().request(
            method,
            url,
            data=body,
            headers=given,
            allow_redirects=False,
            server_hostname=endpoint.tls_name,
            proxy=self._trust.proxy,
            timeout=aiohttp.ClientTimeout(total=seconds, connect=min(10.0, seconds)),
        ) as answer:
            return await use(answer)

    async def get_document(self, url: str) -> Document | None:
        """A `.well-known` document, over ordinary HTTPS; each redirect is checked as the first address is.

        None where there is no answer at all.
        """
        try:
            async with asyncio.timeout(WELL_KNOWN_SECONDS):
                for _ in range(WELL_KNOWN_REDIRECTS + 1):
                    target = URL(url)
                    if target.scheme != "https" or target.host is None or target.user is not None:
                        return None
                    self._require_reachable(target.host)
                    async with self._open().get(target, allow_redirects=False, proxy=self._trust.proxy) as answer:
                        headers = {name.lower(): value for name, value in answer.headers.items()}
                        if answer.status not in (301, 302, 303, 307, 308) or "location" not in headers:
                            return Document(answer.status, headers, await read_all(answer, WELL_KNOWN_BYTES))
                        url = urljoin(str(target), headers["location"])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, MatrixError):
            return None
        return None

    def _require_reachable(self, host: str) -> None:
        """Raises OSError for a private address; names are checked when they are looked up."""
        literal = literal_of(host)
        if literal is not None and not (self._trust.allow_private or is_public(literal)):
            raise OSError(f"{host} is a private address (federation.allow_private_addresses)")


async def _read(destination: str, status: int, raw: bytes, most_values: int) -> Any:
    try:
        value = await read_answer(raw, most_values)
    except ValueError as error:
        if 200 <= status < 300:
            if isinstance(error, TooMuch):  # one question was answered badly: the server is there for the others
                raise PeerRefused(destination, 502, None, f"its answer is too long ({error})") from None
            raise PeerUnreachable(destination, f"its answer is no JSON ({error})") from None
        value = {}
    if 200 <= status < 300:
        return value
    errcode = value.get("errcode") if type(value) is dict else None
    message = value.get("error") if type(value) is dict else None
    raise PeerRefused(
        destination,
        status,
        errcode[:MATRIX_ERRCODE] if type(errcode) is str else None,
        message[:500] if type(message) is str else f"answered {status}",
    )
