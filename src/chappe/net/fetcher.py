"""The one way out for URLs that users name: no private address is reached, by name, number or redirect."""

from __future__ import annotations

import asyncio
import fnmatch
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import aiohttp
import aiohttp.abc
from yarl import URL

from chappe.matrix.errors import BadRequest, MatrixError
from chappe.matrix.identifiers import literal_of

TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
MAX_REDIRECTS = 5
MAX_URL = 4096
ANSWER_BYTES = 1 << 18  # of what is asked for something in particular; who expects more says so
USER_AGENT, PREVIEWS = "Chappe", "Chappe (link preview)"
NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (  # beside what the standard library knows of
            "168.63.129.16/32",  # the host of virtual machines, of one provider
            "192.0.0.0/24",  # protocol assignments; the metadata of virtual machines, of another provider
            "192.88.99.0/24",  # 6to4 relays
            "64:ff9b:1::/48",  # local translation to IPv4
            "100::/64",
            "100:0:0:1::/64",  # discarded
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
            "fec0::/10",  # site-local, as it was before fc00::/7
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """`url`: where the redirects ended."""

    url: str
    content_type: str
    charset: str | None
    body: bytes


def is_public(address: str) -> bool:
    """Whether an IP address is on the public Internet, however it is wrapped."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    if any(ip in network for network in NOT_PUBLIC):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class PublicResolver(aiohttp.abc.AbstractResolver):
    """Looks a name up and leaves out what is private: what is checked is what is connected to."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[aiohttp.abc.ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        result: list[aiohttp.abc.ResolveResult] = []
        for kind, _, proto, _, where in found:
            address = str(where[0])
            if host in self._allowed or is_public(address):
                result.append(
                    aiohttp.abc.ResolveResult(
                        hostname=host, host=address, port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
                    )
                )
        if not result:
            raise OSError(f"{host} has no public address")
        return result

    async def close(self) -> None:
        return None


class Fetcher:
    """`allowed_private`: hosts that may be reached wherever they are; `blocked`: patterns of hosts that may not."""

    def __init__(
        self, allowed_private: Sequence[str], blocked: Sequence[str], extra_ca_file: str | None, is_trusted: bool = False
    ) -> None:
        """`is_trusted`: for addresses that operators name; they may be anywhere."""
        self._is_trusted = is_trusted
        self._allowed, self._blocked = frozenset(allowed_private), [b.lower().rstrip(".") for b in blocked]
        self._extra_ca_file = extra_ca_file
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context()
            if self._extra_ca_file is not None:
                context.load_verify_locations(self._extra_ca_file)
            connector = aiohttp.TCPConnector(
                resolver=None if self._is_trusted else PublicResolver(self._allowed),
                ssl=context,
                limit=500,
                limit_per_host=50,
                use_dns_cache=False,
                force_close=not self._is_trusted,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=TIMEOUT,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
            )
        return self._session

    def check(self, url: str) -> None:
        """Raises M_INVALID_PARAM, M_FORBIDDEN for what could not be opened; names are checked when they are looked up."""
        self._checked(url)

    async def get(self, url: str, max_bytes: int, types: Sequence[str], languages: str | None = None) -> Fetched:
        """What a website shows to those who preview a link.

        Raises M_UNKNOWN (502) where there is no answer, M_FORBIDDEN for hosts that may not be reached.

        `types`: beginnings of content types that are wanted. What is longer than `max_bytes` is cut off.
        """
        headers = {"User-Agent": PREVIEWS} | ({"Accept-Language": languages} if languages else {})
        for _ in range(MAX_REDIRECTS + 1):
            target = self._checked(url)
            try:
                async with self._open().get(target, allow_redirects=False, headers=headers) as answer:
                    if answer.status in (301, 302, 303, 307, 308) and "Location" in answer.headers:
                        url = urljoin(str(target), answer.headers["Location"])
                        continue
                    return await self._read(str(target), answer, max_bytes, types)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                raise _failed() from error
        raise _failed("The address redirects too often")

    async def get_bytes(self, url: str, headers: dict[str, str] | None = None, max_bytes: int = ANSWER_BYTES) -> bytes:
        """A document that must be there, at this very address. Raises M_UNKNOWN (502)."""
        target = self._checked(url)
        try:
            async with self._open().get(target, allow_redirects=False, headers=headers) as answer:
                if answer.status != 200:
                    raise _failed(f"The address answered {answer.status}")
                return await read_all(answer, max_bytes)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _failed() from error

    async def send(
        self, method: str, url: str, body: bytes, headers: dict[str, str], seconds: float = 15, max_bytes: int = ANSWER_BYTES
    ) -> tuple[int, bytes]:
        """(status, body) of any answer; redirects are not followed. Raises M_UNKNOWN (502) where there is none."""
        target = self._checked(url)
        timeout = aiohttp.ClientTimeout(total=seconds, connect=min(5.0, seconds))
        try:
            async with self._open().request(
                method, target, data=body, allow_redirects=False, headers=headers, timeout=timeout
            ) as answer:
                return answer.status, await read_all(answer, max_bytes)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _failed() from error

    async def post(self, url: str, body: bytes, headers: dict[str, str], seconds: float = 15) -> tuple[int, bytes]:
        return await self.send("POST", url, body, headers, seconds)

    @staticmethod
    async def _read(url: str, answer: Any, max_bytes: int, types: Sequence[str]) -> Fetched:
        if answer.status != 200:
            raise _failed(f"The address answered {answer.status}")
        kind = (answer.content_type or "").lower()
        if not any(kind.startswith(t) for t in types):
            raise _failed("There is nothing to show at this address")
        body = bytearray()
        async for chunk in answer.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) >= max_bytes:
                break
        return Fetched(url, kind, answer.charset, bytes(body[:max_bytes]))

    def _checked(self, url: str) -> URL:
        if len(url) > MAX_URL or not url.isprintable():
            raise BadRequest("This is not an address that can be opened", "M_INVALID_PARAM")
        try:
            target = URL(url)
            host, port = target.host, target.port
        except ValueError:
            host = port = None
        if host is None or port is None or target.scheme not in ("http", "https") or target.user is not None:
            raise BadRequest("This is not an address that can be opened", "M_INVALID_PARAM")
        host, literal = host.lower().rstrip("."), literal_of(host)
        # one host may be written in many ways
        names = {host, (target.raw_host or "").lower().rstrip("."), literal or host}
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self._blocked for name in names):
            raise MatrixError(403, "M_FORBIDDEN", "This host may not be opened")
        if literal is not None and not self._is_trusted and host not in self._allowed and not is_public(literal):
            raise MatrixError(403, "M_FORBIDDEN", "This address is not on the public Internet")
        return target

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def read_all(answer: Any, max_bytes: int) -> bytes:
    """A body that may not be longer than it should. Raises M_UNKNOWN (502)."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > max_bytes:
            raise _failed("The answer is too long")
    return bytes(body)


def _failed(message: str = "The address could not be opened") -> MatrixError:
    return MatrixError(502, "M_UNKNOWN", message)
