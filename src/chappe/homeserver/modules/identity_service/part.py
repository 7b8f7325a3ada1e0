"""The identity service as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chappe.homeserver.accounts.account_states import End, of_user
from chappe.homeserver.actions.exchange_invites import ExchangeInvites
from chappe.homeserver.modules.identity_service.api import IdentityAccounts, IdentityAddresses
from chappe.homeserver.modules.identity_service.identity_service import IdentityServer
from chappe.homeserver.modules.identity_service.tables import TABLES
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient
from chappe.homeserver.outbound.fetchers import PreviewFetcher
from chappe.homeserver.part import Job, Part
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.remote.residence import Residence
from chappe.homeserver.rooms.rooms import Rooms

PRUNE_EVERY = 600  # seconds


def exchange_invites(
    rooms: Rooms,
    membership: MembershipChanges,
    residence: Residence,
    invites: ThirdPartyInvites,
    client: FederationClient,
    domains: Domains,
    boundaries: Boundaries,
    fetcher: PreviewFetcher,
) -> ExchangeInvites:
    return ExchangeInvites(rooms, membership, residence, invites, client, domains, boundaries, fetcher)


def runs(identity: IdentityServer) -> Iterator[Job]:
    yield Job("identity-service tokens", PRUNE_EVERY, identity.prune, cannot_be_undone=True)


def ends(identity: IdentityServer) -> Mapping[str, End]:
    return {"identity-service tokens": of_user(identity.end_all)}


PART = Part(
    "identity service",
    gives=(IdentityServer, exchange_invites),
    endpoints=(IdentityAccounts, IdentityAddresses),
    tables=TABLES,
    runs=runs,
    ends=ends,
)
