"""Tokens for our SFUs that other servers ask for, for their people (MSC4195): to hear and see ours, never to be heard."""

from __future__ import annotations

from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, Answer, endpoint
from chappe.homeserver.modules.calls.api.bodies import ServerToken, member_of
from chappe.homeserver.modules.calls.names import identity_of_device, identity_of_member
from chappe.homeserver.modules.calls.sfus import Sfus
from chappe.homeserver.modules.calls.tokens import CallTokens, Wanted
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.identifiers import domain_of, parse_user_id

UNSTABLE, GET_TOKEN = "/unstable/io.element.msc4195", "/rtc/livekit/get_token"


class CallsOfServers:
    def __init__(self, sfus: Sfus, tokens: CallTokens, limits: RateLimits) -> None:
        self._sfus, self._tokens, self._limits = sfus, tokens, limits

    @endpoint(
        "POST",
        f"/_matrix/federation/v1{GET_TOKEN}",
        f"/_matrix/federation{UNSTABLE}{GET_TOKEN}",
        auth=SERVER_AUTH,
        api="federation",
    )
    async def get_token(self, request: Request) -> Answer:
        """Lets somebody of the asking server into a call of a room that they and somebody of here are in."""
        self._sfus.require_any()
        self._limits.check_server("call_from", request.origin)
        body = await request.body_as(ServerToken)
        user_id = body.user_id or (body.member.claimed_user_id if body.member is not None else None)
        if user_id is None:
            raise BadRequest("`user_id` is missing", "M_MISSING_PARAM")
        if domain_of(parse_user_id(user_id)) != request.origin:
            raise Forbidden("A server can ask this for its own users only")
        member_id, device_id = member_of(body)
        if device_id is None:
            identity = identity_of_member(user_id, member_id)
        else:
            identity = identity_of_device(user_id, device_id, member_id)
        found = [self._sfus.at(body.url)] if body.url is not None else self._sfus.of(request.destination)
        if not found:
            raise BadRequest("This server has no SFU", "M_INVALID_PARAM")
        jwt = await self._tokens.issue(found[0], Wanted(user_id, body.room_id, body.slot_id, identity, None))
        return {"jwt": jwt} if body.url is not None else {"jwt": jwt, "url": found[0].url}
