"""Erasing a person: the account, its name, its files, and what it said, as far as this installation holds it."""

from __future__ import annotations

from typing import Any

from chappe.agency.legal_holds import HeldIds, LegalHolds
from chappe.agency.retention import Retention
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import read, values
from chappe.homeserver.database.table import AllTables
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.modules.media.store import FileKey
from chappe.matrix.identifiers import UserId


class Erasure:
    def __init__(
        self,
        database: Database,
        deactivate: DeactivateAccount,
        retention: Retention,
        media: ContentRepository,
        holds: LegalHolds,
        tables: AllTables,
    ) -> None:
        self._holds, self._after_holds = holds, set[UserId]()
        # what was under a hold or in quarantine when what is unfinished was last tried
        self._kept: tuple[HeldIds, frozenset[str]] | None = None
        self._tables = [table for table in tables if table.erased]
        self._database, self._deactivate, self._retention, self._media = database, deactivate, retention, media

    async def __call__(self, user_id: UserId, right: str | None = None) -> dict[str, Any]:
        """Returns how many messages and files went; `later`: some are under a legal hold, or in quarantine in another right, after
        which they go. Asked again, it goes on. `right`: in whose (see `media.delete`); None: of what is left once nothing keeps it.

        Other servers keep what they have been sent: they are told when its place is asked for, not before.
        """
        await self._deactivate(user_id, True)
        if await self._holds.is_held(user_id):
            return {"messages": 0, "files": 0, "later": True}
        messages = await self._retention.erase_sender(user_id, right)
        rows = await read(self._database, FileKey, "SELECT server_name, media_id FROM media WHERE user_id = $1", user_id)
        deleted = await self._media.delete([(row.server_name, row.media_id) for row in rows], right=right)
        async with self._database.transaction() as connection:
            for table in self._tables:
                await connection.execute(table.erasure, user_id)
        kept = await self._note_what_is_kept(user_id)
        return {"messages": messages, "files": len(deleted), **({"later": True} if kept else {})}

    async def _note_what_is_kept(self, user_id: UserId) -> bool:
        """Whether the hold of a room, or of somebody who has passed a file on, or a quarantine keeps something."""
        kept = bool(
            await self._database.fetchval(
                """SELECT EXISTS (SELECT 1 FROM media WHERE user_id = $1) OR EXISTS (
                   SELECT 1 FROM memberships JOIN rooms USING (room_nid) WHERE user_id = $1 AND room_id = ANY($2::text[]))""",
                user_id,
                sorted(await self._holds.held()),
            )
        )
        statement = (
            "INSERT INTO unfinished_erasures VALUES ($1) ON CONFLICT DO NOTHING"
            if kept
            else ("DELETE FROM unfinished_erasures WHERE user_id = $1")
        )
        await self._database.execute(statement, user_id)
        return kept

    async def after_holds(self) -> None:
        """What a hold or a quarantine has kept of somebody who was to be erased goes, some time after it was lifted."""
        held, in_quarantine = await self._holds.held(), await self._in_quarantine()
        if (held, in_quarantine) != self._kept:
            unfinished = await values(
                self._database,
                UserId,
                "SELECT user_id FROM unfinished_erasures JOIN users USING (user_id) WHERE erased AND deactivated",
            )
            for user_id in unfinished:
                if user_id not in held:
                    await self(user_id)
            self._kept = (held, await self._in_quarantine())
        for user_id in await self._holds.released():
            if user_id not in self._after_holds:
                await self(user_id)
                self._after_holds.add(user_id)

    async def _in_quarantine(self) -> frozenset[str]:
        return frozenset(
            await values(
                self._database,
                str,
                "SELECT media_id FROM media JOIN unfinished_erasures USING (user_id) WHERE quarantined_by IS NOT NULL",
            )
        )
