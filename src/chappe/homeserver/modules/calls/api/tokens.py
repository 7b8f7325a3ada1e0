"""Tokens for SFUs by the client-server API (MSC4195): of this server, or of the server of whoever is to be heard."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.modules.calls.admission import CallAdmission
from chappe.homeserver.modules.calls.api.bodies import SlotToken, member_of
from chappe.homeserver.modules.calls.api.server_server import GET_TOKEN, UNSTABLE
from chappe.homeserver.modules.calls.names import identity_of_device, identity_of_member
from chappe.homeserver.modules.calls.sfu import Sfu
from chappe.homeserver.modules.calls.sfus import Sfus
from chappe.homeserver.modules.calls.tokens import CallTokens, Wanted
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.client import FederationClient, PeerRefused
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.identifiers import UserId, domain_of, parse_server_name

LONGEST_TOKEN, SECONDS = 8192, 10.0
_RELAYED = {"M_FORBIDDEN": 403, "M_INVALID_PARAM": 400}  # what the asker can do something about


def wanted_by(request: Request, body: SlotToken) -> Wanted:
    """Raises M_FORBIDDEN where another device is named than the one that asks."""
    member_id, device_id = member_of(body)
    if device_id is None:
        identity = identity_of_member(request.user_id, member_id)
    else:
        if request.requester.session is not None and device_id != request.requester.device_id:
            raise Forbidden("This is not your device")
        identity = identity_of_device(request.user_id, device_id, member_id)
    return Wanted(request.user_id, body.room_id, body.slot_id, identity, request.requester.session)


def sfu_of(sfus: Sfus, domain: str, url: str | None) -> Sfu:
    """Raises M_INVALID_PARAM for one that is not ours; of those that are, whoever asks for none gets the domain's first."""
    if url is not None:
        return sfus.at(url)
    if not (found := sfus.of(domain)):
        raise BadRequest("This server has no SFU", "M_INVALID_PARAM")
    return found[0]


class CallTokensApi:
    def __init__(
        self, sfus: Sfus, tokens: CallTokens, admission: CallAdmission, domains: Domains, rooms: Rooms, client: FederationClient
    ) -> None:
        self._sfus, self._tokens, self._admission = sfus, tokens, admission
        self._domains, self._rooms, self._client = domains, rooms, client

    @endpoint(
        "POST",
        f"/_matrix/client/v1{GET_TOKEN}",
        f"/_matrix/client{UNSTABLE}{GET_TOKEN}",
        acts=True,
        limit="call",
        features=("io.element.msc4195",),
    )
    async def get_token(self, request: Request) -> Answer:
        """Lets somebody into a call, here or on the server of somebody who is in it."""
        body = await request.body_as(SlotToken)
        own = domain_of(request.user_id)
        server = own if body.server_name is None else parse_server_name(body.server_name)
        if not self._domains.is_hosted(server):
            return await self._elsewhere(request.user_id, server, body)
        self._sfus.require_any()
        sfu = sfu_of(self._sfus, server, body.url)
        jwt = await self._tokens.issue(sfu, wanted_by(request, body))
        return {"jwt": jwt} if body.url is not None else {"jwt": jwt, "url": sfu.url}

    async def _elsewhere(self, user_id: UserId, server: str, body: SlotToken) -> Answer:
        """Only servers that are in the room are asked, for people who may be in the call.

        Raises M_FORBIDDEN and M_INVALID_PARAM as the other server says so, M_UNKNOWN (502) for whatever else it says."""
        await self._admission.require(user_id, body.room_id)
        room = await self._rooms.require_joined(user_id, body.room_id)
        if server not in self._rooms.servers.others(room):
            raise Forbidden("Nobody of this server is in the room")
        content: dict[str, Any] = {"user_id": user_id, "room_id": body.room_id, "slot_id": body.slot_id}
        if body.url is not None:
            content["url"] = body.url
        member_id, device_id = member_of(body)
        if device_id is None:
            content["member_id"] = member_id
        else:
            content["member"] = {"id": member_id, "claimed_user_id": user_id, "claimed_device_id": device_id}
        answer = await self._ask(domain_of(user_id), server, content)
        found = {name: answer.get(name) for name in ("jwt", "url")} if type(answer) is dict else {}
        jwt, url = found.get("jwt"), found.get("url")
        if type(jwt) is not str or len(jwt) > LONGEST_TOKEN:
            raise MatrixError(502, "M_UNKNOWN", f"{server} has given no token")
        return {"jwt": jwt, "url": url} if body.url is None and type(url) is str and len(url) <= 1024 else {"jwt": jwt}

    async def _ask(self, own: str, server: str, content: dict[str, Any]) -> Any:
        for prefix in (UNSTABLE, "/v1"):
            try:
                return await self._client.request(
                    own, server, "POST", f"/_matrix/federation{prefix}{GET_TOKEN}", content=content, seconds=SECONDS
                )
            except PeerRefused as error:
                if error.errcode == "M_UNRECOGNIZED" and prefix == UNSTABLE:
                    continue
                if _RELAYED.get(error.errcode) == error.peer_status:
                    raise MatrixError(error.peer_status, error.errcode, f"{server} does not let you in") from None
                raise MatrixError(502, "M_UNKNOWN", f"{server} has given no token") from None
        raise MatrixError(502, "M_UNKNOWN", f"{server} has given no token")
