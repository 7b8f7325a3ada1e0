"""A LiveKit SFU: tokens for it, and what this server asks of it. Whatever is asked has a deadline."""

from __future__ import annotations

import asyncio
import importlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import aiohttp

from chappe.config import LiveKit
from chappe.matrix.errors import MatrixError

if TYPE_CHECKING:
    from livekit.api.room_service import RoomService
    from livekit.protocol.webhook import WebhookEvent

log = logging.getLogger(__name__)
T = TypeVar("T")
TOKEN_SECONDS = 300
# LiveKit gives those who are connected another token now and then, by which they come back after a break
LIVEKIT_TOKEN_SECONDS = 600
DEADLINE, AT_ONCE = 3.0, 50
EMPTY_SECONDS = 300  # for which a room waits for its first participant


class SfuAway(MatrixError):
    def __init__(self) -> None:
        super().__init__(502, "M_UNKNOWN", "The server for calls does not answer: please try again in a moment")


def _no_redirects() -> aiohttp.TraceConfig:
    """The library follows them, with our token; whom we ask is who the operator has named."""

    async def refuse(*_: object) -> None:
        raise aiohttp.ClientError("a redirect is not followed")

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(refuse)
    return tracing


@dataclass(frozen=True, slots=True)
class Entry:
    """Who may enter what, under which name. `publishes`: may be heard and seen."""

    alias: str
    identity: str
    publishes: bool


class Sfu:
    def __init__(self, settings: LiveKit, extra_ca_file: str | None) -> None:
        self.name, self.url, self.weight, self.region = settings.name, settings.url, settings.weight, settings.region
        self._settings, self._extra_ca_file = settings, extra_ca_file
        self._session: aiohttp.ClientSession | None = None
        self._service: RoomService | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)
        # when the node starts, for those who have an SFU: with the first call it would hold the event loop
        importlib.import_module("livekit.api.room_service")
        importlib.import_module("livekit.api.webhook")

    def serves(self, domain: str) -> bool:
        """Whether people of a hosted domain are heard and seen by it."""
        return not self._settings.domains or domain in self._settings.domains

    def token(self, entry: Entry) -> str:
        """It makes no room, whatever it is for: whoever may make rooms may delete them."""
        # here: the library takes 15 MB, which those without LiveKit need not give
        from livekit.api.access_token import AccessToken, VideoGrants

        grants = VideoGrants(
            room=entry.alias,
            room_join=True,
            room_create=False,
            can_publish=entry.publishes,
            can_publish_data=entry.publishes,
            can_subscribe=True,
            can_update_own_metadata=True,
        )
        token = AccessToken(self._settings.api_key, self._settings.api_secret).with_grants(grants)
        return token.with_identity(entry.identity).with_ttl(timedelta(seconds=TOKEN_SECONDS)).to_jwt()

    def webhook(self, body: bytes, authorization: str) -> WebhookEvent:
        """What LiveKit tells, where it is signed with our key. Raises M_UNAUTHORIZED (401) for anything else."""
        from livekit.api.access_token import TokenVerifier
        from livekit.api.webhook import WebhookReceiver

        verifier = TokenVerifier(self._settings.api_key, self._settings.api_secret)
        try:
            return WebhookReceiver(verifier).receive(body.decode(), authorization)
        except Exception:  # a token that is none, of another key, over, of another body: the library has no one name for it
            raise MatrixError(401, "M_UNAUTHORIZED", "This is not signed by the SFU") from None

    # --------------------------------------------------------------------------------------------- what it is asked

    async def create_room(self, alias: str) -> None:
        """Where there is one, it stays as it is. Raises SfuAway."""
        from livekit.protocol.room import CreateRoomRequest

        await self._ask(lambda s: s.create_room(CreateRoomRequest(name=alias, empty_timeout=EMPTY_SECONDS)))

    async def remove(self, alias: str, identity: str, now_ms: int) -> None:
        """Puts somebody out, if they are there. A LiveKit that can refuses from now on the tokens that they were given before.
        Raises SfuAway."""
        from livekit.protocol.room import RoomParticipantIdentity

        wanted = RoomParticipantIdentity(room=alias, identity=identity, revoke_token_ts=now_ms // 1000)
        await self._ask(lambda s: s.remove_participant(wanted), is_none="not_found")

    async def present(self, alias: str) -> Collection[str]:
        """The names of those who are in a room; none where there is no such room. Raises SfuAway."""
        from livekit.protocol.room import ListParticipantsRequest

        found = await self._ask(lambda s: s.list_participants(ListParticipantsRequest(room=alias)), is_none="not_found")
        return frozenset() if found is None else frozenset(one.identity for one in found.participants)

    async def _ask(self, call: Callable[[RoomService], Awaitable[T]], is_none: str = "") -> T | None:
        """`is_none`: the error code that is an answer."""
        from livekit.api.twirp_client import ServerError

        try:
            async with asyncio.timeout(DEADLINE), self._slots:
                return await call(self._open())
        except ServerError as error:
            if error.code == is_none:
                return None
            log.warning("LiveKit refused", extra={"fields": {"sfu": self.name, "code": str(error.code)[:100]}})
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            log.warning("LiveKit does not answer", extra={"fields": {"sfu": self.name, "error": type(error).__name__}})
        raise SfuAway

    def _open(self) -> RoomService:
        from livekit.api.room_service import RoomService

        if self._service is None:
            context = ssl.create_default_context()
            if self._extra_ca_file is not None:
                context.load_verify_locations(self._extra_ca_file)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit=AT_ONCE),
                timeout=aiohttp.ClientTimeout(total=DEADLINE),
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[_no_redirects()],
            )
            settings = self._settings
            url = settings.api_url or settings.url
            self._service = RoomService(self._session, url, settings.api_key, settings.api_secret, failover=False)
        return self._service

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
