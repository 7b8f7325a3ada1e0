"""Calls of two (voip.yaml)."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, Answer, endpoint
from chappe.homeserver.modules.voip.voip import Voip


class VoipApi:
    def __init__(self, voip: Voip) -> None:
        self._voip = voip

    @endpoint("GET", "/_matrix/client/v3/voip/turnServer", auth=GUEST_AUTH)
    async def turn_server(self, request: Request) -> Answer:
        return self._voip.turn_server(request.user_id)
