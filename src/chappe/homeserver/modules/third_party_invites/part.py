"""Invitations by address as a part of a node."""

from __future__ import annotations

from collections.abc import Mapping

from chappe.config import Config
from chappe.homeserver.accounts.account_states import End, of_user
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.secrets import Secrets
from chappe.homeserver.modules.third_party_invites.api import IdentityKeys, WaitingInvitations
from chappe.homeserver.modules.third_party_invites.links import InvitationLinks
from chappe.homeserver.modules.third_party_invites.tables import TABLES
from chappe.homeserver.modules.third_party_invites.third_party_invites import FRAGMENT, ThirdPartyInvites
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.homeserver.part import Part
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms


def third_party_invites(
    database: Database,
    writer: GroupWriter,
    accounts: AccountStore,
    rooms: Rooms,
    membership: MembershipChanges,
    domains: Domains,
    config: Config,
    mail: MailQueue,
    standings: Standings,
    secrets: Secrets,
) -> ThirdPartyInvites:
    writer.register(FRAGMENT)
    links = InvitationLinks(secrets.browser, rooms.now_ms)
    return ThirdPartyInvites(database, accounts, rooms, membership, domains, config.public_url, mail, standings, links)


def ends(invites: ThirdPartyInvites) -> Mapping[str, End]:
    return {"invitations by address": of_user(invites.forget_sender)}


PART = Part(
    "invitations by address",
    gives=(third_party_invites,),
    endpoints=(IdentityKeys, WaitingInvitations),
    tables=TABLES,
    ends=ends,
)
