"""What any server may have: an eye on who reads too much."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chappe.homeserver.policy import Amount, Policy
from chappe.matrix.identifiers import UserId

Count = Callable[[str, str, float], Awaitable[None]]  # who, what, how much


class ReadingPolicy(Policy):
    def __init__(self) -> None:
        self._listeners: list[Count] = []

    def listen(self, listener: Count) -> None:
        """`listener` is told of what somebody is about to read; its refusal ends the request."""
        self._listeners.append(listener)

    async def reads(self, user_id: UserId, what: str, amount: Amount = 1) -> None:
        if self._listeners:
            known = await amount() if callable(amount) else amount
            for listener in self._listeners if known > 0 else ():
                await listener(user_id, what, known)
