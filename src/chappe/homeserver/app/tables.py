"""Every table of the homeserver: those of its parts."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.app.features import HOMESERVER
from chappe.homeserver.database.table import Table
from chappe.homeserver.part import Part


def tables_of(parts: Sequence[Part]) -> tuple[Table, ...]:
    """Every table of a node of these parts."""
    return tuple(table for part in parts for table in part.tables)


TABLES = tables_of(HOMESERVER)
