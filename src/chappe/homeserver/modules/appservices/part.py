"""Application services as a part of a node: what they are asked, and what is sent to them."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.homeserver.accounts.application_services import ApplicationServices
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.appservices.api import ThirdPartyLookup
from chappe.homeserver.modules.appservices.appservices import Appservices
from chappe.homeserver.modules.appservices.tables import TABLES
from chappe.homeserver.modules.room_directory.room_directory import RoomDirectory
from chappe.homeserver.outbound.application_service import ServiceCalls
from chappe.homeserver.part import Loop, Part
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.appservices import AppserviceSender


def appservices(
    database: Database,
    services: ApplicationServices,
    calls: ServiceCalls,
    accounts: AccountStore,
    rooms: Rooms,
    directory: RoomDirectory,
) -> Appservices:
    return Appservices(database, services, calls, accounts, rooms, directory.require_may_publish)


def runs(sender: AppserviceSender) -> Iterator[Loop]:
    yield Loop("application services", sender.run)


PART = Part(
    "application services", gives=(appservices, AppserviceSender), endpoints=(ThirdPartyLookup,), tables=TABLES, runs=runs
)
