"""The user directory as a part of a node."""

from __future__ import annotations

from chappe.config import Config, Federation
from chappe.homeserver.actions.ask_servers import AskServers
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.user_directory.api.for_servers import PeopleForServers
from chappe.homeserver.modules.user_directory.api.users import Users
from chappe.homeserver.modules.user_directory.user_directory import UserDirectory
from chappe.homeserver.part import Part
from chappe.homeserver.rooms.rooms import Rooms


def user_directory(database: Database, rooms: Rooms, config: Config, ask_servers: AskServers) -> UserDirectory:
    elsewhere = ask_servers.people if config.federation.people_of else None
    return UserDirectory(database, rooms, elsewhere, config.people_find_colleagues)


def for_servers(directory: UserDirectory, federation: Federation) -> PeopleForServers:
    return PeopleForServers(directory, federation.people_of)


PART = Part("user directory", gives=(user_directory,), endpoints=(Users, for_servers))
