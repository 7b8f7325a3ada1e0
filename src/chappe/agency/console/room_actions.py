"""What administrators do to rooms, files, reports; what the law asks for; announcements; the registry of organisations."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chappe.agency.announcements import Announcements
from chappe.agency.antivirus.scanner import Scanner
from chappe.agency.console.actions import action
from chappe.agency.console.scope import Actor
from chappe.agency.console.targets import Plain, TargetKind
from chappe.agency.legal_holds import LegalHolds
from chappe.agency.organisations import Organisation, Organisations, Rules
from chappe.agency.people import People
from chappe.agency.records.exports import PERSON, ROOM, Exports
from chappe.homeserver.accounts.endings import THE_WHOLE
from chappe.homeserver.actions.shut_down_room import MakeRoomAdmin
from chappe.homeserver.actions.unlist_room import UnlistRoom
from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.modules.reporting.reporting import Reports
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.identifiers import UserId


class Room(msgspec.Struct):
    room_id: Annotated[str, TargetKind.ROOM]


class RoomAdministrator(msgspec.Struct):
    """`appointed`: who becomes an administrator of the room."""

    room_id: Annotated[str, TargetKind.ROOM]
    appointed: Annotated[str, TargetKind.MEMBER]


class GivenRoom(msgspec.Struct):
    room_id: Annotated[str, TargetKind.ROOM]
    to: Annotated[str, TargetKind.ORGANISATION]


class RoomActions:
    def __init__(
        self, administration: Administration, unlist_room: UnlistRoom, make_admin: MakeRoomAdmin, people: People
    ) -> None:
        self._administration, self._make_admin, self._people = administration, make_admin, people
        self._unlist_room = unlist_room

    @action()
    async def appoint(self, actor: Actor, to: RoomAdministrator) -> None:
        """Make somebody of a room its administrator: for rooms whose own have left."""
        await self._make_admin(to.room_id, UserId(to.appointed))

    @action(critical=True)
    async def give_room(self, actor: Actor, given: GivenRoom) -> None:
        """Give a room to another organisation that one administers too: its maker's move takes it nowhere."""
        await self._people.give_room(given.room_id, given.to)

    @action(critical=False)
    async def unlist(self, actor: Actor, room: Room) -> dict[str, Any]:
        """Take a room out of the directory, and its addresses away."""
        return {"aliases": await self._unlist_room(room.room_id)}

    @action()
    async def block(self, actor: Actor, room: Room) -> None:
        """Block a room: nobody enters it any more."""
        await self._administration.block(room.room_id, actor.user_id, True, actor.right)

    @action()
    async def unblock(self, actor: Actor, room: Room) -> None:
        """Let people enter a blocked room again."""
        await self._administration.block(room.room_id, actor.user_id, False, actor.right)


class FileTarget(msgspec.Struct):
    server_name: Annotated[str, TargetKind.FILE_HOST]
    media_id: Annotated[str, TargetKind.FILE]


class ReportTarget(msgspec.Struct):
    report: Annotated[int, TargetKind.REPORT]


class FileActions:
    def __init__(self, media: ContentRepository, scanner: Scanner | None, reports: Reports) -> None:
        self._media, self._scanner, self._reports = media, scanner, reports

    @action()
    async def release_file(self, actor: Actor, file: FileTarget) -> dict[str, Any]:
        """Give out a file that the antivirus has stopped by mistake."""
        lifted = 0
        if self._scanner is not None:
            lifted = await self._scanner.release(file.server_name, file.media_id, actor.user_id)
        if not lifted:
            raise NotFound("Nothing was stopped under this address")
        return {"released": lifted}

    @action()
    async def quarantine_file(self, actor: Actor, file: FileTarget) -> None:
        """Nobody gets a file any more, until it is released."""
        await self._media.quarantine([(file.server_name, file.media_id)], actor.user_id, actor.right)

    @action()
    async def unquarantine_file(self, actor: Actor, file: FileTarget) -> None:
        """Give out a file again that an administrator had put into quarantine."""
        await self._media.quarantine([(file.server_name, file.media_id)], None, actor.right)

    @action()
    async def delete_file(self, actor: Actor, file: FileTarget) -> None:
        """Delete a file for good."""
        if not await self._media.delete([(file.server_name, file.media_id)], right=actor.right or THE_WHOLE):
            raise Forbidden("This file cannot be deleted for now")

    @action()
    async def close_report(self, actor: Actor, about: ReportTarget) -> None:
        """Close a report that has been looked at."""
        await self._reports.close(about.report, actor.user_id)


class PersonPackage(msgspec.Struct):
    """`with_held`: what a legal hold has kept aside too, for the authority."""

    user_id: Annotated[str, TargetKind.PERSON]
    with_held: Plain[bool] = False


class RoomPackage(msgspec.Struct):
    room_id: Annotated[str, TargetKind.ROOM]
    with_held: Plain[bool] = False


class PersonHold(msgspec.Struct):
    """`authority`: who ordered it; `reference`: of the order."""

    user_id: Annotated[str, TargetKind.PERSON]
    authority: Plain[str]
    reference: Plain[str]


class RoomHold(msgspec.Struct):
    room_id: Annotated[str, TargetKind.ROOM]
    authority: Plain[str]
    reference: Plain[str]


class Lifted(msgspec.Struct):
    hold: Annotated[int, TargetKind.HOLD]
    reason: Plain[str]


class LawActions:
    def __init__(self, holds: LegalHolds, exports: Exports) -> None:
        self._holds, self._exports = holds, exports

    @action(critical=True)
    async def export_person(self, actor: Actor, wanted: PersonPackage) -> dict[str, Any]:
        """Pack everything that the service holds of one person."""
        package = await self._exports.ask(actor.organisation, PERSON, wanted.user_id, actor.user_id, wanted.with_held)
        return {"package": package}

    @action(critical=True)
    async def archive_room(self, actor: Actor, wanted: RoomPackage) -> dict[str, Any]:
        """Pack a room for the archives: events, files, description, signature."""
        package = await self._exports.ask(actor.organisation, ROOM, wanted.room_id, actor.user_id, wanted.with_held)
        return {"package": package}

    @action(critical=True)
    async def hold_person(self, actor: Actor, wanted: PersonHold) -> dict[str, Any]:
        """Keep everything of an account, because an authority asks for it."""
        return {"hold": await self._hold(actor, wanted.user_id, wanted)}

    @action(critical=True)
    async def hold_room(self, actor: Actor, wanted: RoomHold) -> dict[str, Any]:
        """Keep everything of a room, because an authority asks for it."""
        return {"hold": await self._hold(actor, wanted.room_id, wanted)}

    @action(critical=True)
    async def lift_hold(self, actor: Actor, lifted: Lifted) -> None:
        """Lift a legal hold: what it kept goes, as it would have gone."""
        await self._holds.lift(lifted.hold, lifted.reason, actor.user_id)

    async def _hold(self, actor: Actor, target: str, order: PersonHold | RoomHold) -> int:
        return await self._holds.place(target, order.authority, order.reference, actor.user_id, actor.right)


class Announcement(msgspec.Struct):
    """`room_id`: only to who is in this room; left out, to the whole organisation."""

    text: Plain[str]
    room_id: Annotated[str | None, TargetKind.ROOM] = None


class AnnouncementActions:
    def __init__(self, announcements: Announcements) -> None:
        self._announcements = announcements

    @action(critical=True)
    async def announce(self, actor: Actor, wanted: Announcement) -> dict[str, Any]:
        """Write to everybody of the organisation, or of a room."""
        return await self._announcements.announce(actor.organisation, wanted.room_id, actor.user_id, wanted.text)


class NewOrganisation(msgspec.Struct):
    """`addresses`: domains, `*.domain`, single addresses, `*`; `home`: its server; `colour`: of its brand, such as #000091.

    `guests`, `forums`: whether its people invite guests and make forums; `guest_days`: how long guests stay; 0: as everywhere.
    """

    name: Annotated[str, TargetKind.ORGANISATION]
    label: Plain[str]
    home: Plain[str]
    addresses: Plain[list[str]] = []
    by_invitation: Plain[bool] = False
    colour: Plain[str | None] = None
    guests: Plain[bool] = True
    forums: Plain[bool] = True
    guest_days: Plain[int] = 0


class Named(msgspec.Struct):
    name: Annotated[str, TargetKind.ORGANISATION]


class RegistryActions:
    def __init__(self, organisations: Organisations) -> None:
        self._organisations = organisations

    @action(critical=True, everywhere_only=True)
    async def set_organisation(self, actor: Actor, new: NewOrganisation) -> dict[str, Any]:
        """Add an organisation, or change it. It counts at once."""
        rules = Rules(new.guests, new.forums, new.guest_days)
        organisation = Organisation(new.name, new.label, new.home, new.by_invitation, new.addresses, new.colour or None, rules)
        is_new = await self._organisations.add(organisation)
        return {"is_new": is_new}

    @action(critical=True, everywhere_only=True)
    async def remove_organisation(self, actor: Actor, which: Named) -> None:
        """Remove an organisation: its people keep their accounts, nobody gets a new one."""
        await self._organisations.remove(which.name)
