"""A decoded JSON value as a typed structure, with the bounds that hold for every field."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from chappe.matrix.canonical_json import MAX_INTEGER
from chappe.matrix.errors import BadRequest

T = TypeVar("T")


def convert(value: Any, kind: type[T]) -> T:
    """Raises M_MISSING_PARAM or M_BAD_JSON naming the field; M_BAD_JSON for integers beyond ±(2^53 − 1) in any field."""
    try:
        found = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        raise BadRequest(text, "M_MISSING_PARAM" if "missing required" in text else "M_BAD_JSON") from None
    hashable: Any = kind
    if may_hold_integers(hashable):
        check_integers(found, "")
    return found


@lru_cache(maxsize=1024)
def may_hold_integers(kind: Any) -> bool:
    return any(isinstance(part, msgspec.inspect.IntType) for part in _parts(msgspec.inspect.type_info(kind), set()))


def _parts(info: Any, seen: set[int]) -> list[Any]:
    """A type and all types in it."""
    if id(info) in seen:
        return []
    seen.add(id(info))
    inner = [field.type for field in getattr(info, "fields", ())]
    inner += [getattr(info, name) for name in ("item_type", "key_type", "value_type", "type") if hasattr(info, name)]
    inner += [*getattr(info, "item_types", ()), *getattr(info, "types", ())]
    return [info, *(part for one in inner if isinstance(one, msgspec.inspect.Type) for part in _parts(one, seen))]


def check_integers(value: Any, name: str) -> None:
    """Fields of any type (contents that are kept as they are) are not gone into: they are checked where they are kept."""
    if type(value) is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise BadRequest(f"`{name}` is an integer outside ±(2^53 − 1)")
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            check_integers(getattr(value, field), field)
    elif type(value) in (list, tuple, set, frozenset):
        for item in value:
            check_integers(item, name)
