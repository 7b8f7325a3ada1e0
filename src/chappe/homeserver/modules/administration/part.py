"""What administrators see and do as a part of a node."""

from __future__ import annotations

from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.modules.administration.api.overview import AdminFigures, AdminServers
from chappe.homeserver.modules.administration.api.rooms import AdminRooms
from chappe.homeserver.modules.administration.api.user_changes import AdminUserChanges
from chappe.homeserver.modules.administration.api.users import AdminUsers
from chappe.homeserver.modules.administration.overview import Overview
from chappe.homeserver.modules.administration.tables import TABLES
from chappe.homeserver.part import Part

PART = Part(
    "administration",
    gives=(Administration, Overview),
    endpoints=(AdminFigures, AdminServers, AdminUsers, AdminUserChanges, AdminRooms),
    tables=TABLES,
)
