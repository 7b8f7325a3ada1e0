"""SQL of files: a row for each that is stored, is being uploaded, or may be uploaded to a reserved address."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from msgspec.structs import asdict

from chappe.homeserver.database.pool import Executor
from chappe.homeserver.database.rows import Row, find, read, values

MediaName = tuple[str, str]  # server name, media id
MOST_AT_ONCE = 10_000


class MediaRow(Row):
    """`size`: None until it has been uploaded, which may be done until `expires_ts` (ms). `user_id` "" for another server's file."""

    user_id: str
    content_type: str
    file_name: str | None
    size: int | None
    sha256: bytes | None
    expires_ts: int | None
    legacy: bool
    quarantined_by: str | None


class FileKey(Row):
    server_name: str
    media_id: str


class SizedFile(FileKey):
    size: int


class FileOfUser(Row):
    """As administrators are shown it."""

    media_id: str
    media_type: str
    media_length: int
    upload_name: str | None
    created_ts: int
    last_access_ts: int | None
    quarantined_by: str | None
    safe_from_quarantine: bool


class KnownFile(Row):
    """Likewise. `media_length`: None for a reserved address."""

    media_origin: str
    user_id: str
    media_id: str
    media_type: str
    media_length: int | None
    upload_name: str | None
    created_ts: int
    last_access_ts: int | None
    quarantined_by: str | None
    authenticated: bool
    safe_from_quarantine: bool
    sha256: str | None


def _columns(files: Collection[MediaName]) -> tuple[list[str], list[str]]:
    return [server for server, _ in files], [media for _, media in files]


def _names(rows: Sequence[FileKey]) -> list[MediaName]:
    return [(row.server_name, row.media_id) for row in rows]


class MediaStore:
    """Every method is one statement. Times are in ms."""

    def __init__(self, database: Executor) -> None:
        self._database = database

    # ---------------------------------------------------------------------------------------------------- uploading

    async def count_reserved(self, user_id: str, now: int) -> int:
        found: int = await self._database.fetchval(
            "SELECT count(*) FROM media WHERE user_id = $1 AND size IS NULL AND expires_ts > $2", user_id, now
        )
        return found

    async def reserve(self, file: MediaName, user_id: str, now: int, expires_ts: int) -> None:
        await self._database.execute(
            "INSERT INTO media (server_name, media_id, user_id, created_ts, expires_ts) VALUES ($1, $2, $3, $4, $5)",
            *file,
            user_id,
            now,
            expires_ts,
        )

    async def add(
        self, file: MediaName, user_id: str, content_type: str, file_name: str | None, size: int, sha256: bytes, now: int
    ) -> None:
        """In the place of its reservation, where there is one: it stays its maker's."""
        await self._database.execute(
            """INSERT INTO media (server_name, media_id, user_id, content_type, file_name, size, sha256, created_ts)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (server_name, media_id) DO UPDATE SET
               content_type = excluded.content_type, file_name = excluded.file_name, size = excluded.size,
               sha256 = excluded.sha256""",
            *file,
            user_id,
            content_type,
            file_name,
            size,
            sha256,
            now,
        )

    async def forget_reservations(self, user_id: str) -> None:
        await self._database.execute("DELETE FROM media WHERE user_id = $1 AND size IS NULL", user_id)

    async def prune_reservations(self, now: int) -> None:
        await self._database.execute("DELETE FROM media WHERE size IS NULL AND expires_ts < $1", now)

    async def uploaded_by(self, user_id: str, since: int) -> int:
        """How many bytes."""
        found: int = await self._database.fetchval(
            "SELECT coalesce(sum(size), 0)::bigint FROM media WHERE user_id = $1 AND created_ts > $2", user_id, since
        )
        return found

    async def uploaded(self, since: int) -> int:
        """How many bytes, by all."""
        found: int = await self._database.fetchval(
            "SELECT coalesce(sum(size), 0)::bigint FROM media WHERE created_ts > $1", since
        )
        return found

    # ------------------------------------------------------------------------------------------------------ finding

    async def find(self, server_name: str, media_id: str) -> MediaRow | None:
        return await find(
            self._database,
            MediaRow,
            """SELECT user_id, content_type, file_name, size, sha256, expires_ts, legacy, quarantined_by
                 FROM media WHERE server_name = $1 AND media_id = $2""",
            server_name,
            media_id,
        )

    async def uploader_of(self, file: MediaName) -> str | None:
        """None for the picture of whoever has uploaded it, too."""
        owner: str | None = await self._database.fetchval(
            """SELECT user_id FROM media m WHERE server_name = $1 AND media_id = $2 AND NOT EXISTS (
                   SELECT 1 FROM user_directory d WHERE d.user_id = m.user_id AND d.avatar_url = $3)""",
            *file,
            f"mxc://{file[0]}/{file[1]}",
        )
        return owner

    async def sizes_after(self, file: MediaName, most: int) -> list[tuple[MediaName, int]]:
        """Of stored files, in the order of their names."""
        rows = await read(
            self._database,
            SizedFile,
            """SELECT server_name, media_id, size FROM media WHERE (server_name, media_id) > ($1, $2) AND size IS NOT NULL
                ORDER BY server_name, media_id LIMIT $3""",
            *file,
            most,
        )
        return [((row.server_name, row.media_id), row.size) for row in rows]

    async def known(self, files: Collection[MediaName]) -> set[MediaName]:
        """Those that have a row."""
        rows = await read(
            self._database,
            FileKey,
            """SELECT m.server_name, m.media_id FROM media m
                 JOIN unnest($1::text[], $2::text[]) f(s, i) ON m.server_name = f.s AND m.media_id = f.i""",
            *_columns(files),
        )
        return set(_names(rows))

    # ------------------------------------------------------------------------------------------------ administering

    async def of_user(self, user_id: str, start: int, limit: int) -> list[dict[str, Any]]:
        """The newest first, as administrators are shown them."""
        rows = await read(
            self._database,
            FileOfUser,
            """SELECT media_id, content_type AS media_type, size AS media_length, file_name AS upload_name, created_ts,
                      last_access_ts, quarantined_by, protected AS safe_from_quarantine
                 FROM media WHERE user_id = $1 AND size IS NOT NULL ORDER BY created_ts DESC, media_id LIMIT $2 OFFSET $3""",
            user_id,
            limit,
            start,
        )
        return [asdict(row) for row in rows]

    async def count_of(self, user_id: str) -> int:
        found: int = await self._database.fetchval(
            "SELECT count(*) FROM media WHERE user_id = $1 AND size IS NOT NULL", user_id
        )
        return found

    async def shown(self, server_name: str, media_id: str) -> dict[str, Any] | None:
        """One, as administrators are shown it."""
        row = await find(
            self._database,
            KnownFile,
            """SELECT server_name AS media_origin, user_id, media_id, content_type AS media_type, size AS media_length,
                      file_name AS upload_name, created_ts, last_access_ts, quarantined_by, NOT legacy AS authenticated,
                      protected AS safe_from_quarantine, encode(sha256, 'hex') AS sha256
                 FROM media WHERE server_name = $1 AND media_id = $2""",
            server_name,
            media_id,
        )
        return asdict(row) if row is not None else None

    async def quarantine(self, files: Collection[MediaName], by: str | None, whose: str | None) -> int:
        """`by` None: out of it. `whose`: in whose right; None: in every."""
        changed = await values(
            self._database,
            str,
            """UPDATE media m SET quarantined_by = $3, quarantined_whose = CASE WHEN $3::text IS NULL THEN NULL ELSE $4::text END
                 FROM unnest($1::text[], $2::text[]) f(s, i)
                WHERE m.server_name = f.s AND m.media_id = f.i AND NOT m.protected
                  AND ($4::text IS NULL OR m.quarantined_by IS NULL OR m.quarantined_whose = $4) RETURNING media_id""",
            *_columns(files),
            by,
            whose,
        )
        return len(changed)

    async def quarantined_by_others(self, files: Collection[MediaName], right: str | None) -> set[MediaName]:
        """Those that are in quarantine in another right."""
        rows = await read(
            self._database,
            FileKey,
            """SELECT server_name, media_id FROM media JOIN unnest($1::text[], $2::text[]) f(server_name, media_id)
                USING (server_name, media_id)
                WHERE quarantined_by IS NOT NULL AND NOT coalesce(quarantined_whose = $3::text, false)""",
            *_columns(files),
            right,
        )
        return set(_names(rows))

    async def protect(self, server_name: str, media_id: str, wanted: bool) -> None:
        await self._database.execute(
            "UPDATE media SET protected = $3 WHERE server_name = $1 AND media_id = $2", server_name, media_id, wanted
        )

    async def remove(self, server_name: str, media_id: str) -> None:
        await self._database.execute("DELETE FROM media WHERE server_name = $1 AND media_id = $2", server_name, media_id)

    async def unused_since(self, ts: int, larger_than: int, with_avatars: bool) -> list[MediaName]:
        """At most MOST_AT_ONCE. Pictures of people and rooms do not count, unless `with_avatars`."""
        rows = await read(
            self._database,
            FileKey,
            """SELECT server_name, media_id FROM media WHERE size > $2 AND NOT protected
                AND coalesce(last_access_ts, created_ts) < $1 AND ($3 OR NOT EXISTS (
                    SELECT 1 FROM user_directory d WHERE d.avatar_url = 'mxc://' || server_name || '/' || media_id
                    UNION SELECT 1 FROM room_summaries r WHERE r.avatar = 'mxc://' || server_name || '/' || media_id))
                LIMIT $4""",
            ts,
            larger_than,
            with_avatars,
            MOST_AT_ONCE,
        )
        return _names(rows)

    async def copies_unused_since(self, ts: int, own: Sequence[str]) -> list[MediaName]:
        """Of other servers' files: at most MOST_AT_ONCE. `own`: the domains of here."""
        rows = await read(
            self._database,
            FileKey,
            """SELECT server_name, media_id FROM media WHERE size IS NOT NULL AND NOT protected AND quarantined_by IS NULL
                AND coalesce(last_access_ts, created_ts) < $1 AND NOT server_name = ANY ($2::text[]) LIMIT $3""",
            ts,
            list(own),
            MOST_AT_ONCE,
        )
        return _names(rows)
