"""Spaces and summaries of rooms as a part of a node."""

from __future__ import annotations

from chappe.homeserver.actions.ask_servers import AskServers
from chappe.homeserver.modules.spaces.api import SpaceHierarchy, SpacesForServers
from chappe.homeserver.modules.spaces.spaces import Spaces
from chappe.homeserver.part import Part
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.rooms import Rooms


def spaces(rooms: Rooms, aliases: Aliases, ask_servers: AskServers) -> Spaces:
    return Spaces(rooms, aliases, ask_servers.hierarchy)


PART = Part("spaces", gives=(spaces,), endpoints=(SpaceHierarchy, SpacesForServers))
