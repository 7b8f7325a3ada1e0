"""Ignored users as a part of a node."""

from __future__ import annotations

from chappe.homeserver.modules.ignored_users.ignored_users import IgnoredUsers
from chappe.homeserver.part import Part
from chappe.homeserver.rooms.ignoring import Ignoring


def ignoring(ignored: IgnoredUsers) -> Ignoring:
    return ignored


PART = Part("ignored users", gives=(IgnoredUsers, ignoring))
