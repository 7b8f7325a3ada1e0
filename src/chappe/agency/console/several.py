"""One action for several people at once: each is asked about, written down and answered for by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chappe.agency.console.actions import Actions
from chappe.agency.console.scope import Actor
from chappe.matrix.errors import BadRequest, MatrixError

ACTIONS = frozenset({"lock", "unlock", "sign_out", "renew"})
MOST = 200


class Several:
    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    async def act(self, actor: Actor, name: str, people: Sequence[str]) -> list[dict[str, Any]]:
        """What became of each: `outcome` is "done", "asked" where it waits for a second person, or "failed" with why.

        Raises M_INVALID_PARAM where the action is not for several, or they are too many.
        """
        if name not in ACTIONS:
            raise BadRequest("This is done to one account after the other", "M_INVALID_PARAM")
        if not 0 < len(people) <= MOST:
            raise BadRequest(f"Between 1 and {MOST} people at once", "M_INVALID_PARAM")
        return [await self._one(actor, name, user_id) for user_id in dict.fromkeys(people)]

    async def _one(self, actor: Actor, name: str, user_id: str) -> dict[str, Any]:
        try:
            answer = await self._actions.act(actor, name, {"user_id": user_id})
        except MatrixError as error:
            return {"user_id": user_id, "outcome": "failed", **error.body()}
        return {"user_id": user_id, "outcome": "done" if answer["done"] else "asked"}
