"""Other servers, as whoever asks them sees them, as a part of a node."""

from __future__ import annotations

from chappe.config import Config, Federation
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient
from chappe.homeserver.outbound.federation.dns import srv
from chappe.homeserver.outbound.federation.keyring import Keyring
from chappe.homeserver.outbound.federation.outbox import Outbox
from chappe.homeserver.outbound.federation.queries import Queries
from chappe.homeserver.outbound.federation.tables import TABLES
from chappe.homeserver.part import Part
from chappe.net.breaker import Breaker


def breaker(now_ms: NowMs) -> Breaker:
    return Breaker(now_ms)


def client(
    domains: Domains, settings: Federation, boundaries: Boundaries, breaker: Breaker, now_ms: NowMs, config: Config
) -> FederationClient:
    return FederationClient(domains, settings, boundaries, breaker, srv, now_ms, config.extra_ca_file)


def keyring(
    database: Database, domains: Domains, client: FederationClient, settings: Federation, now_ms: NowMs, tasks: Tasks
) -> Keyring:
    return Keyring(database, domains, client, settings.notaries, now_ms, tasks)


async def close(client: FederationClient) -> None:
    await client.close()


PART = Part("other servers", gives=(Boundaries, breaker, client, Queries, Outbox, keyring), tables=TABLES, closes=close)
