"""The parts of the public-sector layer, read top-down. They follow those of the homeserver, and replace what it asks a layer above."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.agency.account_validity import AccountValidity
from chappe.agency.account_validity_api import AccountValidityApi
from chappe.agency.announcements import Announcements
from chappe.agency.antivirus import part as antivirus
from chappe.agency.audit import Audit, AuditApi, AuditTrail
from chappe.agency.audit_ledger import audit_files
from chappe.agency.console import part as console
from chappe.agency.former_accounts import FormerAccounts
from chappe.agency.function_accounts import FunctionAccounts, FunctionAccountsApi
from chappe.agency.guest_access import GuestAccess, GuestAccessApi
from chappe.agency.guest_cards import GuestCards
from chappe.agency.guest_homes import GuestHomes, GuestHomesApi
from chappe.agency.guests import Guests
from chappe.agency.info import OrganisationInfo
from chappe.agency.legal_holds import LegalHolds
from chappe.agency.organisations import Organisations
from chappe.agency.people import People
from chappe.agency.policy import AgencyPolicy
from chappe.agency.read_guard import ReadGuard
from chappe.agency.read_guard_api import ReadGuardApi
from chappe.agency.reading_policy import ReadingPolicy
from chappe.agency.records import part as records
from chappe.agency.retention import Retention
from chappe.agency.room_policy import Asked, RoomPolicy
from chappe.agency.rules_api import RulesApi
from chappe.agency.sponsors import Sponsors
from chappe.agency.sponsors_api import SponsorsApi
from chappe.agency.statistics import Statistics
from chappe.agency.tables import TABLES
from chappe.agency.ways_to_act import ends_of_layer
from chappe.config import AccountValidity as ValiditySettings
from chappe.config import Administration as Settings
from chappe.config import Agency, Config
from chappe.config import ReadGuard as GuardSettings
from chappe.homeserver.accounts.account_states import AccountStates
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.application import AdminDoor
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.modules.critical_acts.critical_acts import CriticalActs
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.homeserver.part import DataFolder, Job, Part
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.holds import Holds
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms

SHORT, MINUTE, TEN_MINUTES, HOUR = 2, 60, 600, 3600  # seconds between two looks
GUARD_EVERY, STATISTICS_EVERY = 5, 300


# ------------------------------------------------------------------------------------------- whatever is configured


def holds(holds: LegalHolds) -> Holds:
    return holds


def audit(database: Database, now_ms: NowMs, settings: Settings, folder: DataFolder) -> Audit:
    return Audit(database, now_ms, *audit_files(settings, folder))


def admin_door(audit: Audit, acts: CriticalActs) -> AdminDoor:
    return AuditTrail(audit, acts)


def audit_api(audit: Audit, holds: LegalHolds) -> AuditApi:
    return AuditApi(audit, holds.untold)


LAW = Part("legal holds", gives=(LegalHolds,), replaces=(holds,), tables=TABLES)
AUDIT = Part("audit", gives=(audit,), replaces=(admin_door,), endpoints=(audit_api,))


# ------------------------------------------------------------------------------------------------ account validity


def validity(
    database: Database,
    accounts: Accounts,
    mail: MailQueue,
    settings: ValiditySettings,
    public_url: PublicUrl,
    deactivate: DeactivateAccount,
    now_ms: NowMs,
) -> AccountValidity:
    return AccountValidity(database, accounts, mail, settings, public_url.for_domain, deactivate, now_ms)


def validity_runs(validity: AccountValidity) -> Iterator[Job]:
    yield Job("account validity", TEN_MINUTES, validity.enforce_periods, cannot_be_undone=True)


VALIDITY = Part("account validity", gives=(validity,), endpoints=(AccountValidityApi,), runs=validity_runs)


# ---------------------------------------------------------------------------------------------- who reads very much


def read_policy(policy: ReadingPolicy) -> Policy:
    return policy


def guard(
    database: Database,
    rooms: Rooms,
    policy: ReadingPolicy,
    settings: GuardSettings,
    now_ms: NowMs,
    states: AccountStates,
    accounts: Accounts,
    standings: Standings,
) -> ReadGuard:
    async def challenge(user_id: str) -> None:
        await states.enter(user_id, AccountState.CHALLENGED)

    async def freeze(user_id: str) -> None:
        await accounts.set_state(user_id, locked=True)

    return ReadGuard(database, rooms, policy, settings, now_ms, challenge, freeze, standings.accountable)


def guard_runs(guard: ReadGuard) -> Iterator[Job]:
    yield Job("read guard", GUARD_EVERY, guard.save, is_per_process=True)


READING = Part("reading", gives=(ReadingPolicy,), replaces=(read_policy,))
GUARD = Part("read guard", gives=(guard,), endpoints=(ReadGuardApi,), runs=guard_runs)


# ----------------------------------------------------------------------------------------------------- organisations


def policy(policy: AgencyPolicy) -> Policy:
    return policy


def reading_policy(policy: AgencyPolicy) -> ReadingPolicy:
    return policy


def room_policy(policy: AgencyPolicy) -> RoomPolicy:
    return policy


def organisations(policy: AgencyPolicy) -> Organisations:
    return policy.organisations


def guests(policy: AgencyPolicy) -> Guests:
    return policy.guests


def statistics_runs(statistics: Statistics) -> Iterator[Job]:
    yield Job("statistics", STATISTICS_EVERY, statistics.write_figures)


POLICY = Part(
    "policy of administrations",
    gives=(Statistics, AgencyPolicy, Asked, reading_policy, room_policy, organisations, guests),
    replaces=(policy,),
    endpoints=(OrganisationInfo, RulesApi),
    runs=statistics_runs,
)


# ------------------------------------------------------------------------------------------------------------ people


def guest_cards(sponsors: Sponsors, guests: Guests, accounts: Accounts, rooms: Rooms) -> GuestCards:
    return GuestCards(sponsors, guests, accounts, rooms.memberships)


def sponsors(
    database: Database,
    accounts: Accounts,
    rooms: Rooms,
    guests: Guests,
    organisations: Organisations,
    mail: MailQueue,
    settings: Agency,
    set_name: SetProfileField,
    deactivate: DeactivateAccount,
    now_ms: NowMs,
) -> Sponsors:
    memberships = rooms.memberships
    return Sponsors(database, accounts, memberships, guests, organisations, mail, settings, set_name, deactivate, now_ms)


def former_accounts(
    database: Database,
    accounts: Accounts,
    bind_threepid: BindThreepid,
    deactivate: DeactivateAccount,
    policy: AgencyPolicy,
    settings: Agency,
    now_ms: NowMs,
) -> FormerAccounts:
    days = settings.former_profile_days
    return FormerAccounts(database, accounts, bind_threepid, deactivate, policy.guests, policy.is_invited, days, now_ms)


def guest_access(rooms: Rooms, membership: MembershipChanges, policy: AgencyPolicy, mail: MailQueue) -> GuestAccess:
    return GuestAccess(rooms, membership, policy, lambda name: mail.brand(name).language)


def people_run(
    people: People, sponsors: Sponsors, homes: GuestHomes, functions: FunctionAccounts, former: FormerAccounts
) -> Iterator[Job]:
    yield Job("people", MINUTE, people.follow_registry)
    yield Job("guests", MINUTE, sponsors.tend_guests, cannot_be_undone=True)
    yield Job("guests elsewhere", TEN_MINUTES, homes.ask_homes)
    yield Job("duty accounts", MINUTE, functions.end_unused_turns, cannot_be_undone=True)
    yield Job("former accounts", HOUR, former.prune, cannot_be_undone=True)


PEOPLE = Part(
    "people of administrations",
    gives=(sponsors, guest_cards, People, GuestHomes, FunctionAccounts, former_accounts, guest_access),
    endpoints=(FunctionAccountsApi, GuestHomesApi, GuestAccessApi, SponsorsApi),
    runs=people_run,
    ends=ends_of_layer,
)


# ------------------------------------------------------------------------------------------------------------- rooms


def retention(
    database: Database,
    rooms: Rooms,
    writer: GroupWriter,
    media: ContentRepository,
    holds: LegalHolds,
    policy: AgencyPolicy,
    settings: Agency,
    now_ms: NowMs,
) -> Retention:
    rules = settings.retention
    limits = [d for d in (rules.forum_days, rules.private_days, rules.open_days, rules.direct_days) if d]
    return Retention(database, rooms, writer, media, holds, policy.keeps_for, min(limits, default=None), now_ms)


def rooms_run(retention: Retention, announcements: Announcements) -> Iterator[Job]:
    yield Job("retention", TEN_MINUTES, retention.erase_old_messages, cannot_be_undone=True)
    yield Job("announcements", SHORT, announcements.send_waiting)


ROOMS = Part("rooms of administrations", gives=(retention, Announcements), runs=rooms_run)


# ---------------------------------------------------------------------------------------------------------- the list


def layer(config: Config) -> tuple[Part, ...]:
    """What the layer adds to a node of this configuration."""
    return (
        LAW,
        AUDIT,
        antivirus.PROXY,
        *((antivirus.ANTIVIRUS,) if config.antivirus.engine is not None else ()),
        *((VALIDITY,) if config.account_validity.period_days else ()),
        *((POLICY, PEOPLE, ROOMS, records.PART, console.PART) if config.agency.enabled else (READING,)),
        *((GUARD,) if config.read_guard.enabled else ()),
    )
