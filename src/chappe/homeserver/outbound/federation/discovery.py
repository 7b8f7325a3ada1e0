"""From a server name to where it listens (server-server API, "Resolving server names").

Each step has its own `Host` header and its own name on the certificate; the numbers in comments are the specification's.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.identifiers import is_ip_literal, is_server_name, split_server_name

DEFAULT_PORT = 8448
HOUR, DAY = 3_600_000, 86_400_000
LONGEST, USUAL = 2 * DAY, DAY
FIRST_FAILURE, LONGEST_FAILURE = 60_000, HOUR
CACHED = 50_000
WELL_KNOWN_LIMIT = 50 << 10
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s{0,9}=\s{0,9}\"?(\d{1,10})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where to connect, and as what. `tls_name`: what the certificate must be for."""

    host: str
    port: int
    host_header: str
    tls_name: str


@dataclass(frozen=True, slots=True)
class Document:
    """An answer to a GET; `headers` in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Srv(Protocol):
    """Targets and ports of a service, in the order in which to try them. Empty where there is no record."""

    async def __call__(self, service: str) -> list[tuple[str, int]]: ...


GetDocument = Callable[[str], Awaitable[Document | None]]


@dataclass(slots=True)
class _Delegation:
    delegated: str | None
    until: int
    failures: int = 0


class Discovery:
    """`get`: fetches `https://…/.well-known/matrix/server`, following redirects; None where there is no answer."""

    def __init__(self, get: GetDocument, srv: Srv, now_ms: NowMs) -> None:
        self._get, self._srv, self._now_ms = get, srv, now_ms
        self._well_known: OrderedDict[str, _Delegation] = OrderedDict()

    async def find(self, server_name: str) -> list[ServerAddress]:
        """The places to try, best first."""
        host, port = split_server_name(server_name)
        if is_ip_literal(host):  # 1
            return [ServerAddress(host.strip("[]"), port or DEFAULT_PORT, server_name, host.strip("[]"))]
        if port is not None:  # 2
            return [ServerAddress(host, port, server_name, host)]
        delegated = await self._delegated(host)  # 3
        if delegated is None:
            return await self._by_srv(host)  # 4 to 6
        to, port = split_server_name(delegated)
        if is_ip_literal(to):  # 3.1
            return [ServerAddress(to.strip("[]"), port or DEFAULT_PORT, delegated, to.strip("[]"))]
        if port is not None:  # 3.2
            return [ServerAddress(to, port, delegated, to)]
        return await self._by_srv(to)  # 3.3 to 3.5

    async def _by_srv(self, host: str) -> list[ServerAddress]:
        for service in ("_matrix-fed", "_matrix"):  # the second is deprecated
            targets = await self._srv(f"{service}._tcp.{host}")
            if targets:
                return [ServerAddress(target, port, host, host) for target, port in targets]
        return [ServerAddress(host, DEFAULT_PORT, host, host)]

    # -------------------------------------------------------------------------------------------------- well-known

    async def _delegated(self, host: str) -> str | None:
        known = self._well_known.get(host)
        now = self._now_ms()
        if known is not None and known.until > now:
            self._well_known.move_to_end(host)
            return known.delegated
        document = await self._get(f"https://{host}/.well-known/matrix/server")
        delegated = None if document is None else _read(document)
        if delegated is not None and document is not None:
            entry = _Delegation(delegated, now + _lifetime(document.headers))
        else:
            failures = (known.failures if known is not None else 0) + 1
            stale = known.delegated if known is not None else None  # an outage of the page does not move the server
            entry = _Delegation(stale, now + min(FIRST_FAILURE << min(failures - 1, 10), LONGEST_FAILURE), failures)
        self._well_known[host] = entry
        if len(self._well_known) > CACHED:
            self._well_known.popitem(last=False)
        return entry.delegated

    def forget(self, server_name: str) -> None:
        """What is known of a server may be out of date: ask anew next time."""
        known = self._well_known.get(split_server_name(server_name)[0])
        if known is not None:
            known.until = 0


def _read(document: Document) -> str | None:
    if document.status != 200 or len(document.body) > WELL_KNOWN_LIMIT:
        return None
    try:
        value: Any = orjson.loads(document.body)
    except orjson.JSONDecodeError:
        return None
    delegated = value.get("m.server") if type(value) is dict else None
    return delegated if type(delegated) is str and is_server_name(delegated) else None


def _lifetime(headers: Mapping[str, str]) -> int:
    control = headers.get("cache-control", "")
    if re.search(r"no-(?:store|cache)", control, re.IGNORECASE):
        return FIRST_FAILURE
    match = _MAX_AGE.search(control)
    return USUAL if match is None else max(FIRST_FAILURE, min(int(match[1]) * 1000, LONGEST))
