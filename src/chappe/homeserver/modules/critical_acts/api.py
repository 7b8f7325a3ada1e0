"""What administrators asked for at the administration APIs and waits for another one of the installation to agree."""

from __future__ import annotations

import re

import msgspec

from chappe.homeserver.http.administration import ADMIN
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.modules.critical_acts.critical_acts import HEADER, CriticalActs
from chappe.homeserver.modules.critical_acts.requests import WHOLE
from chappe.matrix.errors import NotFound

_PATH = "/_chappe/admin/v1/requests"


class Decision(msgspec.Struct):
    approve: bool


class CriticalRequestsApi:
    def __init__(self, acts: CriticalActs) -> None:
        self._acts = acts

    @endpoint("GET", _PATH, **ADMIN)
    async def list(self, request: Request) -> Answer:
        """What waits, and the latest decisions."""
        return {"requests": await self._acts.requests.all(WHOLE)}

    @endpoint("POST", _PATH + "/{request}", does="decide_request", **ADMIN)
    async def decide(self, request: Request) -> Answer:
        """Agrees, with a code of one's second factor in the header; refuses; or withdraws one's own."""
        number, body = request.params["request"], await request.body_as(Decision)
        if not re.fullmatch(r"[0-9]{1,15}", number):
            raise NotFound("There is no such request that waits")
        if body.approve:
            await self._acts.agree(request.user_id, int(number), request.header(HEADER))
        else:
            await self._acts.refuse(request.user_id, int(number))
        return {}
