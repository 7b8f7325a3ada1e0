"""What the law asks to keep, whatever is deleted. Here nothing is held; the public-sector layer has legal holds."""

from __future__ import annotations

from collections.abc import Collection


class Holds:
    async def held(self) -> Collection[str]:
        """The accounts and rooms of which nothing goes."""
        return frozenset()

    async def deletable(self, files: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Of some files (server name, media id), those that may be deleted."""
        return files

    async def require_none_in_room(self, room_id: str) -> None:
        """Raises M_FORBIDDEN where what is in a room must be kept."""
