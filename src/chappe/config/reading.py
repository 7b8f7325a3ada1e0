"""A TOML file as a typed structure; every mistake is reported with its line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


class ConfigError(Exception):
    """The configuration cannot be used; the message names file and line."""


def parse_toml(path: Path, kind: type[T]) -> T:
    """A file as a typed structure. Raises ConfigError naming file, line and what is wrong there."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        raise ConfigError(located(path, text, where.rstrip("`").lstrip("."), message)) from None


def located(path: Path, text: str, where: str, message: str) -> str:
    """The mistake with its file and line. `where`: a setting such as `listeners[1].port`."""
    unknown = re.search(r"unknown field `([^`]+)`", message)
    setting = ".".join(filter(None, (where, unknown[1] if unknown else ""))) or "the file"
    line = _line_of(text, where, unknown[1] if unknown else None)
    return f"{path}{f', line {line}' if line else ''}: {setting}: {message}"


def _line_of(text: str, where: str, extra: str | None) -> int | None:
    """The line of a setting such as `listeners[1].port`, found by reading tables and keys."""
    parts: list[str] = re.findall(r"[^.\[\]]+", where)
    wanted = [p for p in parts if not p.isdigit()] + ([extra] if extra else [])
    index = next((int(p) for p in parts if p.isdigit()), 0)
    table: list[str] = []
    seen: dict[str, int] = {}
    best: int | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#", 1)[0].strip()
        if match := re.match(r"\[\[\s*([\w.]+)\s*\]\]", line):
            table = match[1].split(".")
            seen[match[1]] = seen.get(match[1], -1) + 1
        elif match := re.match(r"\[\s*([\w.]+)\s*\]", line):
            table = match[1].split(".")
        key = re.match(r"([\w-]+)\s*=", line)
        path = table + ([key[1]] if key else [])
        if path == wanted[: len(path)] and path and seen.get(".".join(table), 0) in (index, 0 if not seen else index):
            if path == wanted:
                return number
            best = number
    return best
