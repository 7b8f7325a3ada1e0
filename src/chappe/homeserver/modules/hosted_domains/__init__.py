"""A hosted domain moves out to an installation of its own, with its accounts, its rooms and their history.

The rows go as they are, numbers and positions included, so tokens of clients, states and auth chains stay what they were. The
new installation begins empty and goes on where the old one was; from then on the two federate.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import asyncpg

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.table import Table, of_domain
from chappe.homeserver.matrix.errors import BadRequest, NotFound
from chappe.homeserver.outbound.blob_store import BlobStore
from chappe.homeserver.outbound.domains import Domains

FORMAT = 1
MANIFEST = "manifest.json"
_COLUMNS = """SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position"""
_CITES = "SELECT conrelid::regclass::text AS citing, confrelid::regclass::text AS cited FROM pg_constraint WHERE contype = 'f'"
_IDENTITIES = """SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND is_identity = 'YES'"""


class HostedDomains:
    """`tables`: every table of the installation."""

    def __init__(
        self, database: Database, writer: GroupWriter, domains: Domains, blobs: BlobStore, tables: Sequence[Table]
    ) -> None:
        self._database, self._writer, self._domains, self._blobs = database, writer, domains, blobs
        self._tables = tables

    async def export(self, server_name: str, folder: Path, moves_out: bool) -> dict[str, int]:
        """Writes everything of a domain into a new folder. Returns how many rows of each table.

        `moves_out`: in the same moment the domain is no longer hosted here; its rooms stay for the others who are in them.
        Raises M_NOT_FOUND, and M_INVALID_PARAM for the domain that the installation itself is named after.
        """
        if not self._domains.is_hosted(server_name):
            raise NotFound(f"{server_name} is not hosted here")
        if moves_out and server_name == self._domains.default:
            raise BadRequest(
                f"{server_name} is this installation's first domain: the others move out, it stays", "M_INVALID_PARAM"
            )
        if await self._database.fetchval("SELECT EXISTS (SELECT 1 FROM partial_rooms)"):
            raise BadRequest("A room is still being entered: try again in a moment", "M_UNKNOWN")
        folder.mkdir(parents=True)
        async with self._database.transaction("read_committed" if moves_out else "repeatable_read") as connection:
            if moves_out:
                await connection.execute("SELECT pg_advisory_xact_lock(1)")  # nobody writes meanwhile
            rooms = await _collect_rooms(connection, server_name)
            tables = await _in_order(connection, self._tables)
            counts = {table.name: await _export(connection, table, server_name, folder) for table in tables}
            manifest = {
                "format": FORMAT, "server_name": server_name, "tables": counts,
                "position": await connection.fetchval("SELECT max(upto) FROM journal"),
                "migrations": [r[0] for r in await connection.fetch("SELECT name FROM schema_migrations ORDER BY number")],
            }  # fmt: skip
            if moves_out:
                await _remove(connection, server_name, tables)
        media = await self._database.fetch("SELECT media_id, size FROM media WHERE server_name = $1", server_name)
        for row in media:
            await self._copy_out(server_name, row["media_id"], row["size"], folder)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
        await self._domains.reload()
        if moves_out:
            write = Write()
            write.positions = 1
            for number in rooms:
                write.touch_room(number, "events")
            await self._writer.submit(write)
        return counts

    async def _copy_out(self, server_name: str, media_id: str, size: int | None, folder: Path) -> None:
        key = f"media/{server_name}/{media_id[:2]}/{media_id}"
        if size is None or await self._blobs.size_of(key) is None:
            return  # announced, and never uploaded
        target = folder / "files" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            async for chunk in self._blobs.get(key, 0, size):
                file.write(chunk)


async def _collect_rooms(connection: Any, server_name: str) -> list[int]:
    await connection.execute("CREATE TEMP TABLE moving_rooms (room_nid bigint PRIMARY KEY) ON COMMIT DROP")
    await connection.execute(
        f"INSERT INTO moving_rooms SELECT DISTINCT room_nid FROM memberships WHERE {of_domain('user_id')}", server_name
    )
    return [row["room_nid"] for row in await connection.fetch("SELECT room_nid FROM moving_rooms")]


async def _export(connection: Any, table: Table, server_name: str, folder: Path) -> int:
    columns = ", ".join(f'"{row[0]}"' for row in await connection.fetch(_COLUMNS, table.name))
    query = f"SELECT {columns} FROM {table.name} WHERE {table.rows}"
    arguments = [server_name] if "$1" in query else []
    status = await connection.copy_from_query(
        query, *arguments, output=str(folder / f"{table.name}.copy"), format="binary"
    )
    return int(status.split()[-1])


async def _in_order(connection: Any, tables: Sequence[Table]) -> list[Table]:
    """Those that have something of a domain, in an order in which they can be written again: the schema knows what cites what."""
    cites: dict[str, set[str]] = {table.name: set() for table in tables if table.rows}
    for row in await connection.fetch(_CITES):
        if row["citing"] in cites and row["cited"] in cites and row["citing"] != row["cited"]:
            cites[row["citing"]].add(row["cited"])
    by_name = {table.name: table for table in tables}
    return [by_name[name] for name in TopologicalSorter(cites).static_order()]


async def _remove(connection: Any, server_name: str, tables: Sequence[Table]) -> None:
    """What leaves with the domain. Its people are people of another server from now on, in rooms that are shared."""
    for table in reversed(tables):
        if not table.stays_too:
            arguments = [server_name] if "$1" in table.rows else []
            await connection.execute(f"DELETE FROM {table.name} WHERE {table.rows}", *arguments)
    await connection.execute(
        """UPDATE rooms SET federated = true, state_version = state_version + 1, revoke_version = revoke_version + 1
            WHERE room_nid IN (SELECT room_nid FROM moving_rooms)"""
    )


async def import_domain(
    connection: asyncpg.Connection, blobs: BlobStore, folder: Path, tables: Sequence[Table]
) -> dict[str, int]:
    """Fills an installation that nobody has used yet, before it is started. Returns how many rows of each table.

    Raises M_INVALID_PARAM where the folder is no export, or of another version, or the installation is in use.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise BadRequest(f"{folder} holds no exported domain", "M_INVALID_PARAM") from None
    here = [r[0] for r in await connection.fetch("SELECT name FROM schema_migrations ORDER BY number")]
    if manifest.get("format") != FORMAT or manifest.get("migrations") != here:
        raise BadRequest("The export is of another version of Chappe: bring both to the same one", "M_INVALID_PARAM")
    if await connection.fetchval("SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM rooms)"):
        raise BadRequest("This installation is in use: a domain moves into an empty one", "M_INVALID_PARAM")
    counts = {}
    async with connection.transaction():
        await connection.execute("DELETE FROM old_signing_keys; DELETE FROM domains; DELETE FROM secrets")
        for table in await _in_order(connection, tables):
            columns = [row[0] for row in await connection.fetch(_COLUMNS, table.name)]
            with (folder / f"{table.name}.copy").open("rb") as source:
                status = await connection.copy_to_table(table.name, source=source, columns=columns, format="binary")
            counts[table.name] = int(status.split()[-1])
        await _go_on_from(connection, manifest["position"])
    async for key, chunks in _files(folder / "files"):
        await blobs.put(key, chunks)
    return counts


async def _go_on_from(connection: asyncpg.Connection, position: int) -> None:
    """Numbers and positions begin where they ended. Rooms in which others are, are shared now."""
    await connection.execute(
        "INSERT INTO journal SELECT $1, max(upto), '{}', '{}' FROM journal HAVING max(upto) < $1", position
    )
    await connection.execute("UPDATE progress SET position = $1", position)
    await connection.execute("SELECT setval('room_numbers', (SELECT coalesce(max(room_nid), 0) + 1 FROM rooms))")
    await connection.execute(
        """SELECT setval('event_numbers', (SELECT greatest(
               (SELECT coalesce(max(nid), 0) FROM events), (SELECT coalesce(max(pack), 0) FROM state_packs)) + 10001))"""
    )
    for row in await connection.fetch(_IDENTITIES):
        table, column = row["table_name"], row["column_name"]
        await connection.execute(
            f"""SELECT setval(pg_get_serial_sequence('{table}', '{column}'), (SELECT coalesce(max("{column}"), 0) + 1 FROM {table}))"""
        )
    await connection.execute(
        """UPDATE rooms r SET federated = true WHERE EXISTS (
               SELECT 1 FROM memberships m, domains d WHERE m.room_nid = r.room_nid AND m.membership IN ('join', 'invite')
                  AND right(m.user_id, length(d.server_name) + 1) <> ':' || d.server_name)"""
    )


async def _files(folder: Path) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    async def chunks(path: Path) -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk

    for path in sorted(folder.rglob("*")) if folder.exists() else ():
        if path.is_file():
            yield path.relative_to(folder).as_posix(), chunks(path)
