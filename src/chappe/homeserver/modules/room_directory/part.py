"""The room directory as a part of a node."""

from __future__ import annotations

from chappe.homeserver.actions.ask_servers import AskServers
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.room_directory.api import ListPublicRooms, PublicRoomsForServers
from chappe.homeserver.modules.room_directory.room_directory import RoomDirectory
from chappe.homeserver.modules.room_directory.tables import TABLES
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.part import Part
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.rooms import Rooms


def room_directory(
    database: Database, rooms: Rooms, aliases: Aliases, domains: Domains, ask_servers: AskServers
) -> RoomDirectory:
    return RoomDirectory(database, rooms, aliases, domains, ask_servers.directory)


PART = Part("room directory", gives=(room_directory,), endpoints=(ListPublicRooms, PublicRoomsForServers), tables=TABLES)
