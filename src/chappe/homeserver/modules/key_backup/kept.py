"""What is deleted from a key backup, or written over, is kept for some days, where the policy wants it.

The specification lets an access token delete all of it, and clients expect nothing to be asked of them then: so what a stolen
token destroys can be brought back. What is kept of version 7 is in version -7, which no client can name: its sessions, and the
`auth_data` that they fit, as it was first.
"""

from __future__ import annotations

from typing import Any

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.holds import Holds
from chappe.matrix.errors import MatrixError

# Sessions of an account: beyond, nothing more is deleted, so that nobody crowds out what was deleted first.
MAX_KEPT = 500_000
_COLUMNS = "room_id, session_id, first_message_index, forwarded_count, is_verified, session_data"
# a session ($1, $2: the account and the version) that is among those given ($3, $4: rooms and sessions; NULL: all)
_ALL = "s.user_id = $1 AND s.version = $2 AND ($3::text IS NULL OR s.room_id = $3) AND ($4::text IS NULL OR s.session_id = $4)"


class KeptVersion(Row):
    version: int
    is_there: bool


class KeptSessions:
    """For as many days as the policy says; 0: nothing is kept. Of whom is held nothing goes meanwhile, whatever the days."""

    def __init__(self, database: Database, policy: Policy, holds: Holds) -> None:
        self._database, self._policy, self._holds = database, policy, holds

    @property
    def days(self) -> int:
        return self._policy.deleted_keys_days

    async def before_deletion(
        self, connection: Any, user_id: str, version: int, room_id: str | None = None, session_id: str | None = None
    ) -> None:
        """Raises M_RESOURCE_LIMIT_EXCEEDED where no more can be kept."""
        if self.days:
            await self._keep(connection, user_id, version, _ALL, room_id, session_id)

    async def before_writing(self, connection: Any, user_id: str, version: int, rows: list[tuple[Any, ...]]) -> None:
        """Those that are to be written over by better ones (`rows`: as they are stored). Raises as above."""
        if self.days:
            better = """s.user_id = $1 AND s.version = $2 AND EXISTS (
                SELECT 1 FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::boolean[])
                           AS k (room_id, session_id, first_message_index, forwarded_count, is_verified)
                 WHERE k.room_id = s.room_id AND k.session_id = s.session_id
                   AND (k.is_verified, -k.first_message_index, -k.forwarded_count)
                     > (s.is_verified, -s.first_message_index, -s.forwarded_count))"""
            await self._keep(connection, user_id, version, better, *map(list, list(zip(*rows, strict=True))[:5]))

    async def before_update(self, connection: Any, user_id: str, version: int, auth_data: bytes) -> None:
        """Something else is to take the place of a backup's `auth_data`, without which no client takes its sessions."""
        if self.days and auth_data != await connection.fetchval(
            "SELECT auth_data FROM key_backups WHERE user_id = $1 AND version = $2 FOR UPDATE", user_id, version
        ):
            await self._keep_version(connection, user_id, version)

    async def _keep_version(self, connection: Any, user_id: str, version: int) -> None:
        """The first `auth_data` stays, for as long as what was kept last of the version."""
        await connection.execute(
            """INSERT INTO key_backups (user_id, version, algorithm, auth_data, deleted, kept_since)
               SELECT user_id, -version, algorithm, auth_data, true, now() FROM key_backups WHERE user_id = $1 AND version = $2
               ON CONFLICT (user_id, version) DO UPDATE SET kept_since = excluded.kept_since""",
            user_id,
            version,
        )

    async def _keep(self, connection: Any, user_id: str, version: int, which: str, *arguments: Any) -> None:
        kept = await connection.execute(
            f"""INSERT INTO key_backup_sessions (user_id, version, {_COLUMNS}, kept_since)
                SELECT s.user_id, -s.version, {_COLUMNS}, now() FROM key_backup_sessions s WHERE {which}
                ON CONFLICT (user_id, version, room_id, session_id) DO UPDATE SET kept_since = excluded.kept_since""",
            user_id,
            version,
            *arguments,
        )
        if kept.endswith(" 0"):
            return
        await self._keep_version(connection, user_id, version)
        of_all = await connection.fetchval(  # not what is kept for longer: else it would tell people that they are under a hold
            """SELECT count(*) FROM key_backup_sessions WHERE user_id = $1 AND version < 0
                  AND kept_since >= now() - make_interval(days => $2)""",
            user_id,
            self.days,
        )
        if of_all > MAX_KEPT:
            raise MatrixError(
                403,
                "M_RESOURCE_LIMIT_EXCEEDED",
                f"Too many keys were deleted in {self.days} days: nothing more can be deleted for now",
            )

    async def restore(self, user_id: str) -> dict[str, int]:
        """Brings back what is kept of all backups of an account: `{version: sessions}`.

        Into the backup where it still is, in place of what was written over it; else into one of a new version, which becomes the
        current one. Its owner opens it with the key that it had.
        """
        async with self._database.transaction() as connection:
            rows = await read(
                connection,
                KeptVersion,
                """SELECT k.version, b.version IS NOT NULL AS is_there FROM key_backups k
                     LEFT JOIN key_backups b ON b.user_id = k.user_id AND b.version = -k.version AND NOT b.deleted
                    WHERE k.user_id = $1 AND k.version < 0 AND (b.version IS NOT NULL OR EXISTS (
                          SELECT 1 FROM key_backup_sessions s WHERE s.user_id = k.user_id AND s.version = k.version))
                    ORDER BY k.version DESC FOR UPDATE OF k""",
                user_id,
            )
            return {
                str(into): count
                for row in rows
                for into, count in [await self._bring_back(connection, user_id, row.version, row.is_there)]
            }

    async def _bring_back(self, connection: Any, user_id: str, kept: int, is_there: bool) -> tuple[int, int]:
        into = -kept
        if is_there:
            await connection.execute(
                """UPDATE key_backups b SET auth_data = k.auth_data FROM key_backups k
                    WHERE b.user_id = $1 AND b.version = $2 AND k.user_id = $1 AND k.version = $3""",
                user_id,
                into,
                kept,
            )
        else:
            into = await connection.fetchval(
                """INSERT INTO key_backups (user_id, version, algorithm, auth_data)
                   SELECT user_id, (SELECT max(version) + 1 FROM key_backups WHERE user_id = $1), algorithm, auth_data
                     FROM key_backups WHERE user_id = $1 AND version = $2 RETURNING version""",
                user_id,
                kept,
            )
        moved = await connection.execute(
            f"""WITH gone AS (DELETE FROM key_backup_sessions WHERE user_id = $1 AND version = $2 RETURNING {_COLUMNS})
                INSERT INTO key_backup_sessions (user_id, version, {_COLUMNS}) SELECT $1, $3, {_COLUMNS} FROM gone
                ON CONFLICT (user_id, version, room_id, session_id) DO UPDATE SET
                    first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count,
                    is_verified = excluded.is_verified, session_data = excluded.session_data""",
            user_id,
            kept,
            into,
        )
        await connection.execute("UPDATE key_backups SET etag = etag + 1 WHERE user_id = $1 AND version = $2", user_id, into)
        await connection.execute("DELETE FROM key_backups WHERE user_id = $1 AND version = $2", user_id, kept)
        return into, int(moved.rsplit(" ", 1)[1])

    async def prune(self) -> None:
        """What has been kept long enough, and is under no hold."""
        held = sorted(await self._holds.held())
        async with self._database.transaction() as connection:
            await connection.execute(
                """DELETE FROM key_backup_sessions s USING key_backups k WHERE k.kept_since IS NOT NULL AND k.user_id <> ALL($2::text[])
                      AND s.user_id = k.user_id AND s.version = k.version AND s.kept_since < now() - make_interval(days => $1)""",
                self.days,
                held,
            )
            await connection.execute(
                """WITH old AS (DELETE FROM key_backups WHERE kept_since < now() - make_interval(days => $1)
                                   AND user_id <> ALL($2::text[]) RETURNING user_id, version)
                   DELETE FROM key_backup_sessions s USING old WHERE s.user_id = old.user_id AND s.version = old.version""",
                self.days,
                held,
            )
