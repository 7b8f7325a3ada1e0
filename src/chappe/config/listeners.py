"""Where the server is reached."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import msgspec

from chappe.config.values import Port

API_NAMES = ("client", "federation", "media", "admin", "health", "metrics")


class Listener(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    address: str = "127.0.0.1"
    port: Port = 8008
    tls_certificate: str | None = None
    tls_key: str | None = None
    apis: list[str] = msgspec.field(default_factory=lambda: list(API_NAMES))
    behind_proxy: bool = False
    trusted_proxies: list[str] = msgspec.field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])

    @property
    def proxies(self) -> list[str]:
        """Networks whose `X-Forwarded-For` is believed."""
        return self.trusted_proxies if self.behind_proxy else []


LISTENERS = """\
[[listeners]]
address = "{address}"
port = {port}
# tls_certificate = "/etc/chappe/cert.pem"
# tls_key = "/etc/chappe/key.pem"
# apis = ["client", "media", "admin", "health", "metrics"]
# behind_proxy = false               # clients come through reverse proxies, which say who asks (X-Forwarded-For)
# trusted_proxies = ["127.0.0.0/8", "::1/128"]   # networks of these proxies: what others say is not believed
"""


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
