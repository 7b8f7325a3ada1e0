"""What people read beside events is told to the policy here, wherever they read it: it may refuse who reads too much."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from chappe.homeserver.policy import Amount, Policy
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import UserId

# a room entered uninvited, a whole file, a look into a directory
What = Literal["rooms", "files", "searches"]
# of the act under way: who has been counted for which room, and what that was answered
_entered: ContextVar[dict[tuple[str, str], MatrixError | None] | None] = ContextVar("entered", default=None)


@contextmanager
def one_act() -> Iterator[None]:
    """What is done in it is one act, however often it is judged anew: whoever enters a room is counted once."""
    token = _entered.set({})
    try:
        yield
    finally:
        _entered.reset(token)


class Reading:
    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def begins(self, user_id: UserId, what: What, amount: Amount = 1) -> None:
        """Before anything is read. Raises what refuses the request (`Policy.reads`)."""
        await self._policy.reads(user_id, what, amount)

    async def enters(self, user_id: UserId, room_id: str) -> None:
        """Somebody comes into a room uninvited: once for each act (`one_act`), which is answered the same each time."""
        entered = _entered.get()
        known: dict[tuple[str, str], MatrixError | None] = {} if entered is None else entered
        if (user_id, room_id) not in known:
            known[user_id, room_id] = None
            try:
                await self.begins(user_id, "rooms")
            except MatrixError as refusal:
                known[user_id, room_id] = refusal
        if (refused := known[user_id, room_id]) is not None:
            raise refused
