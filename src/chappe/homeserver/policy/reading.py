"""What people read beside events is told to the policy here, wherever they read it: it may refuse who reads too much."""

from __future__ import annotations

from typing import Literal

from chappe.homeserver.matrix.identifiers import UserId
from chappe.homeserver.policy import Policy

# a room entered uninvited, a whole file, a look into a directory
What = Literal["rooms", "files", "searches"]


class Reading:
    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def begins(self, user_id: UserId, what: What, amount: float = 1) -> None:
        """Before anything is read. Raises what refuses the request (`Policy.reads`)."""
        await self._policy.reads(user_id, what, amount)
