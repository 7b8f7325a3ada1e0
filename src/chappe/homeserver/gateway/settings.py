"""What a gateway is told (`chappe gateway --config FILE`)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chappe.config import ConfigError, Listener, parse_toml


class PinnedPeer(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A server on the other side. `keys`: key id to public key, as it has told us by another way. `endpoints`: `host:port`
    that the inner server may be connected to."""

    server_name: str
    keys: dict[str, str]
    endpoints: list[str] = []


class Outgoing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the inner server's `federation.proxy` points."""

    address: str = "127.0.0.1"
    port: int = 3128


class GatewaySettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`inner`: base URL of the inner server's federation listener. `domains`: the hosted domains that may be asked for."""

    inner: str
    domains: list[str]
    listeners: list[Listener]
    peers: list[PinnedPeer]
    inner_ca_file: str | None = None
    outgoing: Outgoing | None = None
    log_level: str = "info"
    access_log: bool = True


def load_settings(path: Path) -> GatewaySettings:
    """Raises ConfigError naming file, line and what is wrong there."""
    settings = parse_toml(path, GatewaySettings)
    if not settings.inner.startswith(("https://", "http://")):
        raise ConfigError(f"{path}: inner must be a URL")
    for peer in settings.peers:
        if not peer.keys or not all(key.startswith("ed25519:") for key in peer.keys):
            raise ConfigError(f"{path}: the keys of {peer.server_name} must be named ed25519:… and there must be one")
    return settings
