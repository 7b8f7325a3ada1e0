"""Deleting a room: it is closed (`shut_down_room.py`), then nothing of it is left (`modules/room_purges`)."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.actions.shut_down_room import ShutDownRoom
from chappe.homeserver.database.leases import Leases
from chappe.homeserver.modules.room_purges.room_purges import RoomPurges
from chappe.matrix.errors import MatrixError, NotFound
from chappe.matrix.identifiers import UserId


class DeleteRoom:
    def __init__(self, shut_down: ShutDownRoom, purges: RoomPurges, leases: Leases) -> None:
        self._shut_down, self.purges, self._leases = shut_down, purges, leases
        self._at_work: set[str] = set()

    async def close(
        self,
        by: str,
        room_id: str,
        block: bool,
        new_room_user: UserId | None,
        words: tuple[str, str],
        is_purge: bool,
        is_forced: bool,
    ) -> str:
        """Makes everybody leave; `resume` does the rest. Returns the deletion's id.

        `words`: name and message of the room that explains it. Raises M_FORBIDDEN for a room that must be kept, M_NOT_FOUND.
        """
        purge_id = await self.purges.ask(room_id, by, is_purge, is_forced)
        self._at_work.add(purge_id)
        lease = _lease(purge_id)
        try:
            await self._leases.claim(lease)
            async with self._leases.kept(lease):
                result = await self._shut_down(by, room_id, block, new_room_user, *words)
                await self.purges.closed(purge_id, result)
        except MatrixError as error:
            await self.purges.failed(purge_id, error.message)
            raise
        finally:
            self._at_work.discard(purge_id)
        await self._leases.give_back(lease)
        return purge_id

    async def resume(self) -> None:
        """Goes on with every deletion that nobody is at."""
        for row in await self.purges.waiting():
            await self.go_on(row.purge_id)

    async def go_on(self, purge_id: str) -> None:
        """To the end, unless another process is at it or other servers must still hear that everybody has left."""
        if purge_id in self._at_work or not await self._leases.claim(_lease(purge_id)):
            return
        self._at_work.add(purge_id)
        try:
            async with self._leases.kept(_lease(purge_id)):
                await self._finish(await self.purges.status(purge_id))
        finally:
            self._at_work.discard(purge_id)
        await self._leases.give_back(_lease(purge_id))

    async def _finish(self, told: dict[str, Any] | None) -> None:
        assert told is not None
        if told["status"] == "shutting_down":  # whoever began it has died
            try:
                result = await self._shut_down("", told["room_id"], False, None, "", "")
            except NotFound:
                result = {}
            await self.purges.closed(told["delete_id"], result)
        await self.purges.go_on(told["delete_id"])


def _lease(purge_id: str) -> str:
    return f"room purge {purge_id}"
