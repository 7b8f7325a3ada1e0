"""The homeserver with the public-sector layer."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.agency.account_validity import AccountValidity
from chappe.agency.announcements import Announcements
from chappe.agency.antivirus.scanner import Scanner
from chappe.agency.audit import Audit
from chappe.agency.console.actions import Actions
from chappe.agency.console.scope import ConsoleScope
from chappe.agency.console.views import Views
from chappe.agency.former_accounts import FormerAccounts
from chappe.agency.function_accounts import FunctionAccounts
from chappe.agency.guest_homes import GuestHomes
from chappe.agency.legal_holds import LegalHolds
from chappe.agency.parts import layer
from chappe.agency.people import People
from chappe.agency.policy import AgencyPolicy
from chappe.agency.read_guard import ReadGuard
from chappe.agency.reading_policy import ReadingPolicy
from chappe.agency.records.erasure import Erasure
from chappe.agency.records.exports import Exports
from chappe.agency.records.personal_data import PersonalData
from chappe.agency.records.room_archive import RoomArchive
from chappe.agency.retention import Retention
from chappe.agency.sponsors import Sponsors
from chappe.agency.statistics import Statistics
from chappe.config import Config
from chappe.homeserver.app import Homeserver
from chappe.homeserver.app.assemble import Assembly
from chappe.homeserver.part import Part


class AgencyServer(Homeserver):
    """One node, as `Homeserver` is."""

    statistics: Statistics
    scope: ConsoleScope
    sponsors: Sponsors
    people: People
    guest_homes: GuestHomes
    functions: FunctionAccounts
    former: FormerAccounts
    announcements: Announcements
    personal_data: PersonalData
    room_archive: RoomArchive
    exports: Exports
    erasure: Erasure
    actions: Actions
    views: Views

    def parts_of(self, config: Config) -> Sequence[Part]:
        return (*super().parts_of(config), *layer(config))

    def _build(self) -> None:
        super()._build()
        if self.agency is not None:
            self.account_states.require_whole(with_layer=True)

    def _name_parts(self, assembly: Assembly) -> None:
        super()._name_parts(assembly)
        self.holds = assembly.of(LegalHolds)
        self.audit = assembly.of(Audit)
        self.reading = assembly.of(ReadingPolicy)
        self.agency = assembly.find(AgencyPolicy)
        self.scanner = assembly.find(Scanner)
        self.validity = assembly.find(AccountValidity)
        self.guard = assembly.find(ReadGuard)
        self.retention = assembly.find(Retention)
        if self.agency is None:
            return
        self.statistics = assembly.of(Statistics)
        self.scope = assembly.of(ConsoleScope)
        self.sponsors = assembly.of(Sponsors)
        self.people = assembly.of(People)
        self.guest_homes = assembly.of(GuestHomes)
        self.functions = assembly.of(FunctionAccounts)
        self.former = assembly.of(FormerAccounts)
        self.announcements = assembly.of(Announcements)
        self.personal_data = assembly.of(PersonalData)
        self.room_archive = assembly.of(RoomArchive)
        self.exports = assembly.of(Exports)
        self.erasure = assembly.of(Erasure)
        self.actions = assembly.of(Actions)
        self.views = assembly.of(Views)
