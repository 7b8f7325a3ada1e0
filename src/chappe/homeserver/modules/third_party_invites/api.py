"""Invitations by e-mail: whether a key still counts (identity service API, "Ephemeral public keys"), and who is awaited in a room."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.third_party_invites.third_party_invites import IS_VALID, InviteRow, ThirdPartyInvites
from chappe.homeserver.policy import InvitationTerms
from chappe.homeserver.rooms.sight import Sight
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import parse_room_id
from chappe.matrix.reader import Finds

_AWAITED = "/_chappe/client/v1/rooms/{roomId}/awaited"


class IdentityKeys:
    def __init__(self, invites: ThirdPartyInvites) -> None:
        self._invites = invites

    @endpoint("GET", IS_VALID, auth=NO_AUTH, limit="search")
    async def is_valid(self, request: Request) -> Answer:
        key = request.query("public_key")
        if not key:
            raise BadRequest("`public_key` is missing", "M_MISSING_PARAM")
        return {"valid": await self._invites.is_valid_key(key)}


class WaitingInvitations:
    """For members of a room: the people who were invited by their address and have not come yet."""

    def __init__(self, invites: ThirdPartyInvites, sight: Sight) -> None:
        self._invites, self._sight = invites, sight

    @endpoint("GET", _AWAITED, limit="search")
    async def awaited(self, request: Request) -> Answer:
        """`address`: whole for whoever finds people here; else as the room shows it. Times are in ms."""
        found = await self._invites.in_room(request.user_id, parse_room_id(request.params["roomId"]))
        is_told = self._sight.finds(request.reader) is Finds.PUBLISHED
        return {"awaited": [_awaited(each.row, each.terms, is_told) for each in found]}

    @endpoint("POST", _AWAITED + "/{token}/send_again", acts=True, limit="invite", body_limit=SMALL_LIMIT)
    async def send_again(self, request: Request) -> Answer:
        """The mail, once more. To withdraw an invitation, its event is written without keys, as the specification has it."""
        await self._invites.send_again(request.user_id, parse_room_id(request.params["roomId"]), request.params["token"])
        return {}


def _awaited(row: InviteRow, terms: InvitationTerms | None, is_told: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"token": row.token, "invited_by": row.sender, "invited_ts": row.created_ts}
    entry["address"] = row.address if is_told else row.display_name
    if terms is not None and is_told:
        entry |= {"purpose": terms.purpose, "ends_ts": terms.ends_ts}
    return entry
