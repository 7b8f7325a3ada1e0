"""What an installation keeps to itself (the table `secrets`)."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Secrets:
    """`state_hash`: with it keys of states are hashed. `browser`: signs cookies.

    `scanner`: opens what clients seal for the antivirus.
    """

    state_hash: bytes
    browser: bytes
    scanner: bytes


async def load_secrets(connection: asyncpg.Connection) -> Secrets:
    rows = await connection.fetch("SELECT name, value FROM secrets")
    values = {row["name"]: row["value"] for row in rows}
    return Secrets(values["state_hash"], values["browser"], values["scanner"])
