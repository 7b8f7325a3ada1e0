"""The administration console as a part of a node."""

from __future__ import annotations

from chappe.agency.audit import Audit
from chappe.agency.audit_state import AuditState
from chappe.agency.awaited_guests import AwaitedGuests
from chappe.agency.console.actions import Actions
from chappe.agency.console.api import ConsoleApi
from chappe.agency.console.audit_table import AuditTable
from chappe.agency.console.lists_api import ConsoleListsApi
from chappe.agency.console.overview import Overview
from chappe.agency.console.people_actions import AccountActions, AdministratorActions, FunctionActions, GuestActions
from chappe.agency.console.people_list import PeopleList
from chappe.agency.console.rights import Rights
from chappe.agency.console.room_actions import AnnouncementActions, FileActions, LawActions, RegistryActions, RoomActions
from chappe.agency.console.scope import ConsoleScope
from chappe.agency.console.several import Several
from chappe.agency.console.targets import Targets
from chappe.agency.console.telling import TellAdministrators
from chappe.agency.console.views import Views
from chappe.agency.console.ways_to_act import ends_of_console
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.modules.critical_acts.proofs import Administrators, Proofs
from chappe.homeserver.modules.critical_acts.requests import CriticalRequests
from chappe.homeserver.part import Part


def administrators(scope: ConsoleScope) -> Administrators:
    return scope


def targets(database: Database, scope: ConsoleScope, administration: Administration, awaited: AwaitedGuests) -> Targets:
    return Targets(database, scope, administration.people_of, awaited)


def actions(
    scope: ConsoleScope,
    targets: Targets,
    rights: Rights,
    audit: Audit,
    proofs: Proofs,
    requests: CriticalRequests,
    tell: TellAdministrators,
    accounts: AccountActions,
    guests: GuestActions,
    functions: FunctionActions,
    administrators: AdministratorActions,
    rooms: RoomActions,
    files: FileActions,
    law: LawActions,
    announcements: AnnouncementActions,
    registry: RegistryActions,
) -> Actions:
    owners = (accounts, guests, functions, administrators, rooms, files, law, announcements, registry)
    return Actions(scope, targets, rights, audit, proofs, requests, owners, tell)


PART = Part(
    "console",
    gives=(
        ConsoleScope,
        AwaitedGuests,
        targets,
        Rights,
        TellAdministrators,
        AccountActions,
        GuestActions,
        FunctionActions,
        AdministratorActions,
        RoomActions,
        FileActions,
        LawActions,
        AnnouncementActions,
        RegistryActions,
        actions,
        PeopleList,
        Views,
        AuditState,
        Overview,
        AuditTable,
        Several,
    ),
    replaces=(administrators,),
    endpoints=(ConsoleApi, ConsoleListsApi),
    ends=ends_of_console,
)
