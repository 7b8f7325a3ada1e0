"""The settings as they are declared: what the first file and docs/settings.md are made from."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.inspect import (
    BoolType,
    DictType,
    Field,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    TupleType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from chappe.config.limits import Limit

SOME_DOMAIN = '"example.org"'  # where an operator chooses the name of a table
_UNITS = {"minutes": "minutes", "hours": "hours", "days": "days", "kib": "KiB", "mib": "MiB"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; the texts are those of `says`.

    `default`: NODEFAULT where it must be set, None where it may be left out. `accepts`: in words, what may be written. `is_number`,
    `is_free`: it holds numbers, or texts of which the type says nothing.
    """

    name: str
    default: Any
    example: Any
    meaning: str
    accepts: str
    unit: str
    wrong: str
    is_number: bool
    is_free: bool

    @property
    def is_shown_by_example(self) -> bool:
        """Whether the first file has the example: the default shows nothing."""
        return self.example is not None and (self.default is msgspec.NODEFAULT or self.default in (None, [], {}, "", ()))


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file. `path`: such as `agency.classifications`, empty for the settings of the whole server.

    `is_single`: it is there once, and may be empty; not so `[[…]]`, a table that an operator names, and one that turns something on.
    """

    path: str
    struct: type[msgspec.Struct]
    is_repeated: bool = False
    is_single: bool = True
    settings: list[Setting] = field(default_factory=list)

    @property
    def heading(self) -> str:
        return f"[[{self.path}]]" if self.is_repeated else f"[{self.path}]"

    @property
    def meaning(self) -> str:
        """The paragraphs of the section's docstring, a line each."""
        text = inspect.cleandoc(self.struct.__dict__.get("__doc__") or "")
        return "\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def sections(struct: type[msgspec.Struct]) -> Iterator[Section]:
    """All tables of a file, in the order in which they stand in it."""
    yield from _walk(Section("", struct))


def _walk(section: Section) -> Iterator[Section]:
    inner: list[Section] = []
    info = type_info(section.struct)
    assert isinstance(info, StructType)
    for each in info.fields:
        nested = _nested(section.path, each)
        if nested is None:
            section.settings.append(_setting(each))
        else:
            inner.append(nested)
    yield section
    for one in inner:
        yield from _walk(one)


def _nested(path: str, each: Field) -> Section | None:
    """The table that a field is; None for a setting."""
    place = f"{path}.{each.name}".lstrip(".")
    match each.type:
        case StructType(cls) if cls is not Limit:
            return Section(place, cls)
        case UnionType((StructType(cls), NoneType())):
            return Section(place, cls, is_single=False)
        case ListType(StructType(cls)):
            return Section(place, cls, is_repeated=True, is_single=False)
        case DictType(_, StructType(cls)):
            return Section(f"{place}.{SOME_DOMAIN}", cls, is_single=False)
    return None


def _setting(each: Field) -> Setting:
    kind: Type = each.type
    said: dict[str, Any] = {}
    while isinstance(kind, Metadata):
        said = (kind.extra_json_schema or {}) | said
        kind = kind.type
    unit = said.get("unit") or next((_UNITS[part] for part in each.name.split("_") if part in _UNITS), "")
    default = each.default if each.default_factory is msgspec.NODEFAULT else each.default_factory()
    return Setting(
        each.name,
        default,
        (said.get("examples") or [None])[0],
        said.get("description", ""),
        said.get("form") or _accepts(kind, unit),
        unit,
        said.get("wrong", ""),
        _holds(kind, (IntType, FloatType)),
        _holds(kind, (StrType,)),
    )


def _inside(kind: Type) -> list[Type]:
    match kind:
        case Metadata(inner):
            return [inner]
        case UnionType(types):
            return [one for one in types if not isinstance(one, NoneType)]
        case ListType(item) | VarTupleType(item):
            return [item]
        case TupleType(items):
            return list(items)
        case DictType(_, value):
            return [value]
    return []


def _holds(kind: Type, wanted: tuple[type[Type], ...]) -> bool:
    """Whether a type is, or consists of, one that nothing bounds further (a text with a pattern is bound)."""
    if isinstance(kind, wanted):
        return not (isinstance(kind, StrType) and kind.pattern)
    return any(_holds(inner, wanted) for inner in _inside(kind))


def _accepts(kind: Type, unit: str) -> str:
    """In words, what may be written."""
    inner = [_accepts(one, unit) for one in _inside(kind)]
    match kind:
        case BoolType():
            return "`true` or `false`"
        case IntType() | FloatType():
            return ", ".join(filter(None, (unit or "a number", _range(kind))))
        case StrType():
            return "text"
        case Metadata(_, schema) if schema and "form" in schema:
            return str(schema["form"])
        case LiteralType(values):
            return _or([f'`"{value}"`' for value in values])
        case ListType() | VarTupleType():
            return f"list: {inner[0]}"
        case TupleType():
            return "a pair of texts"
        case DictType():
            return f"names, each with {inner[0]}"
        case Metadata() | UnionType():
            return " or ".join(inner)
        case StructType(cls) if cls is Limit:
            return "`per_second` above 0, `burst` 1 or more"
    raise TypeError(f"no words for {kind}")


def _range(kind: IntType | FloatType) -> str:
    if kind.le is not None:
        return f"{kind.ge} to {kind.le}"
    if kind.gt is not None:
        return f"above {kind.gt:g}"
    return f"{kind.ge} or more" if kind.ge is not None else ""


def _or(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
