"""The identity service as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chappe.homeserver.accounts.account_states import End, of_user
from chappe.homeserver.actions.exchange_invites import ExchangeInvites
from chappe.homeserver.modules.identity_service.api import IdentityAccounts, IdentityAddresses
from chappe.homeserver.modules.identity_service.identity_service import IdentityServer
from chappe.homeserver.modules.identity_service.tables import TABLES
from chappe.homeserver.part import Job, Part

PRUNE_EVERY = 600  # seconds


def runs(identity: IdentityServer) -> Iterator[Job]:
    yield Job("identity-service tokens", PRUNE_EVERY, identity.prune, cannot_be_undone=True)


def ends(identity: IdentityServer) -> Mapping[str, End]:
    return {"identity-service tokens": of_user(identity.end_all)}


PART = Part(
    "identity service",
    gives=(IdentityServer, ExchangeInvites),
    endpoints=(IdentityAccounts, IdentityAddresses),
    tables=TABLES,
    runs=runs,
    ends=ends,
)
