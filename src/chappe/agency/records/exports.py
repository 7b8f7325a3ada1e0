"""Packages that are asked for in the console: made in the background, fetched by who may, gone after a week."""

from __future__ import annotations

import contextlib
import logging
import secrets
import tempfile
from collections.abc import AsyncIterator, Set
from pathlib import Path
from typing import Any

import orjson
from msgspec.structs import asdict

from chappe.agency.records.personal_data import PersonalData
from chappe.agency.records.room_archive import RoomArchive
from chappe.homeserver.accounts.fresh_proof import Notice
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.rows import Row, columns, find, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.request import Response
from chappe.homeserver.modules.media.orphans import Orphans
from chappe.homeserver.outbound.blob_store import BlobStore
from chappe.matrix.errors import MatrixError, NotFound
from chappe.matrix.identifiers import UserId

log = logging.getLogger(__name__)
PERSON, ROOM = "person", "room"
KEPT_MS, LEASE_MS = 7 * 86_400_000, 3_600_000
CHUNK = 1 << 18


class Package(Row):
    id: str
    kind: str
    target: str
    asked_by: str
    created_ts: int
    state: str
    size: int | None
    detail: str | None


class Exports:
    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        orphans: Orphans,
        personal_data: PersonalData,
        room_archive: RoomArchive,
        now_ms: NowMs,
    ) -> None:
        self._database, self._blobs, self._now_ms = database, blobs, now_ms
        self._personal_data, self._room_archive = personal_data, room_archive
        orphans.add("exports", self._named)

    async def ask(
        self, organisation: str, kind: str, target: str, by: str, with_held: bool = False, notice: Notice | None = None
    ) -> str:
        """Returns the package's id. `notice`: letters that go with it."""
        name = secrets.token_hex(12)
        async with self._database.transaction() as connection:
            await connection.execute(
                """INSERT INTO exports (id, organisation, kind, target, asked_by, created_ts, state, detail)
                   VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7)""",
                name,
                organisation,
                kind,
                target,
                by,
                self._now_ms(),
                "held" if with_held else None,
            )
            if notice is not None:
                await notice.put(connection)
        return name

    async def all(self, organisation: str) -> list[dict[str, Any]]:
        """The latest first."""
        rows = await read(
            self._database,
            Package,
            """SELECT id, kind, target, asked_by, created_ts, state, size, detail FROM exports WHERE organisation = $1
                ORDER BY created_ts DESC LIMIT 200""",
            organisation,
        )
        return [_shown(row) for row in rows]

    async def all_of(self, user_id: str) -> list[dict[str, Any]]:
        """What somebody asked for of themselves, the latest first."""
        rows = await read(
            self._database,
            Package,
            """SELECT id, kind, target, asked_by, created_ts, state, size, detail FROM exports
                WHERE organisation = '' AND asked_by = $1 ORDER BY created_ts DESC LIMIT 20""",
            user_id,
        )
        return [_shown(row) for row in rows]

    async def fetch(self, organisation: str, name: str, by: str | None = None) -> Response:
        """`by`: only what this person asked for. Raises M_NOT_FOUND, M_NOT_YET (404) while it is being made."""
        row = await find(
            self._database,
            Package,
            f"SELECT {columns(Package)} FROM exports WHERE id = $1 AND organisation = $2 AND ($3::text IS NULL OR asked_by = $3)",
            name,
            organisation,
            by,
        )
        if row is None or row.state == "failed":
            raise NotFound("There is no such package")
        if row.state != "ready" or row.size is None:
            raise MatrixError(404, "M_NOT_YET_UPLOADED", "The package is being made: come back in a moment")
        headers = (
            (b"content-length", str(row.size).encode()),
            (b"cache-control", b"no-store"),
            (b"content-disposition", f'attachment; filename="{row.kind}-{name[:8]}.zip"'.encode()),
        )
        return Response(200, self._blobs.get(_key(name), 0, row.size), "application/zip", headers)

    async def files_in(self, name: str) -> int:
        """How many files a package holds."""
        detail = await self._database.fetchval("SELECT detail FROM exports WHERE id = $1 AND state = 'ready'", name)
        return int(orjson.loads(detail).get("files", 0)) if detail else 0

    async def withdraw(self, user_id: str) -> None:
        """Whoever asked may not any more: what has not been begun is not made."""
        await self._database.execute(
            "UPDATE exports SET state = 'failed', detail = $2 WHERE asked_by = $1 AND state = 'waiting'",
            user_id,
            orjson.dumps({"error": "Whoever asked for it may not any more"}).decode(),
        )

    # --------------------------------------------------------------------------------------------------- now and then

    async def make_waiting(self) -> int:
        """Makes what waits; what another process left half made is made anew. Returns how many were made."""
        made, now = 0, self._now_ms()
        while row := await find(
            self._database,
            Package,
            f"""UPDATE exports SET state = 'working', started_ts = $1 WHERE id = (
                   SELECT id FROM exports WHERE state = 'waiting' OR (state = 'working' AND started_ts < $2)
                    ORDER BY created_ts LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING {columns(Package)}""",
            now,
            now - LEASE_MS,
        ):
            await self._make(row)
            made += 1
        return made

    async def prune(self) -> None:
        """What is old goes."""
        before = self._now_ms() - KEPT_MS
        for old in await values(self._database, str, "DELETE FROM exports WHERE created_ts < $1 RETURNING id", before):
            with contextlib.suppress(FileNotFoundError):
                await self._blobs.delete(_key(old))

    async def _named(self, keys: list[str]) -> Set[str]:
        """Which of some blobs are packages that are known."""
        names = [_name(key) for key in keys]
        known = set(await values(self._database, str, "SELECT id FROM exports WHERE id = ANY($1::text[])", names))
        return {key for key in keys if _name(key) in known}

    async def _make(self, row: Package) -> None:
        with tempfile.TemporaryDirectory(prefix="chappe-export-") as folder:
            path = Path(folder) / "package.zip"
            try:
                with_held = row.detail == "held"
                if row.kind == PERSON:
                    told = await self._personal_data.write(UserId(row.target), path, with_held)
                else:
                    told = await self._room_archive.write(row.target, path, with_held)
                await self._blobs.put(_key(row.id), _chunks(path))
            except MatrixError as error:
                log.warning("a package could not be made", extra={"fields": {"target": row.target, "error": error.message}})
                await self._set(row.id, "failed", None, {"error": error.message})
                return
            except (TimeoutError, *DATABASE_LOST):
                raise  # made anew when its lease has ended
            except Exception:  # this one's own: the others are made
                log.exception("a package could not be made", extra={"fields": {"target": row.target}})
                await self._set(row.id, "failed", None, {"error": "Something went wrong on the server"})
                return
            await self._set(row.id, "ready", path.stat().st_size, told)

    async def _set(self, name: str, state: str, size: int | None, detail: dict[str, Any]) -> None:
        await self._database.execute(
            "UPDATE exports SET state = $2, size = $3, detail = $4 WHERE id = $1",
            name,
            state,
            size,
            orjson.dumps(detail).decode(),
        )


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _key(name: str) -> str:
    return f"exports/{name}.zip"


def _name(key: str) -> str:
    return key.removeprefix("exports/").partition(".zip")[0]


def _shown(row: Package) -> dict[str, Any]:
    shown = {key: value for key, value in asdict(row).items() if value is not None and key != "detail"}
    if row.detail is not None and row.detail.startswith("{"):
        shown["detail"] = orjson.loads(row.detail)
    return shown
