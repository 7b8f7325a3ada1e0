"""Hosted domains: the server names that this installation answers for, each with its signing key.

Nothing assumes that there is only one. The first is the default for sign-in by bare localpart.
"""

from __future__ import annotations

import secrets

from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.errors import MatrixError
from chappe.homeserver.matrix.identifiers import ServerName, parse_server_name
from chappe.homeserver.matrix.signing import SigningKey


class Domains:
    """Kept in memory; `reload` follows what other processes add."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[str, SigningKey] = {}

    async def reload(self) -> None:
        rows = await self._database.fetch("SELECT server_name, signing_seed, key_version FROM domains ORDER BY created")
        self._keys = {r["server_name"]: SigningKey(r["signing_seed"], r["key_version"]) for r in rows}

    async def add(self, server_name: str) -> bool:
        """Hosts a domain from now on. False where it was hosted already. Raises M_INVALID_PARAM for a bad name."""
        name = parse_server_name(server_name.lower())
        result = await self._database.execute(
            "INSERT INTO domains (server_name, signing_seed, key_version) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            name, secrets.token_bytes(32), secrets.token_hex(3),
        )  # fmt: skip
        await self.reload()
        return result.endswith(" 1")

    def names(self) -> list[ServerName]:
        return [ServerName(name) for name in self._keys]

    @property
    def default(self) -> ServerName:
        return ServerName(next(iter(self._keys)))

    def is_hosted(self, server_name: str) -> bool:
        return server_name in self._keys

    def of_host(self, host: str) -> ServerName:
        """The domain meant by a request's Host header: itself, itself without the port, or the default."""
        host = host.lower()
        for name in (host, host.rsplit(":", 1)[0]):
            if name in self._keys:
                return ServerName(name)
        return self.default

    def signing_key(self, server_name: str) -> SigningKey:
        key = self._keys.get(server_name)
        if key is None:
            raise MatrixError(500, "M_UNKNOWN", f"{server_name} is not hosted here")
        return key
