"""Opening a data directory: its configuration, its database, and a node on them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from chappe.agency.app import AgencyServer
from chappe.config import Config, ConfigError, load_config, template
from chappe.homeserver.app import Homeserver
from chappe.homeserver.database.data_directory import DataDirectoryInUse, DataDirectoryLock
from chappe.homeserver.database.embedded import EmbeddedPostgres
from chappe.homeserver.database.migrations import migrate
from chappe.homeserver.database.requirements import connect_checked

T = TypeVar("T")
CONFIG_NAME = "chappe.toml"


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """On uvloop, where there is one."""
    if sys.platform == "win32":
        return asyncio.run(coroutine)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def read_config(data: Path, config_path: Path | None) -> Config:
    """The configuration of an existing data directory. Raises ConfigError where there is none."""
    path = config_path or data / CONFIG_NAME
    if not path.exists():
        raise ConfigError(f"{path} does not exist: start the server once with `chappe serve --data {data}`")
    return load_config(path)


def create_config(data: Path, server_name: str, address: str, port: int) -> Path:
    """Writes the commented file of a first start, unless there is one."""
    path = data / CONFIG_NAME
    if not path.exists():
        path.write_text(template(server_name, address, port))
        path.chmod(0o600)
    return path


@contextlib.asynccontextmanager
async def unstarted_database(data: Path, config_path: Path | None) -> AsyncIterator[tuple[Config, asyncpg.Connection]]:
    """The configuration and the migrated database of a data directory on which no node runs."""
    config = await asyncio.to_thread(read_config, data, config_path)
    lock = DataDirectoryLock(data)
    lock.acquire()
    postgres = EmbeddedPostgres(data / "postgres") if config.database is None else None
    try:
        if postgres is not None:
            await postgres.start()
        connection = await connect_checked(postgres.url if postgres is not None else config.database or "")
        try:
            await migrate(connection)
            yield config, connection
        finally:
            await connection.close()
    finally:
        if postgres is not None:
            await postgres.stop()
        lock.release()


@contextlib.asynccontextmanager
async def offline_node(data: Path, config_path: Path | None) -> AsyncIterator[Homeserver]:
    """A node without listeners, for administration: beside a running server, or with the database started for the while."""
    config = await asyncio.to_thread(read_config, data, config_path)
    lock = DataDirectoryLock(data)
    postgres: EmbeddedPostgres | None = None
    url = config.database
    if url is None:
        postgres = EmbeddedPostgres(data / "postgres")
        url = postgres.url
        try:
            lock.acquire()
            await postgres.start()
        except DataDirectoryInUse:
            postgres = None  # the server runs: its database is there
    node = AgencyServer(config, data, url)
    try:
        await node.start(serve=False)
        try:
            yield node
        finally:
            await node.stop()
    finally:
        if postgres is not None:
            await postgres.stop()
        lock.release()
