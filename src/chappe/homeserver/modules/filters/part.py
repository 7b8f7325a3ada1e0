"""Filters as a part of a node."""

from __future__ import annotations

from chappe.config import Shares
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.filters.api import FiltersApi
from chappe.homeserver.modules.filters.filters import Filters
from chappe.homeserver.modules.filters.tables import TABLES
from chappe.homeserver.part import Part


def filters(database: Database, shares: Shares) -> Filters:
    return Filters(database, shares.filters)


PART = Part("filters", gives=(filters,), endpoints=(FiltersApi,), tables=TABLES)
