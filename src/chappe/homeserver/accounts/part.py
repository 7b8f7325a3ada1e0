"""Accounts, the ways to sign in and to act, as a part of a node."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator, Mapping

from chappe.config import Config, SecondFactor, Shares
from chappe.config import Passwords as PasswordRules
from chappe.config import Registration as RegistrationSettings
from chappe.homeserver.accounts.account_states import AccountStateEntry, AccountStates, End, of_user
from chappe.homeserver.accounts.accounts import Accounts, NoticesAccount
from chappe.homeserver.accounts.api.account import Account
from chappe.homeserver.accounts.api.admin import Admin
from chappe.homeserver.accounts.api.administrative_contact import AdministrativeContact
from chappe.homeserver.accounts.api.device_management import DeviceManagement
from chappe.homeserver.accounts.api.login import Login
from chappe.homeserver.accounts.api.oauth import OAuthApi
from chappe.homeserver.accounts.api.profile import Profile
from chappe.homeserver.accounts.api.registration import Registration
from chappe.homeserver.accounts.api.rendezvous import RendezvousApi
from chappe.homeserver.accounts.api.shared_secret import SharedSecretRegistration
from chappe.homeserver.accounts.application_services import ApplicationServices, load_application_services
from chappe.homeserver.accounts.bridges import Bridges
from chappe.homeserver.accounts.browser_sessions import BrowserSessions
from chappe.homeserver.accounts.fragments import FRAGMENTS
from chappe.homeserver.accounts.fresh_proof import OwnerMail
from chappe.homeserver.accounts.given_fields import GivenFields
from chappe.homeserver.accounts.login_tokens import LoginTokens
from chappe.homeserver.accounts.oauth.clients import Clients
from chappe.homeserver.accounts.oauth.grants import Grants
from chappe.homeserver.accounts.passwords import Passwords
from chappe.homeserver.accounts.profiles import Profiles
from chappe.homeserver.accounts.rendezvous import Rendezvous
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.accounts.session_store import DEVICES_REMOVED
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.single_sign_on.ldap import Directories
from chappe.homeserver.accounts.single_sign_on.providers import Providers
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.accounts.tables import TABLES
from chappe.homeserver.accounts.threepids import Threepids
from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.actions.reset_password import ResetPassword
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.actions.sign_in_upstream import CheckPassword, SignInUpstream
from chappe.homeserver.bus.erased import ErasedAuthors
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.secrets import Secrets
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.modules.critical_acts.proofs import OPEN, Proofs
from chappe.homeserver.outbound.application_service import ServiceCalls
from chappe.homeserver.outbound.bridged_aliases import BridgedAliases
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.fetchers import TrustedFetcher
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.homeserver.part import Job, Part

PRUNE_EVERY, LOOK_EVERY, SEEN_EVERY, ERASED_EVERY, RESUME_EVERY = 600, 10, 60, 5, 5  # seconds
PATIENCE = 10  # seconds for changes of names that go on while the node stops
MINUTE_MS = 60_000


def store(database: Database, writer: GroupWriter, secrets: Secrets) -> AccountStore:
    writer.register(*FRAGMENTS, DEVICES_REMOVED)
    return AccountStore(database, hashlib.sha256(b"lookup" + secrets.browser).hexdigest()[:24])


def passwords(rules: PasswordRules) -> Passwords:
    return Passwords(rules.memory_kib, rules.passes, rules.minimum_length, rules.requires)


def notices_account(config: Config) -> NoticesAccount:
    return NoticesAccount(config.server_notices_account)


def application_services(config: Config, domains: Domains) -> ApplicationServices:
    return load_application_services(config.application_services, config.server_name, domains.is_hosted)


def bridged_aliases(bridges: Bridges) -> BridgedAliases:
    return bridges


def sessions(
    store: AccountStore,
    writer: GroupWriter,
    clock: Clock,
    now_ms: NowMs,
    config: Config,
    services: ApplicationServices,
    standings: Standings,
    shares: Shares,
    tell_owner: OwnerMail,
) -> Sessions:
    lifetime_ms = config.access_token_minutes * MINUTE_MS
    return Sessions(store, writer, clock, now_ms, lifetime_ms, services, standings, shares.devices, tell_owner)


def second_factors(database: Database, now_ms: NowMs, settings: SecondFactor, tell_owner: OwnerMail) -> SecondFactors:
    return SecondFactors(database, now_ms, settings.required_domains, settings.required_for_admins, tell_owner)


def browser_sessions(database: Database, store: AccountStore, now_ms: NowMs, secrets: Secrets) -> BrowserSessions:
    return BrowserSessions(database, store, now_ms, secrets.browser)


def providers(database: Database, config: Config, fetcher: TrustedFetcher, now_ms: NowMs) -> Providers:
    return Providers(database, config.identity_providers, fetcher, now_ms)


def directories(config: Config) -> Directories:
    return Directories(config.ldap)


def shared_secret(
    settings: RegistrationSettings, accounts: Accounts, sessions: Sessions, domains: Domains, proofs: Proofs, guesses: Guesses
) -> SharedSecretRegistration:
    return SharedSecretRegistration(settings.shared_secret, accounts, sessions, domains, proofs.level == OPEN, guesses)


def admin(accounts: Accounts, sessions: Sessions, proofs: Proofs) -> Admin:
    return Admin(accounts, sessions, proofs.level != OPEN)


def oauth(grants: Grants, public_url: PublicUrl, registration: RegistrationSettings, mail: MailQueue) -> OAuthApi:
    return OAuthApi(grants, public_url, registration, mail.names)


def runs(
    uia: UserInteractiveAuth,
    threepids: Threepids,
    login_tokens: LoginTokens,
    browser_sessions: BrowserSessions,
    providers: Providers,
    grants: Grants,
    rendezvous: Rendezvous,
    second_factors: SecondFactors,
    sessions: Sessions,
    accounts: Accounts,
    account_states: AccountStates,
    set_profile_field: SetProfileField,
) -> Iterator[Job]:
    async def prune() -> None:
        for kept in (uia, threepids, login_tokens, browser_sessions, providers, grants, rendezvous, second_factors):
            await kept.prune()

    yield Job("what lasts minutes", PRUNE_EVERY, prune, cannot_be_undone=True)
    yield Job("expired accounts", LOOK_EVERY, account_states.enter_expired, cannot_be_undone=True)
    yield Job("last seen", SEEN_EVERY, sessions.flush_seen, is_per_process=True)
    yield Job("erased", ERASED_EVERY, accounts.load_erased, is_per_process=True)
    yield Job("profiles", RESUME_EVERY, set_profile_field.resume)


async def start(set_profile_field: SetProfileField) -> None:
    await set_profile_field.resume()


async def close(set_profile_field: SetProfileField, sessions: Sessions) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(set_profile_field.wait(), PATIENCE)
    with contextlib.suppress(Exception):
        await sessions.flush_seen()


def ends(
    sessions: Sessions,
    grants: Grants,
    login_tokens: LoginTokens,
    browser_sessions: BrowserSessions,
    uia: UserInteractiveAuth,
    threepids: Threepids,
    store: AccountStore,
    second_factors: SecondFactors,
) -> Mapping[str, End]:
    async def end_browser_sessions(entry: AccountStateEntry) -> None:
        await browser_sessions.end_all(entry.user_id, entry.but_browser)
        await second_factors.forget_challenges(entry.user_id)

    return {
        "access tokens": sessions.end,
        "OAuth codes and device codes": of_user(grants.end_all),
        "login tokens": of_user(login_tokens.end_all),
        "browser sessions": end_browser_sessions,
        "known browsers": of_user(browser_sessions.forget_browsers),
        "proofs under way": of_user(uia.end_all),
        "links to a new password": of_user(threepids.end_links),
        "addresses": of_user(store.remove_threepids),
        "second factors": of_user(second_factors.reset),
    }


PART = Part(
    "accounts",
    gives=(
        store,
        Standings,
        passwords,
        AccountStates,
        application_services,
        ServiceCalls,
        Bridges,
        bridged_aliases,
        ErasedAuthors,
        notices_account,
        Accounts,
        GivenFields,
        Profiles,
        sessions,
        Threepids,
        Guesses,
        OwnerMail,
        second_factors,
        UserInteractiveAuth,
        LoginTokens,
        browser_sessions,
        providers,
        Clients,
        Grants,
        Rendezvous,
        ResetPassword,
        BindThreepid,
        SignInUpstream,
        directories,
        CheckPassword,
        SetProfileField,
        DeactivateAccount,
    ),
    endpoints=(
        Registration,
        shared_secret,
        Login,
        oauth,
        RendezvousApi,
        Account,
        AdministrativeContact,
        DeviceManagement,
        Profile,
        admin,
    ),
    tables=TABLES,
    starts=start,
    runs=runs,
    closes=close,
    ends=ends,
)
