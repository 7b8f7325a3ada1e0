"""Leaving a call is left with this server, by the client-server API (MSC4195)."""

from __future__ import annotations

from chappe.homeserver.actions.delegate_leave import HOUR_MS, DelegateLeave
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import OPTIONAL_AUTH, Answer, endpoint
from chappe.homeserver.modules.calls.api.bodies import DelegateLeaveOf
from chappe.homeserver.modules.calls.api.server_server import UNSTABLE
from chappe.homeserver.modules.calls.api.tokens import sfu_of, wanted_by
from chappe.homeserver.modules.calls.sfus import Sfus
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import domain_of

_PATH = "/rtc/livekit/delegate_delayed_leave"


class LeavesApi:
    def __init__(self, sfus: Sfus, delegate: DelegateLeave) -> None:
        self._sfus, self._delegate = sfus, delegate

    @endpoint(
        "POST", f"/_matrix/client/v1{_PATH}", f"/_matrix/client{UNSTABLE}{_PATH}", auth=OPTIONAL_AUTH, acts=True, limit="call"
    )
    async def delegate(self, request: Request) -> Answer:
        """Takes somebody's leave over. Clients look without a token whether this is there: 404 says no, 401 yes."""
        self._sfus.require_any()
        if request.optional_requester is None:
            raise MatrixError(401, "M_MISSING_TOKEN", "An access token is required")
        if request.requester.is_guest:
            raise Forbidden("Guests may not do this", "M_GUEST_ACCESS_FORBIDDEN")
        body = await request.body_as(DelegateLeaveOf)
        sfu = sfu_of(self._sfus, domain_of(request.user_id), body.url)
        await self._delegate(sfu, wanted_by(request, body), body.delay_id, HOUR_MS)
        return {}
