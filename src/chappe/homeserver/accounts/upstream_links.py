"""SQL of the names by which accounts are known elsewhere: at providers of single sign-on and in directories."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.matrix.errors import Forbidden


class UpstreamLink(Row):
    """`subject`: the provider's name for the person. `linked_ts` in ms."""

    subject: str
    user_id: str
    linked_ts: int


class UpstreamLinks:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, provider: str, subject: str) -> str | None:
        """Whose account it is."""
        found: str | None = await self._database.fetchval(
            "SELECT user_id FROM upstream_links WHERE provider = $1 AND subject = $2", provider, subject
        )
        return found

    async def first_of(self, provider: str, subjects: Sequence[str | None]) -> list[UpstreamLink]:
        """Of several names of one person, those that are linked, in the order in which they are named."""
        return await read(
            self._database,
            UpstreamLink,
            """SELECT subject, user_id, linked_ts FROM upstream_links WHERE provider = $1 AND subject = ANY($2)
                ORDER BY array_position($2, subject)""",
            provider,
            subjects,
        )

    async def of(self, provider: str, user_id: str) -> list[UpstreamLink]:
        return await read(
            self._database,
            UpstreamLink,
            "SELECT subject, user_id, linked_ts FROM upstream_links WHERE provider = $1 AND user_id = $2",
            provider,
            user_id,
        )

    async def add(self, provider: str, subject: str, user_id: str, now_ms: int) -> str:
        """Returns whose account it is then: whoever was faster has said so."""
        found: str = await self._database.fetchval(
            """INSERT INTO upstream_links AS l VALUES ($1, $2, $3, $4)
               ON CONFLICT (provider, subject) DO UPDATE SET user_id = l.user_id RETURNING user_id""",
            provider,
            subject,
            user_id,
            now_ms,
        )
        return found

    async def remove_older(self, provider: str, subject: str | None, before_ms: int) -> None:
        await self._database.execute(
            "DELETE FROM upstream_links WHERE provider = $1 AND subject = $2 AND linked_ts < $3", provider, subject, before_ms
        )

    async def rename(self, provider: str, subjects: Sequence[str], to: str) -> None:
        """The first of these names that is linked gives way to another, unless that one is linked already."""
        await self._database.execute(
            """UPDATE upstream_links SET subject = $2 WHERE provider = $1 AND subject = (
                   SELECT subject FROM upstream_links WHERE provider = $1 AND subject = ANY($3)
                    ORDER BY array_position($3, subject) LIMIT 1)
                AND NOT EXISTS (SELECT FROM upstream_links WHERE provider = $1 AND subject = $2)""",
            provider,
            to,
            subjects,
        )

    async def replace(self, user_id: str, links: Sequence[tuple[str, str]], now_ms: int) -> None:
        """All of an account (provider, subject). Raises M_UNKNOWN where one is another account's."""
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM upstream_links WHERE user_id = $1", user_id)
            for provider, subject in links:
                result = await connection.execute(
                    "INSERT INTO upstream_links VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                    provider,
                    subject,
                    user_id,
                    now_ms,
                )
                if not result.endswith(" 1"):
                    raise Forbidden("This identity belongs to another account", "M_UNKNOWN")
