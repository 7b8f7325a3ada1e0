"""Numbered SQL migrations, each applied once, in order, under a lock, and guarded by a checksum."""

from __future__ import annotations

import hashlib
from importlib import resources

import asyncpg

from chappe.homeserver.database.rows import mapping

_LOCK = 0x4348415050  # "CHAPP"
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied timestamptz NOT NULL DEFAULT now())
"""


class MigrationError(Exception):
    """The database and the program do not fit together."""


def available() -> list[tuple[int, str, str]]:
    """(number, file name, SQL) of every migration, in order."""
    folder = resources.files("chappe.homeserver.database") / "migrations"
    files = sorted((f.name, f.read_text()) for f in folder.iterdir() if f.name.endswith(".sql"))
    return [(int(name.split("_", 1)[0]), name, sql) for name, sql in files]


async def migrate(connection: asyncpg.Connection) -> list[str]:
    """Brings the schema up to date; returns the names of what was applied.

    Raises MigrationError where an applied migration was edited since, or where the database is newer than the program.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(_TABLE)
        applied = await mapping(connection, int, str, "SELECT number, checksum FROM schema_migrations")
        known = {number for number, _, _ in available()}
        if unknown := sorted(applied.keys() - known):
            raise MigrationError(f"The database has migrations that this version of Chappe does not know: {unknown}")
        done = []
        for number, name, sql in available():
            checksum = hashlib.sha256(sql.encode()).hexdigest()
            if number in applied:
                if applied[number] != checksum:
                    raise MigrationError(f"Migration {name} was changed after it was applied to this database")
                continue
            async with connection.transaction():
                await connection.execute(sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)", number, name, checksum
                )
            done.append(name)
        return done
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
