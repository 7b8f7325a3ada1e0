"""Application services as a part of a node: what they are asked, and what is sent to them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from chappe.homeserver.accounts.accounts import Accounts, NoticesAccount
from chappe.homeserver.accounts.adoption import adopt
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

log = logging.getLogger(__name__)


def appservices(
    database: Database,
    services: ApplicationServices,
    calls: ServiceCalls,
    accounts: AccountStore,
    rooms: Rooms,
    directory: RoomDirectory,
) -> Appservices:
    return Appservices(database, services, calls, accounts, rooms, directory.require_may_publish)


async def start(database: Database, services: ApplicationServices, accounts: Accounts, notices: NoticesAccount) -> None:
    """Each application service's own user exists from the start, and what it has from before is its own."""
    await adopt(database, services, notices)
    for service in services.services.values():
        user = await accounts.store.find_user(service.sender)
        if user is None:
            await accounts.register(service.sender, None, appservice=service.id)
        elif not service.made(user):
            fields = {"service": service.id, "user": service.sender}
            log.warning("an application service's name is somebody else's account", extra={"fields": fields})


def runs(sender: AppserviceSender) -> Iterator[Loop]:
    yield Loop("application services", sender.run, sender.release)


PART = Part(
    "application services",
    gives=(appservices, AppserviceSender),
    endpoints=(ThirdPartyLookup,),
    tables=TABLES,
    starts=start,
    runs=runs,
)
