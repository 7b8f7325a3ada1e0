"""Hosted domains: the server names that this installation answers for, each with its signing key.

Nothing assumes that there is only one. The first is the default for sign-in by bare localpart.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import MAX_LENGTH, ServerName, host_of, parse_server_name
from chappe.matrix.signing import SigningKey


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A public key of a hosted domain. `expired_ts`: since when it signs no more."""

    key_id: str
    public_key: str
    expired_ts: int | None


class DomainRow(Row):
    server_name: str
    signing_seed: bytes
    key_version: str


class OldKey(Row):
    key_id: str
    public_key: str
    expired_ts: int


class Domains:
    """Kept in memory; `reload` follows what other processes add."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[str, SigningKey] = {}

    async def reload(self) -> None:
        rows = await read(
            self._database, DomainRow, "SELECT server_name, signing_seed, key_version FROM domains ORDER BY created"
        )
        self._keys = {r.server_name: SigningKey(r.signing_seed, r.key_version) for r in rows}

    async def add(self, server_name: str) -> bool:
        """Hosts a domain from now on. False where it was hosted already. Raises M_INVALID_PARAM for a bad name."""
        name = parse_server_name(server_name.lower())
        result = await self._database.execute(
            "INSERT INTO domains (server_name, signing_seed, key_version) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            name,
            secrets.token_bytes(32),
            secrets.token_hex(3),
        )
        await self.reload()
        return result.endswith(" 1")

    async def rotate_key(self, server_name: str, now_ms: int) -> str:
        """A new signing key from now on; the old one stays published for what it has signed. Returns the new key's id.

        Processes that have not heard of it yet sign with the old key for up to ten seconds: it expires after that.
        """
        old = self.signing_key(server_name)
        version = secrets.token_hex(3)
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO old_signing_keys VALUES ($1, $2, $3, $4)", server_name, old.key_id, old.public, now_ms + 60_000
            )
            await transaction.execute(
                "UPDATE domains SET signing_seed = $2, key_version = $3 WHERE server_name = $1",
                server_name,
                secrets.token_bytes(32),
                version,
            )
        await self.reload()
        return self.signing_key(server_name).key_id

    async def old_keys(self, server_name: str) -> list[OwnKey]:
        rows = await read(
            self._database,
            OldKey,
            "SELECT key_id, public_key, expired_ts FROM old_signing_keys WHERE server_name = $1",
            server_name,
        )
        return [OwnKey(row.key_id, row.public_key, row.expired_ts) for row in rows]

    async def own_key(self, server_name: str, key_id: str) -> OwnKey | None:
        current = self.signing_key(server_name)
        if current.key_id == key_id:
            return OwnKey(key_id, current.public, None)
        return next((key for key in await self.old_keys(server_name) if key.key_id == key_id), None)

    def names(self) -> list[ServerName]:
        return [ServerName(name) for name in self._keys]

    @property
    def count(self) -> int:
        return len(self._keys)

    @property
    def default(self) -> ServerName:
        return ServerName(next(iter(self._keys)))

    def is_hosted(self, server_name: str) -> bool:
        return server_name in self._keys

    def of_host(self, host: str) -> ServerName:
        """The domain meant by a request's Host header: itself, itself without the port, or the default."""
        if len(host) > MAX_LENGTH:  # anybody sends a Host header of any length, and what is looked up is remembered
            return self.default
        host = host.lower()
        for name in (host, host_of(host)):
            if name in self._keys:
                return ServerName(name)
        return self.default

    def signing_key(self, server_name: str) -> SigningKey:
        key = self._keys.get(server_name)
        if key is None:
            raise MatrixError(500, "M_UNKNOWN", f"{server_name} is not hosted here")
        return key
