"""What administrators see of an installation as a part of a node. Who is blocked is asked of `Administration`, which stands before."""

from __future__ import annotations

from chappe.homeserver.api.admin.overview import AdminFigures, AdminServers
from chappe.homeserver.modules.administration.overview import Overview
from chappe.homeserver.modules.administration.tables import TABLES
from chappe.homeserver.part import Part

PART = Part("administration", gives=(Overview,), endpoints=(AdminFigures, AdminServers), tables=TABLES)
