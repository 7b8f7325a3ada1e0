"""A hosted domain moves out to an installation of its own, with its accounts, its rooms and their history.

The rows go as they are, numbers and positions included, so tokens of clients, states and auth chains stay what they were. The
new installation begins empty and goes on where the old one was; from then on the two federate.

Of others' rooms it gets what it is in: a room goes along where one of its people is a member, or where nobody else has ever been one.
What of it none of them may see (history visibility) goes as a redaction leaves it: `withheld.py`.
Where they are invited, the invitation goes along, as a server that is not in the room gets it. Of rooms that they have left, declined
or were banned from, nothing does.
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
from chappe.homeserver.database.rows import Row, read, values
from chappe.homeserver.database.table import NO_SECRETS, Table, of_domain
from chappe.homeserver.modules.hosted_domains.withheld import withhold
from chappe.homeserver.outbound.blob_store import BlobStore
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.rooms.remote.shown_state import shown_of
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, NotFound

FORMAT = 1
MANIFEST = "manifest.json"
_MIGRATIONS = "SELECT name FROM schema_migrations ORDER BY number"
_COLUMNS = """SELECT column_name::text FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position"""
_CITES = "SELECT conrelid::regclass::text AS citing, confrelid::regclass::text AS cited FROM pg_constraint WHERE contype = 'f'"
_IDENTITIES = """SELECT table_name::text, column_name::text FROM information_schema.columns
    WHERE table_schema = 'public' AND is_identity = 'YES'"""
_JOINED, _OURS = "m.membership = 'join'", of_domain("m.user_id")
_MOVING_ROOMS = f"""
    INSERT INTO moving_rooms SELECT r.room_nid FROM rooms r WHERE NOT r.stub AND (
        EXISTS (SELECT 1 FROM memberships m WHERE m.room_nid = r.room_nid AND {_JOINED} AND {_OURS})
        OR (EXISTS (SELECT 1 FROM memberships m WHERE m.room_nid = r.room_nid AND m.was_joined AND {_OURS})
            AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.room_nid = r.room_nid AND m.was_joined AND NOT {_OURS})))"""
_INVITED = f"""
    SELECT m.user_id, m.room_nid, m.membership, m.sender, m.position, e.event_id, e.json, i.event_id AS beside, i.event, i.stripped
      FROM memberships m LEFT JOIN events e ON e.nid = m.event_nid
      LEFT JOIN invitations i ON i.user_id = m.user_id AND i.room_nid = m.room_nid
     WHERE m.membership IN ('invite', 'knock') AND {_OURS} AND m.room_nid NOT IN (SELECT room_nid FROM moving_rooms)"""
# Beside the rows of rooms that move: what a server writes that has been told of an invitation and is not in the room.
_OF_INVITATIONS = {
    "rooms": """SELECT DISTINCT room_nid, room_id, version, 0::bigint AS state_version, 0::bigint AS revoke_version,
        '{}'::text[] AS leaves, 0::bigint AS root, 0::bigint AS depth, 0::bigint AS notify_total, 0::bigint AS highlight_total,
        0::bigint AS last_position, 0::bigint AS bump_position, false AS federated, true AS stub
        FROM rooms JOIN moving_invitations USING (room_nid)""",
    "memberships": """SELECT user_id, room_nid, membership, 0::bigint AS event_nid, sender, position, NULL::bigint AS joined_since,
        false AS was_joined, false AS forgotten, NULL::bigint AS retold, NULL::bigint AS state_retold
        FROM moving_invitations""",
    "invitations": """SELECT n.user_id, n.room_nid, n.event_id, n.event, n.stripped FROM moving_invitations n WHERE NOT EXISTS (
        SELECT 1 FROM invitations i WHERE i.user_id = n.user_id AND i.room_nid = n.room_nid)""",
    "room_summaries": """SELECT DISTINCT room_nid, NULL::text AS name, NULL::text AS topic, NULL::text AS canonical_alias,
        NULL::text AS avatar, NULL::text AS room_type, 'invite' AS join_rule, 'shared' AS history_visibility,
        'forbidden' AS guest_access, NULL::text AS encryption, 0::bigint AS joined, 0::bigint AS invited, NULL::text AS successor,
        '' AS search FROM moving_invitations""",
}
# By table: what goes in the place of a column. Under which device and name others who are here have sent something stays here.
_INSTEAD = {
    "events": {
        "json": "coalesce((SELECT w.json FROM moving_withheld w WHERE w.nid = events.nid), json)",
        "txn": f"CASE WHEN {of_domain('sender')} THEN txn END",
        "is_unfit": "is_unfit OR EXISTS (SELECT FROM moving_withheld w WHERE w.nid = events.nid)",
    },
    "event_search": {  # the words are those of the edit
        "words": "CASE WHEN edit IN (SELECT event_id FROM moving_withheld) THEN ''::tsvector ELSE words END"
    },
}


class Citation(Row):
    """One table refers to another."""

    citing: str
    cited: str


class IdentityColumn(Row):
    table_name: str
    column_name: str


class MovingInvitation(Row):
    """Of somebody who moves: `event_id`, `json`: the invitation, where it is in the log; `beside`, `event`, `stripped`: as another
    server sent it, where it is not."""

    user_id: str
    room_nid: int
    membership: str
    sender: str
    position: int
    event_id: str | None
    json: bytes | None
    beside: str | None
    event: bytes | None
    stripped: bytes | None


class FileOfDomain(Row):
    media_id: str
    size: int | None


class HostedDomains:
    """`tables`: every table of the installation."""

    def __init__(
        self, database: Database, writer: GroupWriter, domains: Domains, blobs: BlobStore, tables: Sequence[Table], rooms: Rooms
    ) -> None:
        self._database, self._writer, self._domains, self._blobs = database, writer, domains, blobs
        self._tables, self._rooms = tables, rooms

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
        isolation = "read_committed" if moves_out else "repeatable_read"
        # beside it are read the rooms that are not in memory
        async with self._database.transaction(isolation, reads_beside=True) as connection:
            if moves_out:
                await connection.execute("SELECT pg_advisory_xact_lock(1)")  # nobody writes meanwhile
            await self._collect_rooms(connection, server_name)
            tables = await _in_order(connection, self._tables)
            counts = {table.name: await _export(connection, table, server_name, folder) for table in tables}
            manifest = {
                "format": FORMAT,
                "server_name": server_name,
                "tables": counts,
                "position": await connection.fetchval("SELECT max(upto) FROM journal"),
                "migrations": await values(connection, str, _MIGRATIONS),
            }
            rooms = await _remove(connection, server_name, tables) if moves_out else []
        media = await read(self._database, FileOfDomain, "SELECT media_id, size FROM media WHERE server_name = $1", server_name)
        for row in media:
            await self._copy_out(server_name, row.media_id, row.size, folder)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
        await self._domains.reload()
        if moves_out:
            write = Write()
            write.positions = 1
            for number in rooms:
                write.touch_room(number, "events")
            await self._writer.submit(write)
        return counts

    async def _collect_rooms(self, connection: Any, server_name: str) -> None:
        await connection.execute(
            """CREATE TEMP TABLE moving_rooms (room_nid bigint PRIMARY KEY) ON COMMIT DROP;
               CREATE TEMP TABLE moving_invitations (
                   user_id text, room_nid bigint, membership text, sender text, position bigint, event_id text, event bytea,
                   stripped bytea, PRIMARY KEY (user_id, room_nid)) ON COMMIT DROP"""
        )
        await connection.execute(_MOVING_ROOMS, server_name)
        await withhold(connection, self._rooms, server_name)
        for row in await read(connection, MovingInvitation, _INVITED, server_name):
            event = row.beside, row.event, row.stripped
            if row.beside is None and row.event_id is None:
                continue  # nothing shows it
            if row.beside is None:
                room = await self._rooms.live.by_nid(row.room_nid)
                shown = b",".join(e.stripped() for e in shown_of(room.state, row.sender))
                event = row.event_id, row.json, b"[%b]" % shown
            await connection.execute(
                "INSERT INTO moving_invitations VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                row.user_id,
                row.room_nid,
                row.membership,
                row.sender,
                row.position,
                *event,
            )

    async def _copy_out(self, server_name: str, media_id: str, size: int | None, folder: Path) -> None:
        key = f"media/{server_name}/{media_id[:2]}/{media_id}"
        if size is None or await self._blobs.size_of(key) is None:
            return  # announced, and never uploaded
        target = folder / "files" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            async for chunk in self._blobs.get(key, 0, size):
                file.write(chunk)


async def _export(connection: Any, table: Table, server_name: str, folder: Path) -> int:
    names = await values(connection, str, _COLUMNS, table.name)
    columns = ", ".join(f'"{name}"' for name in names)
    instead = _INSTEAD.get(table.name, {})
    written = ", ".join(instead.get(name, f'"{name}"') for name in names)
    query = f"SELECT {written} FROM {table.name} WHERE {table.rows}"
    if table.says:  # it goes where the event goes as it is
        query += f" AND {table.event} NOT IN (SELECT {table.cites} FROM moving_withheld)"
    if table.name in _OF_INVITATIONS:
        query += f" UNION ALL SELECT {columns} FROM ({_OF_INVITATIONS[table.name]}) AS invited"
    arguments = [server_name] if "$1" in query else []
    status = await connection.copy_from_query(query, *arguments, output=str(folder / f"{table.name}.copy"), format="binary")
    return int(status.split()[-1])


async def _in_order(connection: Any, tables: Sequence[Table]) -> list[Table]:
    """Those that have something of a domain, in an order in which they can be written again: the schema knows what cites what."""
    cites: dict[str, set[str]] = {table.name: set() for table in tables if table.rows}
    for row in await read(connection, Citation, _CITES):
        if row.citing in cites and row.cited in cites and row.citing != row.cited:
            cites[row.citing].add(row.cited)
    by_name = {table.name: table for table in tables}
    return [by_name[name] for name in TopologicalSorter(cites).static_order()]


async def _remove(connection: Any, server_name: str, tables: Sequence[Table]) -> list[int]:
    """What leaves with the domain. Its people are people of another server from now on, in rooms that are shared: returns these."""
    for table in reversed(tables):
        if not table.stays_too:
            arguments = [server_name] if "$1" in table.rows else []
            await connection.execute(f"DELETE FROM {table.name} WHERE {table.rows}", *arguments)
    return await values(
        connection,
        int,
        f"""UPDATE rooms SET federated = true, state_version = state_version + 1, revoke_version = revoke_version + 1
            WHERE NOT stub AND room_nid IN (SELECT room_nid FROM memberships WHERE {of_domain("user_id")}) RETURNING room_nid""",
        server_name,
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
    here = await values(connection, str, _MIGRATIONS)
    if manifest.get("format") != FORMAT or manifest.get("migrations") != here:
        raise BadRequest("The export is of another version of Chappe: bring both to the same one", "M_INVALID_PARAM")
    if await connection.fetchval("SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM rooms)"):
        raise BadRequest("This installation is in use: a domain moves into an empty one", "M_INVALID_PARAM")
    counts = {}
    async with connection.transaction():
        await connection.execute(f"DELETE FROM old_signing_keys; DELETE FROM domains; DELETE FROM secrets WHERE {NO_SECRETS}")
        for table in await _in_order(connection, tables):
            columns = await values(connection, str, _COLUMNS, table.name)
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
    # made anew at start, with the installation's own secret
    await connection.execute("UPDATE threepids SET lookup_hash = NULL")
    await connection.execute("SELECT setval('room_numbers', (SELECT coalesce(max(room_nid), 0) + 1 FROM rooms))")
    await connection.execute(
        """SELECT setval('event_numbers', (SELECT greatest(
               (SELECT coalesce(max(nid), 0) FROM events), (SELECT coalesce(max(pack), 0) FROM state_packs)) + 10001))"""
    )
    for row in await read(connection, IdentityColumn, _IDENTITIES):
        table, column = row.table_name, row.column_name
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
