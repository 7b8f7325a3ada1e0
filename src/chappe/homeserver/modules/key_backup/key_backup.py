"""Server-side key backups (client-server API, "Server-side key backups")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, read, values
from chappe.homeserver.modules.key_backup.backed_up_session import BackedUpSession, rows_of
from chappe.homeserver.modules.key_backup.kept import KeptSessions
from chappe.matrix.canonical_json import check_canonical
from chappe.matrix.errors import BadRequest, MatrixError, NotFound

MAX_AT_ONCE = 5000  # sessions in a request: clients send some hundreds
MAX_VERSIONS, MAX_SESSIONS = 50, 500_000  # of one account, in all its backups
_SESSION = "first_message_index, forwarded_count, is_verified, session_data"


class BackupVersion(msgspec.Struct):
    algorithm: str
    auth_data: dict[str, Any]
    version: str | None = None


class VersionRow(Row):
    version: int
    algorithm: str
    auth_data: bytes
    etag: int


class KeyRow(Row):
    room_id: str
    session_id: str
    first_message_index: int
    forwarded_count: int
    is_verified: bool
    session_data: bytes


class KeyBackup:
    """`version` is what the client names. Every change of keys moves the backup's etag."""

    def __init__(self, database: Database, kept: KeptSessions) -> None:
        self._database, self._kept = database, kept

    # ---------------------------------------------------------------------------------------------------- versions

    async def create_version(self, user_id: str, body: BackupVersion) -> str:
        check_canonical(body.auth_data)
        number = await self._database.fetchval(
            """INSERT INTO key_backups (user_id, version, algorithm, auth_data)
               SELECT $1, coalesce(max(version), 0) + 1, $2, $3 FROM key_backups WHERE user_id = $1
               HAVING count(*) FILTER (WHERE NOT deleted) < $4 RETURNING version""",
            user_id,
            body.algorithm,
            orjson.dumps(body.auth_data),
            MAX_VERSIONS,
        )
        if number is None:
            raise _full(f"You have {MAX_VERSIONS} key backups: please delete an older one first")
        return str(number)

    async def version(self, user_id: str, version: str | None) -> dict[str, Any]:
        """The named version, or the current one. Raises M_NOT_FOUND."""
        row = await self._row(user_id, version)
        count = await self._database.fetchval(
            "SELECT count(*) FROM key_backup_sessions WHERE user_id = $1 AND version = $2", user_id, row.version
        )
        return {
            "algorithm": row.algorithm,
            "auth_data": orjson.Fragment(row.auth_data),
            "version": str(row.version),
            "count": count,
            "etag": str(row.etag),
        }

    async def _row(self, user_id: str, version: str | None) -> VersionRow:
        number = None if version is None else _number(version)
        row = await find(
            self._database,
            VersionRow,
            """SELECT version, algorithm, auth_data, etag FROM key_backups
                WHERE user_id = $1 AND NOT deleted AND ($2::bigint IS NULL OR version = $2) ORDER BY version DESC LIMIT 1""",
            user_id,
            number,
        )
        if row is None:
            raise NotFound("There is no such key backup" if version else "There is no key backup")
        return row

    async def update_version(self, user_id: str, version: str, body: BackupVersion) -> None:
        """Only the auth data may change. Raises M_INVALID_PARAM otherwise."""
        row = await self._row(user_id, version)
        if body.version is not None and body.version != version:
            raise BadRequest("The version in the body is not that of the URL", "M_INVALID_PARAM")
        if body.algorithm != row.algorithm:
            raise BadRequest("The algorithm of a backup cannot change", "M_INVALID_PARAM")
        auth_data = orjson.dumps(body.auth_data)
        async with self._database.transaction() as connection:
            await self._kept.before_update(connection, user_id, row.version, auth_data)
            await connection.execute(
                "UPDATE key_backups SET auth_data = $3 WHERE user_id = $1 AND version = $2 AND NOT deleted",
                user_id,
                row.version,
                auth_data,
            )

    async def delete_version(self, user_id: str, version: str) -> None:
        row = await self._row(user_id, version)
        async with self._database.transaction() as connection:
            await connection.execute(
                "UPDATE key_backups SET deleted = true WHERE user_id = $1 AND version = $2", user_id, row.version
            )
            await self._kept.before_deletion(connection, user_id, row.version)
            await connection.execute(
                "DELETE FROM key_backup_sessions WHERE user_id = $1 AND version = $2", user_id, row.version
            )

    # -------------------------------------------------------------------------------------------------------- keys

    async def put(
        self, user_id: str, version: str | None, rooms: Mapping[str, Mapping[str, BackedUpSession]]
    ) -> dict[str, Any]:
        """Stores sessions, each only if it is better than what is there. Raises M_WRONG_ROOM_KEYS_VERSION (403)."""
        number = await self._require_current(user_id, version)
        if sum(map(len, rooms.values())) > MAX_AT_ONCE:
            raise MatrixError(413, "M_TOO_LARGE", f"At most {MAX_AT_ONCE} sessions at once: please send them in parts")
        rows = list(rows_of(rooms))
        async with self._database.transaction() as connection:
            changed = 0
            if rows:
                await self._kept.before_writing(connection, user_id, number, rows)
                done = await values(
                    connection,
                    str,
                    """INSERT INTO key_backup_sessions AS s (user_id, version, room_id, session_id, first_message_index,
                                                             forwarded_count, is_verified, session_data)
                       SELECT $1, $2, k.* FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::boolean[], $8::bytea[]) k
                       ON CONFLICT (user_id, version, room_id, session_id) DO UPDATE SET
                           first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count,
                           is_verified = excluded.is_verified, session_data = excluded.session_data
                         WHERE (excluded.is_verified, -excluded.first_message_index, -excluded.forwarded_count)
                             > (s.is_verified, -s.first_message_index, -s.forwarded_count)
                       RETURNING session_id""",
                    user_id,
                    number,
                    *map(list, zip(*rows, strict=True)),
                )
                changed = len(done)
            answer = await self._touched(connection, user_id, number, changed)
            if is_looked_at(answer["count"], changed) and await _of_all(connection, user_id) > MAX_SESSIONS:
                raise _full("Your key backups are full: please delete an older one")
            return answer

    async def _require_current(self, user_id: str, version: str | None) -> int:
        if version is None:
            raise BadRequest("`version` is missing", "M_MISSING_PARAM")
        current = await self._row(user_id, None)
        if str(current.version) != version:
            raise MatrixError(
                403,
                "M_WRONG_ROOM_KEYS_VERSION",
                "This backup is no longer the current one",
                current_version=str(current.version),
            )
        return int(current.version)

    async def _touched(self, connection: Any, user_id: str, number: int, changed: int) -> dict[str, Any]:
        """The answer."""
        etag = await connection.fetchval(
            "UPDATE key_backups SET etag = etag + $3 WHERE user_id = $1 AND version = $2 RETURNING etag",
            user_id,
            number,
            1 if changed else 0,
        )
        count = await connection.fetchval(
            "SELECT count(*) FROM key_backup_sessions WHERE user_id = $1 AND version = $2", user_id, number
        )
        return {"etag": str(etag), "count": count}

    async def get(
        self, user_id: str, version: str | None, room_id: str | None = None, session_id: str | None = None
    ) -> dict[str, dict[str, Any]]:
        """Sessions by room. Raises M_NOT_FOUND for an unknown version."""
        if version is None:
            raise BadRequest("`version` is missing", "M_MISSING_PARAM")
        row = await self._row(user_id, version)
        rows = await read(
            self._database,
            KeyRow,
            f"""SELECT room_id, session_id, {_SESSION} FROM key_backup_sessions WHERE user_id = $1 AND version = $2
                 AND ($3::text IS NULL OR room_id = $3) AND ($4::text IS NULL OR session_id = $4)""",
            user_id,
            row.version,
            room_id,
            session_id,
        )
        result: dict[str, dict[str, Any]] = {}
        for found in rows:
            result.setdefault(found.room_id, {})[found.session_id] = {
                "first_message_index": found.first_message_index,
                "forwarded_count": found.forwarded_count,
                "is_verified": found.is_verified,
                "session_data": orjson.Fragment(found.session_data),
            }
        return result

    async def delete(
        self, user_id: str, version: str | None, room_id: str | None = None, session_id: str | None = None
    ) -> dict[str, Any]:
        if version is None:
            raise BadRequest("`version` is missing", "M_MISSING_PARAM")
        row = await self._row(user_id, version)
        async with self._database.transaction() as connection:
            await self._kept.before_deletion(connection, user_id, row.version, room_id, session_id)
            done = await connection.execute(
                """DELETE FROM key_backup_sessions WHERE user_id = $1 AND version = $2
                    AND ($3::text IS NULL OR room_id = $3) AND ($4::text IS NULL OR session_id = $4)""",
                user_id,
                row.version,
                room_id,
                session_id,
            )
            return await self._touched(connection, user_id, row.version, int(done.rsplit(" ", 1)[1]))


def is_looked_at(count: int, changed: int) -> bool:
    """Whether a backup that has grown to `count` sessions, by at most `changed`, is a reason to count all backups: as often as
    each of them grows by a five-hundredth of what may be. Those of years are not counted for every new session."""
    step = max(1, MAX_SESSIONS // 500)
    return changed > 0 and (count // step != (count - changed) // step or count > MAX_SESSIONS)


async def _of_all(connection: Any, user_id: str) -> int:
    """But for what is kept of those that were deleted."""
    of_all = "SELECT count(*) FROM key_backup_sessions WHERE user_id = $1 AND version > 0"
    return int(await connection.fetchval(of_all, user_id))


def _full(message: str) -> MatrixError:
    return MatrixError(403, "M_RESOURCE_LIMIT_EXCEEDED", message)


def _number(version: str) -> int:
    if not version.isascii() or not version.isdigit() or len(version) > 17:
        raise NotFound("There is no such key backup")
    return int(version)
