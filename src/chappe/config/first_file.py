"""The file that is written at first start: every setting as it is where nothing is set, with what it means."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from chappe.config.config import Config
from chappe.config.settings import Section, Setting, sections

HEAD = """\
# Chappe. Take the mark (#) from before a setting to change it. What stands there now is what holds, unless its words begin with
# "Example". Check changes with: chappe config check. What each setting takes, and what a wrong value does: docs/settings.md.

"""
_WIDTH, _COLUMN = 132, 36  # of a line; where its words begin


def template(server_name: str, address: str, port: int) -> str:
    """The file written at first start."""
    return written(Config, {"server_name": server_name, "listeners.address": address, "listeners.port": port})


def written(struct: type[msgspec.Struct], values: Mapping[str, Any]) -> str:
    """The file of a structure. `values`: what is set in it, by path and name; all else stands as a comment."""
    return HEAD + "\n".join(line for section in sections(struct) for line in _lines(section, values)).strip("\n") + "\n"


def _lines(section: Section, values: Mapping[str, Any]) -> Iterator[str]:
    prefix = f"{section.path}." if section.path else ""
    if section.path:
        is_there = section.is_single or any(name.startswith(prefix) for name in values)
        yield ""
        for paragraph in section.meaning.split("\n"):
            yield from textwrap.wrap(paragraph, _WIDTH, initial_indent="# ", subsequent_indent="# ")
        yield f"{'' if is_there else '# '}{section.heading}"
    for setting in section.settings:
        yield from _explained(setting, values.get(f"{prefix}{setting.name}"))


def _explained(setting: Setting, value: Any) -> Iterator[str]:
    """A setting's line, and beside it what it means. `value`: what is set; None for a comment."""
    is_example = value is None and setting.is_shown_by_example
    shown = value if value is not None else setting.example if is_example else setting.default
    line = f"{'# ' if value is None else ''}{setting.name} = {toml(shown)}"
    meaning = f"Example. {setting.meaning}" if is_example else setting.meaning
    words = textwrap.wrap(meaning, _WIDTH - _COLUMN - 2, break_on_hyphens=False, break_long_words=False)
    if len(line) < _COLUMN:
        yield f"{line:{_COLUMN}}# {words.pop(0)}"
    else:
        yield line
    for more in words:
        yield f"{'':{_COLUMN}}# {more}"


def toml(value: Any) -> str:
    """A value as TOML has it."""
    match value:
        case bool() | int() | float():
            return orjson.dumps(value).decode()
        case str():
            return orjson.dumps(value).decode()  # a basic string escapes as JSON does
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case msgspec.Struct():
            return toml(msgspec.structs.asdict(value))
        case dict():
            return f"{{{', '.join(f'{_key(name)} = {toml(one)}' for name, one in value.items())}}}"
    raise TypeError(f"TOML has no {value!r}")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else toml(name)
