"""A gateway's file, read and looked over (`chappe gateway --config FILE`)."""

from __future__ import annotations

from pathlib import Path

from chappe.config import ConfigError, GatewaySettings, parse_toml


def load_settings(path: Path) -> GatewaySettings:
    """Raises ConfigError naming file, line and what is wrong there."""
    settings = parse_toml(path, GatewaySettings)
    if not settings.inner.startswith(("https://", "http://")):
        raise ConfigError(f"{path}: inner must be a URL")
    for peer in settings.peers:
        if not peer.keys or not all(key.startswith("ed25519:") for key in peer.keys):
            raise ConfigError(f"{path}: the keys of {peer.server_name} must be named ed25519:… and there must be one")
    return settings
