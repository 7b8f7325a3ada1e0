"""Where the server is reached."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

import msgspec

from chappe.config.values import Port, says

API_NAMES = ("client", "federation", "media", "admin", "health", "metrics")


class Listener(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the server is reached; there may be several."""

    address: Annotated[
        str,
        says(
            "The address on which it listens: 0.0.0.0 for all of this machine's.",
            wrong="An address that this machine does not have, or that is taken, stops the start.",
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, says("The port on which it listens; 0: any that is free.")] = 8008
    tls_certificate: Annotated[
        str | None,
        says(
            "The file of the certificate, with those between it and the authority. Left out: no TLS here.",
            example="/etc/chappe/cert.pem",
            wrong="A file that is not there, or a certificate without its key, is refused at the start.",
        ),
    ] = None
    tls_key: Annotated[
        str | None, says("The file of the certificate's key.", example="/etc/chappe/key.pem", wrong="As for the certificate.")
    ] = None
    apis: Annotated[
        list[str], says("What is served here; what is not named answers 404.", wrong="Any other name is refused at the start.")
    ] = msgspec.field(default_factory=lambda: list(API_NAMES))
    behind_proxy: Annotated[bool, says("Clients come through reverse proxies, which say in `X-Forwarded-For` who asks.")] = (
        False
    )
    trusted_proxies: Annotated[
        list[str],
        says(
            "The networks of these proxies. What anybody else says of who asks is not believed.",
            wrong="What is no network is refused at the start. A proxy that is missing counts as the one client of all its clients.",
        ),
    ] = msgspec.field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])

    @property
    def proxies(self) -> list[str]:
        """Networks whose `X-Forwarded-For` is believed."""
        return self.trusted_proxies if self.behind_proxy else []


def listener_mistakes(where: str, listener: Listener) -> list[tuple[str, str]]:
    found = []
    if (listener.tls_certificate is None) != (listener.tls_key is None):
        found.append((where, "tls_certificate and tls_key belong together"))
    for name in ("tls_certificate", "tls_key"):
        value = getattr(listener, name)
        if value is not None and not Path(value).is_file():
            found.append((f"{where}.{name}", f"the file {value} does not exist"))
    for api in listener.apis:
        if api not in API_NAMES:
            found.append((f"{where}.apis", f"{api!r} is none of {', '.join(API_NAMES)}"))
    for network in listener.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            found.append((f"{where}.trusted_proxies", f"{network!r} is no network such as 10.0.0.0/8"))
    return found
