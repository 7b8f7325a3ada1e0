"""The identity service as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chappe.config import IdentityService
from chappe.homeserver.accounts.account_states import End, of_user
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.actions.exchange_invites import ExchangeInvites
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.identity_service.api.accounts import IdentityAccounts
from chappe.homeserver.modules.identity_service.api.addresses import IdentityAddresses
from chappe.homeserver.modules.identity_service.identity_service import CONSEQUENCE, IdentityServer
from chappe.homeserver.modules.identity_service.tables import TABLES
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.part import Job, Part
from chappe.homeserver.rooms.sight import Sight

PRUNE_EVERY = 600  # seconds


def identity_server(
    database: Database,
    writer: GroupWriter,
    accounts: AccountStore,
    domains: Domains,
    standings: Standings,
    sight: Sight,
    settings: IdentityService,
    now_ms: NowMs,
) -> IdentityServer:
    writer.register_consequences(CONSEQUENCE)
    return IdentityServer(database, accounts, domains, standings, sight, settings, now_ms)


def runs(identity: IdentityServer) -> Iterator[Job]:
    yield Job("identity-service tokens", PRUNE_EVERY, identity.prune, cannot_be_undone=True)


def ends(identity: IdentityServer) -> Mapping[str, End]:
    return {"identity-service tokens": of_user(identity.end_all)}


PART = Part(
    "identity service",
    gives=(identity_server, ExchangeInvites),
    endpoints=(IdentityAccounts, IdentityAddresses),
    tables=TABLES,
    runs=runs,
    ends=ends,
)
