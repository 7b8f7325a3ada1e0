"""What Chappe asks of a PostgreSQL before it writes the first table there."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg

from chappe.homeserver.database.pool import READER_SETTINGS
from chappe.homeserver.database.rows import Int, Row, find
from chappe.homeserver.database.writer_connection import WRITER_SETTINGS

OLDEST = 17  # the first with `transaction_timeout`, without which a stuck write would hold the clock for ever
COLLATIONS = {"C", "POSIX"}  # the order of bytes: the same on every machine, after every upgrade of the C library
CREATE = "CREATE DATABASE … ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0"


class DatabaseRefused(Exception):
    """The server does not start on this database; the words say why and what to do."""


class Facts(Row):
    """What a PostgreSQL says of itself and of the database."""

    version_num: Int  # 170004: 17.4
    encoding: str
    collation: str
    has_tables: bool  # Chappe's own, of an earlier start

    def unmet(self) -> str | None:
        """What is missing, in words; None where Chappe can run."""
        if self.version_num // 10_000 < OLDEST:
            return (
                f"this is PostgreSQL {self.version_num // 10_000}; Chappe needs {OLDEST} or newer. Upgrade it, or leave "
                "`database` out of chappe.toml: Chappe then brings its own."
            )
        if self.encoding != "UTF8":
            return f"its encoding is {self.encoding}; Chappe needs UTF8. Make it with: {CREATE}"
        if self.collation not in COLLATIONS and not self.has_tables:
            return f"its collation is {self.collation}; Chappe needs C. Make it with: {CREATE}"
        return None


async def connect_checked(url: str) -> asyncpg.Connection:
    """A connection to a database that Chappe can run on. Raises DatabaseRefused, before anything is written."""
    place = _place(url)
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except (OSError, TimeoutError) as error:
        raise DatabaseRefused(f"The database {place} cannot be reached: {error or 'no answer within 10 s'}") from None
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise DatabaseRefused(f"The database {place} does not let Chappe in: {error}") from None
    try:
        if (reason := (await _facts(connection)).unmet()) is not None:
            raise DatabaseRefused(f"Chappe cannot run on the database {place}: {reason}")
        await _require_direct(url, place)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _facts(connection: asyncpg.Connection) -> Facts:
    facts = await find(
        connection,
        Facts,
        """SELECT current_setting('server_version_num')::int AS version_num, pg_encoding_to_char(encoding)::text AS encoding,
                  datcollate AS collation, to_regclass('schema_migrations') IS NOT NULL AS has_tables
             FROM pg_database WHERE datname = current_database()""",
    )
    assert facts is not None
    return facts


async def _require_direct(url: str, place: str) -> None:
    """A pooler in between that refuses parameters, or that shares sessions, takes away what the writer stands on."""
    for settings in (READER_SETTINGS, WRITER_SETTINGS):
        try:
            probe = await asyncpg.connect(url, server_settings=settings, timeout=10)
        except asyncpg.PostgresError as error:
            raise DatabaseRefused(
                f"The database {place} answers, but refuses Chappe's settings: {error}. This is usually a connection "
                "pooler (PgBouncer …): give Chappe the address of PostgreSQL itself."
            ) from None
        await probe.close()


def _place(url: str) -> str:
    """Without the password."""
    parts = urlsplit(url)
    host = parts.hostname or "through a local socket"
    return f"{parts.path.lstrip('/') or '(default)'} on {host}" + (f":{parts.port}" if parts.port else "")
