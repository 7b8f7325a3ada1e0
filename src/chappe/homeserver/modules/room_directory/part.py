"""The room directory as a part of a node."""

from __future__ import annotations

from chappe.config import Federation
from chappe.homeserver.actions.ask_servers import AskServers
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.room_directory.api import ListPublicRooms, PublicRoomsForServers
from chappe.homeserver.modules.room_directory.room_directory import RoomDirectory
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient
from chappe.homeserver.part import Part
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.listings import PublishedRooms
from chappe.homeserver.rooms.rooms import Rooms


def ask_servers(client: FederationClient, domains: Domains, boundaries: Boundaries, federation: Federation) -> AskServers:
    return AskServers(client, domains, boundaries, federation.people_of)


def room_directory(
    database: Database, rooms: Rooms, published: PublishedRooms, aliases: Aliases, domains: Domains, ask_servers: AskServers
) -> RoomDirectory:
    return RoomDirectory(database, rooms, published, aliases, domains, ask_servers.directory)


PART = Part("room directory", gives=(ask_servers, room_directory), endpoints=(ListPublicRooms, PublicRoomsForServers))
