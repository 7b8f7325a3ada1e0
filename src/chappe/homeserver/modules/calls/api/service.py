"""The token service as clients of today ask it (`livekit_service_url`): an address of its own for each SFU, and LiveKit's webhooks."""

from __future__ import annotations

from chappe.homeserver.actions.ask_servers import AskServers
from chappe.homeserver.actions.delegate_leave import DelegateLeave
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, Answer, endpoint
from chappe.homeserver.modules.calls.api.bodies import DelegateByToken, Delegation, GetToken, OpenIdToken, SfuGet
from chappe.homeserver.modules.calls.names import DEFAULT_SLOT, identity_of_device, plain_identity
from chappe.homeserver.modules.calls.news import CallNews
from chappe.homeserver.modules.calls.participants import Place
from chappe.homeserver.modules.calls.sfu import Sfu
from chappe.homeserver.modules.calls.sfus import SERVICE, Sfus
from chappe.homeserver.modules.calls.tokens import CallTokens, Session, Wanted
from chappe.homeserver.modules.openid.openid import OpenId
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.identifiers import domain_of, is_room_id, parse_server_name

NOT_IN_ROOM = "You are not in this room"


class CallService:
    def __init__(
        self,
        sfus: Sfus,
        tokens: CallTokens,
        openid: OpenId,
        ask_servers: AskServers,
        rooms: Rooms,
        domains: Domains,
        limits: RateLimits,
        news: CallNews,
        delegate: DelegateLeave,
    ) -> None:
        self._delegate = delegate
        self._sfus, self._tokens, self._openid, self._ask_servers = sfus, tokens, openid, ask_servers
        self._rooms, self._domains, self._limits, self._news = rooms, domains, limits, news

    @endpoint("POST", SERVICE + "/sfu/get", auth=NO_AUTH, limit="call_network")
    async def sfu_get(self, request: Request) -> Answer:
        """Lets somebody in by the name of their device."""
        sfu, body = self._sfus.named(request.params["sfu"]), await request.body_as(SfuGet)
        user_id, session = await self._proven(body.openid_token, body.room, body.device_id)
        identity = plain_identity(user_id, body.device_id)
        return await self._let_in(sfu, Wanted(user_id, body.room, DEFAULT_SLOT, identity, session), body)

    @endpoint("POST", SERVICE + "/get_token", auth=NO_AUTH, limit="call_network")
    async def get_token(self, request: Request) -> Answer:
        """Lets somebody in by a name that says nothing."""
        sfu, body = self._sfus.named(request.params["sfu"]), await request.body_as(GetToken)
        return await self._let_in(sfu, await self._wanted(body), body)

    @endpoint("POST", SERVICE + "/delegate_delayed_leave", auth=NO_AUTH, limit="call_network")
    async def delegate(self, request: Request) -> Answer:
        """Takes somebody's leave over. Whoever only looks whether this is there shows nothing, and is told that it is (401)."""
        sfu = self._sfus.named(request.params["sfu"])
        if "openid_token" not in await request.json_object(optional=True):
            raise MatrixError(401, "M_MISSING_TOKEN", "`openid_token` is missing")
        body = await request.body_as(DelegateByToken)
        wanted = await self._wanted(body)
        self._require_own(wanted)
        await self._delegate(sfu, wanted, body.delay_id)
        return {}

    @endpoint("POST", SERVICE + "/sfu_webhook", auth=NO_AUTH)
    async def webhook(self, request: Request) -> Answer:
        """Takes what LiveKit tells: somebody has come in, or gone."""
        sfu = self._sfus.named(request.params["sfu"])
        event = sfu.webhook(await request.body(), request.header(b"authorization") or "")
        if event.event == "participant_joined":
            self._news.has_come()
        elif event.event == "participant_left":
            self._news.has_left(Place(sfu.name, event.room.name, event.participant.identity))
        return {}

    async def _let_in(self, sfu: Sfu, wanted: Wanted, body: Delegation) -> Answer:
        """Clients hand a leave over by asking for another token with it."""
        jwt = await self._tokens.issue(sfu, wanted)
        if body.delay_id is not None:
            self._require_own(wanted)
            await self._delegate(sfu, wanted, body.delay_id)
        return {"url": sfu.url, "jwt": jwt}

    def _require_own(self, wanted: Wanted) -> None:
        if not self._domains.is_hosted(domain_of(wanted.user_id)):
            raise Forbidden("Leave it with your own server")

    async def _wanted(self, body: GetToken | DelegateByToken) -> Wanted:
        member = body.member
        if member.claimed_device_id is None:
            raise BadRequest("`member.claimed_device_id` is missing", "M_MISSING_PARAM")
        user_id, session = await self._proven(body.openid_token, body.room_id, member.claimed_device_id)
        if member.claimed_user_id != user_id:
            raise Forbidden("You are not who you claim to be")
        identity = identity_of_device(user_id, member.claimed_device_id, member.id)
        return Wanted(user_id, body.room_id, body.slot_id, identity, session)

    async def _proven(self, token: OpenIdToken, room_id: str, device_id: str) -> tuple[str, Session | None]:
        """Whose token it is, and their session if it is of here. Another server is asked only where it is in the room already.

        Raises M_UNAUTHORIZED, M_UNKNOWN_TOKEN (401); M_FORBIDDEN, also where there is no such room."""
        server = parse_server_name(token.matrix_server_name)
        if self._domains.is_hosted(server):
            proven = await self._openid.proven_by(token.access_token)
            user_id = proven.user_id
            if proven.device_id is not None and proven.device_id != device_id:
                raise Forbidden("This token was given to another device")
            session = None if proven.device_id is None else (user_id, proven.device_id)
            self._limits.check("call", user_id)
        else:
            room = await self._rooms.live.find(room_id) if is_room_id(room_id) else None
            if room is None or server not in self._rooms.servers.others(room):
                raise Forbidden(NOT_IN_ROOM)
            if ":" in device_id or "\0" in device_id:  # or one server's user would be called as another's
                raise BadRequest("The device id is malformed", "M_INVALID_PARAM")
            self._limits.check_server("call_from", server)
            user_id, session = await self._ask_servers.openid_user(server, token.access_token), None
        if domain_of(user_id) != server:
            raise MatrixError(401, "M_UNAUTHORIZED", "This token was given by another server")
        return user_id, session
