"""A gateway, put together from its parts. `start` … `stop`."""

from __future__ import annotations

import asyncio

from chappe.config import GatewaySettings
from chappe.homeserver.api.federation.keys_server import KeysServer
from chappe.homeserver.api.federation.query import FederationQuery
from chappe.homeserver.api.federation.room_events import RoomEvents
from chappe.homeserver.api.federation.room_handshakes import RoomHandshakes
from chappe.homeserver.api.federation.third_party_invite import ThirdPartyInviteApi
from chappe.homeserver.api.federation.transactions import Transactions
from chappe.homeserver.api.federation.version import Version
from chappe.homeserver.api.well_known.wellknown import WellKnown
from chappe.homeserver.database.server_time import wall_now_ms
from chappe.homeserver.gateway.incoming import Incoming, PinnedAuthentication, nobody
from chappe.homeserver.gateway.outgoing import OutgoingProxy
from chappe.homeserver.http.application import AccessLog, AdminDoor, Application
from chappe.homeserver.http.peer_budgets import PeerBudgets
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.router import Router, endpoints_of
from chappe.homeserver.http.server import Listener
from chappe.homeserver.http.unread import UnreadAnswers
from chappe.homeserver.modules.end_to_end_encryption.api.user_keys import UserKeys
from chappe.homeserver.modules.media.api.for_servers import FederationMedia
from chappe.homeserver.modules.room_directory.api import PublicRoomsForServers
from chappe.homeserver.modules.spaces.api import SpacesForServers
from chappe.homeserver.modules.user_directory.api.for_servers import PeopleForServers
from chappe.telemetry import Metrics

KNOWN = (
    PublicRoomsForServers,
    SpacesForServers,
    KeysServer,
    FederationMedia,
    FederationQuery,
    RoomEvents,
    RoomHandshakes,
    ThirdPartyInviteApi,
    Transactions,
    PeopleForServers,
    UserKeys,
    Version,
    WellKnown,
)


class Gateway:
    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._incoming = Incoming(settings)
        self._outgoing = OutgoingProxy(settings.outgoing, settings) if settings.outgoing is not None else None
        self._closing = asyncio.Event()
        self.listeners: list[Listener] = []
        self.proxy_port: int | None = None

    async def start(self) -> None:
        router = Router(self._incoming.routes([e for kind in KNOWN for e in endpoints_of(kind)]))
        application = Application(
            router,
            nobody,
            RateLimits({}),
            Metrics(),
            AccessLog(self._settings.access_log),
            self._closing,
            PinnedAuthentication(self._settings),
            PeerBudgets(),
            wall_now_ms,
            UnreadAnswers(64 << 20, 1 << 30),
            is_current=lambda _requester: False,
            admin_door=AdminDoor(),
            is_public=True,
        )
        for one in self._settings.listeners:
            listener = Listener(application, one.address, one.port, one.tls_certificate, one.tls_key, one.proxies)
            self.listeners.append(listener)
            await listener.start()
        if self._outgoing is not None:
            self.proxy_port = await self._outgoing.start()

    async def stop(self) -> None:
        self._closing.set()
        await asyncio.gather(*(listener.stop() for listener in self.listeners))
        if self._outgoing is not None:
            await self._outgoing.stop()
        await self._incoming.close()
