"""What any server may have: an eye on who reads too much."""

from __future__ import annotations

from chappe.agency.read_guard import ReadGuard
from chappe.homeserver.policy import Amount, Policy
from chappe.matrix.identifiers import UserId


class ReadingPolicy(Policy):
    def __init__(self) -> None:
        self.guard: ReadGuard | None = None

    async def reads(self, user_id: UserId, what: str, amount: Amount = 1) -> None:
        if self.guard is not None:
            known = await amount() if callable(amount) else amount
            if known > 0:
                await self.guard.count(user_id, what, known)
