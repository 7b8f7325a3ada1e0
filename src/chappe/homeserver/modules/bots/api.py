"""Bots and webhooks (`/_chappe/client/v1`, `/_chappe/hooks`): not in the specification."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from chappe.homeserver.accounts.endings import THEMSELVES
from chappe.homeserver.accounts.fresh_proof import FreshProof
from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.bots.bots import Bots
from chappe.homeserver.modules.bots.webhooks import Post, WebhookDraft, Webhooks
from chappe.matrix.identifiers import parse_room_id

_V1 = "/_chappe/client/v1"
_HOOK: dict[str, Any] = {"body_limit": 12 << 20, "body_reason": "a message with a file in base64"}


class NewBot(msgspec.Struct):
    name: str
    purpose: str
    rooms: list[str] | None = None
    expires_ts: Annotated[int, Meta(ge=0)] | None = None
    localpart: str | None = None


class NewWebhook(msgspec.Struct):
    direction: Literal["incoming", "outgoing"]
    name: str
    purpose: str
    url: str | None = None
    types: tuple[str, ...] = ("m.room.message",)
    expires_ts: Annotated[int, Meta(ge=0)] | None = None


class BotsApi:
    """What acts beside its owner's devices, and after them, is made with a fresh proof."""

    def __init__(
        self, bots: Bots, webhooks: Webhooks, deactivate: DeactivateAccount, uia: UserInteractiveAuth, limits: RateLimits
    ) -> None:
        self._bots, self._webhooks, self._deactivate, self._uia, self._limits = bots, webhooks, deactivate, uia, limits

    async def _require_maker(self, request: Request, purpose: str) -> FreshProof:
        await self._bots.require_may_own(request.user_id)  # nobody proves who they are for nothing
        return await self._uia.require_owner(request, purpose, await request.json_object(optional=True))

    @endpoint("GET", _V1 + "/bots")
    async def list(self, request: Request) -> Answer:
        return {"bots": await self._bots.list(request.user_id)}

    @endpoint("POST", _V1 + "/bots", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def create(self, request: Request) -> Answer:
        body = await request.body_as(NewBot)
        proof = await self._require_maker(request, "make_bot")
        return await self._bots.create(proof, body.name, body.purpose, body.rooms, body.expires_ts, body.localpart)

    @endpoint("POST", _V1 + "/bots/{userId}/token", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def new_token(self, request: Request) -> Answer:
        bot = await self._bots.require_own(request.user_id, request.params["userId"])
        return await self._bots.new_token(await self._require_maker(request, f"bot_token {bot}"), bot)

    @endpoint("DELETE", _V1 + "/bots/{userId}")
    async def delete(self, request: Request) -> Answer:
        await self._deactivate(await self._bots.require_own(request.user_id, request.params["userId"]), False, THEMSELVES)
        return {}

    @endpoint("GET", _V1 + "/rooms/{roomId}/webhooks")
    async def hooks(self, request: Request) -> Answer:
        return {"webhooks": await self._webhooks.list(request.user_id, parse_room_id(request.params["roomId"]))}

    @endpoint("POST", _V1 + "/rooms/{roomId}/webhooks", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def create_hook(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        await self._webhooks.require_moderator(request.user_id, room_id)
        body = await request.body_as(NewWebhook)
        wanted = WebhookDraft(body.direction, body.name, body.purpose, body.url, body.types, body.expires_ts)
        return await self._webhooks.create(await self._require_maker(request, f"make_webhook {room_id}"), room_id, wanted)

    @endpoint("POST", _V1 + "/rooms/{roomId}/webhooks/{webhookId}/enable", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def enable_hook(self, request: Request) -> Answer:
        room_id, hook = parse_room_id(request.params["roomId"]), request.params["webhookId"]
        await self._webhooks.require_moderator(request.user_id, room_id)
        await self._webhooks.enable(await self._require_maker(request, f"enable_webhook {hook}"), room_id, hook)
        return {}

    @endpoint("DELETE", _V1 + "/rooms/{roomId}/webhooks/{webhookId}")
    async def delete_hook(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        bot = await self._webhooks.delete(request.user_id, room_id, request.params["webhookId"])
        if bot is not None:
            await self._deactivate(bot, False, THEMSELVES)
        return {}

    @endpoint("POST", "/_chappe/hooks/{webhookId}/{secret}", auth=NO_AUTH, **_HOOK)
    async def post(self, request: Request) -> Answer:
        self._limits.check("webhook_address", request.network)
        hook = await self._webhooks.incoming(request.params["webhookId"], request.params["secret"])
        self._limits.check("webhook", hook.id)
        return {"event_id": await self._webhooks.post(hook, await request.body_as(Post))}
