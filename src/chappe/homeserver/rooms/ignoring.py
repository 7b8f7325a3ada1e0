"""Whose events a reader does not want to see, state apart. Here nobody's; `modules/ignored_users` reads people's own lists."""

from __future__ import annotations


class Ignoring:
    async def of(self, user_id: str) -> frozenset[str]:
        """Whom a user ignores."""
        return frozenset()
