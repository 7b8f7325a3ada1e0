"""Whether the key of an invitation by e-mail still counts (identity service API, "Ephemeral public keys")."""

from __future__ import annotations

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, Answer, endpoint
from chappe.homeserver.modules.third_party_invites.third_party_invites import IS_VALID, ThirdPartyInvites
from chappe.matrix.errors import BadRequest


class IdentityKeys:
    def __init__(self, invites: ThirdPartyInvites) -> None:
        self._invites = invites

    @endpoint("GET", IS_VALID, auth=NO_AUTH, limit="search")
    async def is_valid(self, request: Request) -> Answer:
        key = request.query("public_key")
        if not key:
            raise BadRequest("`public_key` is missing", "M_MISSING_PARAM")
        return {"valid": await self._invites.is_valid_key(key)}
