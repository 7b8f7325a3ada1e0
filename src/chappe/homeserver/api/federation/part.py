"""What other servers are answered, where no feature does it, as a part of a node."""

from __future__ import annotations

from chappe.homeserver.actions.early_receipts import EarlyReceipts
from chappe.homeserver.actions.receive_edus import ReceiveEdus
from chappe.homeserver.api.federation.authentication import ServerAuthentication
from chappe.homeserver.api.federation.keys_query import ServerKeysQuery
from chappe.homeserver.api.federation.keys_server import KeysServer
from chappe.homeserver.api.federation.query import FederationQuery
from chappe.homeserver.api.federation.room_events import RoomEvents
from chappe.homeserver.api.federation.room_handshakes import RoomHandshakes
from chappe.homeserver.api.federation.third_party_invite import ThirdPartyInviteApi
from chappe.homeserver.api.federation.transactions import Transactions
from chappe.homeserver.api.federation.version import Version
from chappe.homeserver.http.peer_budgets import PeerBudgets
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.keyring import Keyring
from chappe.homeserver.part import Part
from chappe.net.breaker import Breaker


def authentication(
    domains: Domains, keyring: Keyring, boundaries: Boundaries, breaker: Breaker, limits: RateLimits
) -> ServerAuthentication:
    return ServerAuthentication(domains, keyring, boundaries, breaker.alive, limits)


def keys_server(own: KeysServer) -> KeysServer:
    return own


PART = Part(
    "server-server API",
    gives=(authentication, PeerBudgets, KeysServer, EarlyReceipts, ReceiveEdus),
    endpoints=(
        keys_server,
        ServerKeysQuery,
        Version,
        FederationQuery,
        Transactions,
        RoomHandshakes,
        RoomEvents,
        ThirdPartyInviteApi,
    ),
)
