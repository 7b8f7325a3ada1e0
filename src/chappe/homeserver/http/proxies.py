"""Who asks, behind reverse proxies: what a proxy that is trusted says of the client, and nothing else.

Each proxy appends to `X-Forwarded-For` the address that it was asked from. Read from the right, the first address that is no
trusted proxy is the client; what stands left of it was written by the client itself.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

log = logging.getLogger(__name__)
Application = Callable[[Mapping[str, Any], Any, Any], Awaitable[None]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MOST_HOPS = 20


class Proxied:
    """An ASGI application behind proxies. `trusted`: their networks, such as `127.0.0.0/8`."""

    def __init__(self, application: Application, trusted: Sequence[str]) -> None:
        self._application = application
        self._trusted = [ipaddress.ip_network(network, strict=False) for network in trusted]
        self._warned: set[str] = set()

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = self._seen_through(scope)
        await self._application(scope, receive, send)

    def _seen_through(self, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        peer = _address(scope["client"][0]) if scope.get("client") else None
        hops, protocol = _forwarded(scope)
        if peer is None or not self._is_trusted(peer):
            if hops and peer is not None:
                self._warn(str(peer))
            return scope
        client = peer
        for hop in hops[: -MOST_HOPS - 1 : -1]:
            address = _address(hop)
            if address is None:
                break  # what is left of it can have been written by anybody
            client = address
            if not self._is_trusted(address):
                break
        changed: dict[str, Any] = {**scope, "client": (str(client), 0)}
        if protocol in ("http", "https"):
            changed["scheme"] = protocol
        return changed

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted if network.version == address.version)

    def _warn(self, peer: str) -> None:
        """Once for each: an operator who has forgotten a proxy sees why every client has the proxy's address."""
        if peer not in self._warned and len(self._warned) < 100:
            self._warned.add(peer)
            log.warning(
                "X-Forwarded-For of a proxy that is not trusted was not believed (listeners.trusted_proxies)",
                extra={"fields": {"proxy": peer}},
            )


def network_of(address: str) -> str:
    """What counts as one client for limits: an IPv4 address; of IPv6 the /64, which every subscriber has whole."""
    ip = _address(address)
    if ip is None:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def crowd_of(network: str) -> str:
    """Networks that one customer of a provider may have together: the /24 of an IPv4 address, the /48 of IPv6."""
    try:
        ip = ipaddress.ip_network(network).network_address
    except ValueError:
        return network
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))


def _forwarded(scope: Mapping[str, Any]) -> tuple[list[str], str | None]:
    """(the hops that proxies have noted, in order; the protocol that the last of them was asked with)."""
    hops: list[str] = []
    protocol = None
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            hops += value.decode("latin-1").split(",")
        elif name == b"x-forwarded-proto":
            protocol = value.decode("latin-1").rsplit(",", 1)[-1].strip().lower()
    return hops, protocol


def _address(text: str) -> Address | None:
    """An address as proxies write it: plain, with a port, or in brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip
