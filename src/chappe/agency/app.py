"""A homeserver with the public-sector layer, where the configuration turns it on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chappe.agency.account_validity import AccountValidity
from chappe.agency.account_validity_api import AccountValidityApi
from chappe.agency.announcements import Announcements
from chappe.agency.antivirus.attachments import Envelope
from chappe.agency.antivirus.engines import engine_of
from chappe.agency.antivirus.media_proxy import AntivirusAdmin, MediaProxy
from chappe.agency.antivirus.scanner import Scanner, Unscanned
from chappe.agency.audit import Audit, AuditApi, AuditTrail
from chappe.agency.audit_ledger import audit_files
from chappe.agency.console.actions import Actions
from chappe.agency.console.api import ConsoleApi, OwnDataApi
from chappe.agency.console.people_actions import AccountActions, AdministratorActions, FunctionActions, GuestActions
from chappe.agency.console.rights import Rights
from chappe.agency.console.room_actions import AnnouncementActions, FileActions, LawActions, RegistryActions, RoomActions
from chappe.agency.console.scope import Scope
from chappe.agency.console.targets import Targets
from chappe.agency.console.telling import TellAdministrators
from chappe.agency.console.views import Views
from chappe.agency.console.ways_to_act import ends_of_console
from chappe.agency.former_accounts import FormerAccounts
from chappe.agency.function_accounts import FunctionAccounts, FunctionAccountsApi
from chappe.agency.guest_access import GuestAccess, GuestAccessApi
from chappe.agency.guest_homes import GuestHomes, GuestHomesApi
from chappe.agency.info import OrganisationInfo
from chappe.agency.legal_holds import LegalHolds
from chappe.agency.people import People
from chappe.agency.policy import AgencyPolicy
from chappe.agency.read_guard import ReadGuard
from chappe.agency.read_guard_api import ReadGuardApi
from chappe.agency.reading_policy import ReadingPolicy
from chappe.agency.records.erasure import Erasure
from chappe.agency.records.exports import Exports
from chappe.agency.records.personal_data import PersonalData
from chappe.agency.records.room_archive import RoomArchive
from chappe.agency.retention import Retention
from chappe.agency.room_policy import Asked
from chappe.agency.rules_api import RulesApi
from chappe.agency.sponsors import Sponsors
from chappe.agency.sponsors_api import SponsorsApi
from chappe.agency.statistics import Statistics
from chappe.agency.tables import TABLES
from chappe.agency.ways_to_act import ends_of_layer
from chappe.config import Config
from chappe.homeserver.accounts.ways_to_act import State
from chappe.homeserver.actions.shut_down_room import MakeRoomAdmin
from chappe.homeserver.api.pages.page import Pages
from chappe.homeserver.app import Homeserver
from chappe.homeserver.database.table import Table
from chappe.homeserver.http.application import AdminDoor
from chappe.homeserver.modules.critical_acts.proofs import Administrators
from chappe.homeserver.modules.media.media import Scanning
from chappe.homeserver.policy import Policy

VALIDITY_EVERY, RETENTION_EVERY, GUESTS_EVERY, GUARD_EVERY, PEOPLE_EVERY, FORMER_EVERY = 600, 600, 60, 5, 60, 3600
ANNOUNCE_EVERY, STATISTICS_EVERY, EXPORTS_EVERY = 2, 300, 3
GUEST_HOMES_EVERY = 600


class AgencyServer(Homeserver):
    """One node, as `Homeserver` is."""

    holds: LegalHolds
    reading: ReadingPolicy

    def __init__(self, config: Config, data: Path, database_url: str) -> None:
        self.agency: AgencyPolicy | None = None
        self.scanner: Scanner | None = None
        self.validity: AccountValidity | None = None
        self.guard: ReadGuard | None = None
        self.retention: Retention | None = None
        super().__init__(config, data, database_url)

    @property
    def tables(self) -> Sequence[Table]:
        return (*super().tables, *TABLES)

    def _make_policy(self) -> Policy:
        settings = self.config.agency
        if not settings.enabled:
            self.reading = ReadingPolicy()
            return self.reading
        self.statistics = Statistics(self.database, self.now_ms)
        self.reading = self.agency = AgencyPolicy(settings, self.database, self.statistics, self.standings)
        return self.agency

    def _make_holds(self) -> LegalHolds:
        return LegalHolds(self.database, self.now_ms)

    def _make_scanning(self) -> Scanning:
        settings = self.config.antivirus
        if settings.engine is None:
            return super()._make_scanning()
        self.scanner = Scanner(self.database, engine_of(settings.engine), settings, self.now_ms)
        return self.scanner

    def _make_administrators(self) -> Administrators:
        if self.agency is None:
            return super()._make_administrators()
        self.scope = Scope(self.database, self.accounts.store, self.now_ms)
        return self.scope

    def admin_door(self) -> AdminDoor:
        return AuditTrail(self.audit, super().admin_door())

    def _build(self) -> None:
        super()._build()
        self.audit = Audit(self.database, self.now_ms, *audit_files(self.config.administration, self._data))
        if self.agency is not None:
            self._build_people(self.agency)
            self._build_retention(self.agency)
        self._build_validity()
        self._build_guard()
        if self.agency is not None:
            self._build_console(self.agency)
            self.account_states.require_whole(with_layer=True)

    def _build_people(self, policy: AgencyPolicy) -> None:
        database, accounts, settings = self.database, self.accounts, self.config.agency
        self.sponsors = Sponsors(
            database,
            accounts,
            self.rooms.memberships,
            policy.guests,
            policy.organisations,
            self.mail,
            settings,
            self.set_profile_field,
            self.deactivate_account,
            self.now_ms,
        )
        self.jobs.add("guests", GUESTS_EVERY, self.time_evidence.required(self.sponsors.look))
        self.people = People(database, accounts, policy.organisations, policy.guests, self.set_profile_field, self.now_ms)
        self.guest_homes = GuestHomes(policy.guests, self.domains, self.federation_client)
        self.jobs.add("guests elsewhere", GUEST_HOMES_EVERY, self.guest_homes.look)
        self.jobs.add("people", PEOPLE_EVERY, self.people.look)
        self.functions = FunctionAccounts(database, accounts, self.sessions, self.login_tokens, self.tell_owner, self.now_ms)
        self.jobs.add("duty accounts", PEOPLE_EVERY, self.time_evidence.required(self.functions.look))
        self.former = FormerAccounts(
            database,
            accounts,
            self.bind_threepid,
            self.deactivate_account,
            policy.guests,
            policy.is_invited,
            settings.former_profile_days,
            self.now_ms,
        )
        Asked(policy, self.rooms, self.people, self.sponsors, self.former)
        self.jobs.add("former accounts", FORMER_EVERY, self.time_evidence.required(self.former.prune))
        self.account_states.add(ends_of_layer(database, self.functions, self.people, self.former, self.sponsors))

    def _build_console(self, policy: AgencyPolicy) -> None:
        assert self.retention is not None
        database, now_ms = self.database, self.now_ms
        self.announcements = Announcements(database, self.server_notices, now_ms)
        personal_data = PersonalData(database, self.accounts.store, self.media, self.domains, self.holds, now_ms, self.tables)
        room_archive = RoomArchive(database, self.rooms, self.completing, self.media, self.domains, self.holds, policy, now_ms)
        self.personal_data, self.room_archive = personal_data, room_archive
        self.exports = Exports(database, self.blobs, self.orphans, personal_data, room_archive, now_ms)
        for name, seconds, job in (
            ("announcements", ANNOUNCE_EVERY, self.announcements.look),
            ("statistics", STATISTICS_EVERY, self.statistics.look),
            ("exports", EXPORTS_EVERY, self.exports.look),
            ("old exports", RETENTION_EVERY, self.time_evidence.required(self.exports.prune)),
        ):
            self.jobs.add(name, seconds, job)
        self.account_states.add(ends_of_console(database, self.exports))
        scope = self.scope
        self.erasure = erasure = Erasure(database, self.deactivate_account, self.retention, self.media, self.holds, self.tables)
        self.jobs.add("released from a hold", RETENTION_EVERY, self.time_evidence.required(erasure.after_holds))
        owners = [
            AccountActions(
                self.accounts,
                self.sessions,
                self.second_factors,
                self.deactivate_account,
                erasure,
                self.former,
                self.people,
                self.validity,
                self.guard,
                self.restore_keys,
            ),
            GuestActions(self.sponsors),
            FunctionActions(self.functions),
            AdministratorActions(scope, self.account_states),
            RoomActions(self.administration, MakeRoomAdmin(self.rooms, self.membership), self.people),
            FileActions(self.media, self.scanner, self.administration),
            LawActions(self.holds, self.exports),
            AnnouncementActions(self.announcements),
            RegistryActions(policy.organisations),
        ]
        proofs, requests = self.critical_acts.proofs, self.critical_acts.requests
        targets = Targets(database, scope, self.administration.people_of)
        self.actions = Actions(
            scope,
            targets,
            Rights(database),
            self.audit,
            proofs,
            requests,
            owners,
            TellAdministrators(scope, self.server_notices, self.critical_acts),
        )
        self.views = Views(
            database,
            scope,
            self.actions,
            self.accounts,
            self.rooms,
            policy,
            self.people,
            self.former,
            self.functions,
            self.sponsors,
            self.holds,
            self.exports,
            self.announcements,
            self.statistics,
            self.audit,
            self.scanner,
            self.guard,
            self.administration,
            policy.organisations,
            now_ms,
        )

    def _build_retention(self, policy: AgencyPolicy) -> None:
        rules = self.config.agency.retention
        limits = [d for d in (rules.forum_days, rules.private_days, rules.open_days, rules.direct_days) if d]
        self.retention = Retention(
            self.database,
            self.rooms,
            self.writer,
            self.media,
            self.holds,
            policy.keeps_for,
            min(limits, default=None),
            self.now_ms,
        )
        self.jobs.add("retention", RETENTION_EVERY, self.time_evidence.required(self.retention.look))

    def _build_validity(self) -> None:
        settings = self.config.account_validity
        if settings.period_days:
            self.validity = AccountValidity(
                self.database,
                self.accounts,
                self.mail,
                settings,
                self.public_url.for_domain,
                self.deactivate_account,
                self.now_ms,
            )
            self.jobs.add("account validity", VALIDITY_EVERY, self.time_evidence.required(self.validity.look))

    def _build_guard(self) -> None:
        settings = self.config.read_guard
        if settings.enabled:

            async def challenge(user_id: str) -> None:
                await self.account_states.enter(user_id, State.CHALLENGED)

            async def freeze(user_id: str) -> None:
                await self.accounts.set_state(user_id, locked=True)

            guard = ReadGuard(
                self.database, self.rooms, self.reading, settings, self.now_ms, challenge, freeze, self.standings.accountable
            )
            self.guard = guard
            self.jobs.add("read guard", GUARD_EVERY, guard.save, is_per_process=True)

    def layer_parts(self) -> Sequence[object]:
        parts: list[object] = [AuditApi(self.audit, self.holds.untold)]
        if self.validity is not None:
            pages = Pages(
                self.browser_sessions, self.second_factors, self.domains, self.mail, self.public_url, self.guesses, self.now_ms
            )
            parts.append(AccountValidityApi(self.validity, pages))
        if self.guard is not None:
            parts.append(ReadGuardApi(self.guard, self.accounts, self.rooms))
        parts.append(MediaProxy(self.scanner or Unscanned(), self.media, Envelope(self._scanner_secret)))
        if self.scanner is not None:
            parts.append(AntivirusAdmin(self.scanner))
        if self.agency is not None:
            parts += [
                OrganisationInfo(self.agency, self.accounts.store),
                GuestAccessApi(
                    GuestAccess(self.rooms, self.membership, self.agency, lambda name: self.mail.brand(name).language)
                ),
                FunctionAccountsApi(self.functions, self.uia),
                ConsoleApi(self.scope, self.actions, self.views, self.exports, self.second_factors, self.audit),
                OwnDataApi(
                    self.exports, self.tell_owner, self.uia, self.rooms.reading, float(self.config.read_guard.files_per_hour)
                ),
                GuestHomesApi(self.agency.guests, self.rooms.sight),
                RulesApi(self.config, self.agency, self.people, self.accounts.store, self.database, self.rooms),
            ]
            parts.append(SponsorsApi(self.sponsors, self.third_party_invites))
        return parts
