"""What statements find is what the types of rows say: looked at wherever a test reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from chappe.homeserver.database.rows import Row, columns_of


@cache
def _columns(row: type[Row]) -> tuple[list[str], list[str]]:
    """The names of its fields, and of those that are never NULL."""
    found = columns_of(row)
    return [column.name for column in found], [column.name for column in found if not column.may_be_null]


def check(row: type[Row], records: Sequence[Any]) -> None:
    """Raises AssertionError where the columns are others than the fields, or where a value is NULL that may not be."""
    names, never = _columns(row)
    for record in records:
        assert list(record.keys()) == names, f"{row.__name__} is not {list(record.keys())}"
        nulls = [name for name in never if record[name] is None]
        assert not nulls, f"{row.__name__} has no {nulls}"
