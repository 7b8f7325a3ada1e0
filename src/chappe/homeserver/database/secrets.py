"""What an installation keeps to itself (the table `secrets`)."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from chappe.homeserver.database.rows import mapping


@dataclass(frozen=True, slots=True)
class Secrets:
    """`state_hash`: with it keys of states are hashed. `browser`: signs cookies.

    `scanner`: opens what clients seal for the antivirus.
    """

    state_hash: bytes
    browser: bytes
    scanner: bytes


async def load_secrets(connection: asyncpg.Connection) -> Secrets:
    values = await mapping(connection, str, bytes, "SELECT name, value FROM secrets")
    return Secrets(values["state_hash"], values["browser"], values["scanner"])
