"""The address at which people reach this server: what the operator set, else one that is certainly ours.

A Host header is what somebody wrote. It counts only where it names a hosted domain, or this machine as seen from itself at the
port that was connected to; anything else means the default domain.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from chappe.homeserver.http.request import Request
from chappe.matrix.identifiers import is_server_name


class PublicUrl:
    """`domains`: those hosted, the default one first. `listeners`: the addresses that the operator named for listeners."""

    def __init__(self, configured: str | None, domains: Callable[[], Collection[str]], listeners: Collection[str] = ()) -> None:
        self._configured = configured.rstrip("/") if configured else None
        self._domains, self._listeners = domains, frozenset(listeners)

    def of(self, request: Request) -> str:
        """The address for whoever made this request, without a slash at the end."""
        if self._configured is not None:
            return self._configured
        host = self.own_host(request)
        return self.for_domain(next(iter(self._domains()))) if host is None else f"{_scheme(request)}://{host}"

    def own_host(self, request: Request) -> str | None:
        """The request's Host header, port included, where it is a name of ours."""
        host = request.host.lower()
        if not is_server_name(host):
            return None
        names, parts = self._domains(), urlsplit(f"//{host}")
        name = parts.hostname or ""
        if host in names or name in names:
            return host
        address, own_port = request.own_address
        is_here = is_loopback(name) or name == address or name in self._listeners
        return host if is_here and own_port == (parts.port or (443 if request.is_secure else 80)) else None

    def for_domain(self, server_name: str) -> str:
        """Where there is no request: what the operator set, or the domain itself."""
        return self._configured or f"https://{server_name}"

    def may_be_mailed(self, link: str) -> bool:
        """Mails are read elsewhere, and later: their links begin with the address that the operator set.

        Without one, links to this very machine do, as on a developer's: they give nothing to anybody else.
        """
        if self._configured is not None:
            return link == self._configured or link.startswith((f"{self._configured}/", f"{self._configured}?"))
        return is_loopback(urlsplit(link).hostname or "")


def _scheme(request: Request) -> str:
    return "https" if request.is_secure else "http"


def is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
