"""Rows as types: what a statement reads, and what a fragment of the group writer writes (docs/decisions/0018)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from functools import cache
from itertools import starmap
from types import NoneType, UnionType
from typing import Annotated, Any, Protocol, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

import msgspec


@dataclass_transform(frozen_default=True)
class Row(msgspec.Struct, frozen=True, gc=False):
    """Its fields are the columns, in this order, by name and by type."""


R = TypeVar("R", bound=Row)
K = TypeVar("K")
T = TypeVar("T")
Int = Annotated[int, "int"]
SmallInt = Annotated[int, "smallint"]
Real = Annotated[float, "real"]
watch: Callable[[type[Row], Sequence[Any]], None] | None = None  # tests: sees the records before they are rows
_TYPES = {str: "text", bytes: "bytea", bool: "boolean", int: "bigint", float: "double precision", datetime: "timestamptz"}


class Source(Protocol):
    """The database, or a connection of it in a transaction."""

    async def fetch(self, sql: str, /, *arguments: Any) -> Sequence[Any]: ...
    async def fetchrow(self, sql: str, /, *arguments: Any) -> Any: ...
    async def fetchval(self, sql: str, /, *arguments: Any) -> Any: ...


async def read(source: Source, row: type[R], sql: str, *arguments: Any) -> list[R]:
    """The rows that a statement finds. Its columns are the fields of `row`, in their order."""
    found = await source.fetch(sql, *arguments)
    if watch is not None:
        watch(row, found)
    return list(starmap(row, found))


async def find(source: Source, row: type[R], sql: str, *arguments: Any) -> R | None:
    """The first row, or None."""
    found = await source.fetchrow(sql, *arguments)
    if watch is not None and found is not None:
        watch(row, [found])
    return None if found is None else row(*found)


async def each(connection: Any, row: type[R], sql: str, *arguments: Any) -> AsyncIterator[R]:
    """The same as `read`, one after the other: of what is too much to hold, in a transaction."""
    async for found in connection.cursor(sql, *arguments):
        if watch is not None:
            watch(row, [found])
        yield row(*found)


async def values(source: Source, kind: type[T], sql: str, *arguments: Any) -> list[T]:
    """What a statement of one column finds."""
    found = [value for (value,) in await source.fetch(sql, *arguments)]
    assert watch is None or None not in found, sql
    return found


async def mapping(source: Source, key: type[K], value: type[T], sql: str, *arguments: Any) -> dict[K, T]:
    """By the first of a statement's two columns, the second."""
    found: dict[K, T] = dict(await source.fetch(sql, *arguments))
    assert watch is None or None not in found.values(), sql
    return found


@cache
def columns(row: type[Row], of: str = "") -> str:
    """The fields, as a statement names them. `of`: what the statement calls the table."""
    return ", ".join(f"{of}.{name}" if of else name for name in row.__struct_fields__)


class Column(msgspec.Struct, frozen=True):
    """`type`: PostgreSQL's name of it."""

    name: str
    type: str
    may_be_null: bool


def columns_of(row: type[Row]) -> list[Column]:
    """The fields, with the types that PostgreSQL has for them. Raises TypeError for a type that no column has."""
    hints = get_type_hints(row, include_extras=True)
    return [Column(name, *_type_of(hints[name])) for name in row.__struct_fields__]


def type_of(kind: type) -> str:
    """PostgreSQL's name of a type."""
    return _type_of(kind)[0]


def _type_of(hint: Any) -> tuple[str, bool]:
    """PostgreSQL's type for a Python type, and whether it may be NULL."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        (inner,) = (each for each in arguments if each is not NoneType)
        return _type_of(inner)[0], True
    if origin is Annotated:
        return str(arguments[1]), False
    if origin in (list, Sequence):
        return f"{_type_of(arguments[0])[0].removesuffix('[]')}[]", False  # however many dimensions it has
    plain = getattr(hint, "__supertype__", hint)  # of a NewType
    if plain not in _TYPES:
        raise TypeError(f"no column of PostgreSQL is a {hint}")
    return _TYPES[plain], False
