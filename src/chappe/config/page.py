"""docs/settings.md, made from the sections: what can be set, what holds where it is not, and what it means.

`make settings` writes it; a test looks that the page is what the sections say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

import msgspec

from chappe.config.config import Config
from chappe.config.first_file import SECTIONS
from chappe.config.limits import Limit, Limits

HEAD = """\
# Settings

What can be set in `chappe.toml`, what holds where it is not set, and what it means. `chappe config check` reports mistakes with their
line; [operator.md](operator.md) says what to do with the settings. This page is made from `src/chappe/config` (`make settings`).
"""
_TABLE = re.compile(r"(?:# )?(\[+)([\w.\"]+)\]+(?: +# (.*))?")
_SETTING = re.compile(r"(?:# )?([\w-]+|\"[\w.-]+\") = (.+?)(?: +# (.*))?")
_ABOVE, _MORE = re.compile(r"# ?(.*)"), re.compile(r" +# (.*)")  # what explains the next line, or goes on from the last one


@dataclass
class Line:
    """A setting as the first file shows it. `value`: TOML."""

    name: str
    value: str
    meaning: str


@dataclass
class Table:
    """`path`: such as `agency.classifications`; empty for the settings of the whole server. `repeated`: `[[…]]`."""

    path: str = ""
    repeated: bool = False
    meaning: str = ""
    lines: list[Line] = field(default_factory=list)

    @property
    def heading(self) -> str:
        if not self.path:
            return "The server"
        return f"`[[{self.path}]]`" if self.repeated else f"`[{self.path}]`"


def tables() -> list[Table]:
    """The lines of the first file, by table."""
    found = [Table()]
    above = ""
    for line in "\n".join(SECTIONS).format(server_name="example.org", address="127.0.0.1", port=8008).splitlines():
        if match := _TABLE.fullmatch(line):
            found.append(Table(match[2], match[1] == "[[", match[3] or ""))
        elif match := _SETTING.fullmatch(line):
            found[-1].lines.append(Line(match[1], match[2], match[3] or above))
        elif match := _MORE.fullmatch(line):
            explained = found[-1].lines[-1] if found[-1].lines else found[-1]
            explained.meaning += f" {match[1]}"
        above = f"{above} {match[1]}".strip() if not match and (match := _ABOVE.fullmatch(line)) else ""
    return found


def struct_of(path: str) -> type[msgspec.Struct] | None:
    """The section at a path; None where an operator chooses the names, as in `[federation.delegate_to]`."""
    kind: Any = Config
    for name in re.findall(r"\w+|\"[^\"]+\"", path):
        if name.startswith('"'):
            continue  # the name of a domain: the section is what stands under any
        kind = get_type_hints(kind)[name]
        kind = next((k for k in get_args(kind) if k is not str), kind)  # list[X], dict[str, X]
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def defaults_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """By setting; `NODEFAULT` where it must be set."""
    fields = msgspec.structs.fields(struct)
    return {f.name: f.default if f.default_factory is msgspec.NODEFAULT else f.default_factory() for f in fields}


def _rows(table: Table, sections: set[str]) -> Iterator[str]:
    """`sections`: those inside, which have tables of their own."""
    struct = struct_of(table.path)
    lines = {line.name: line for line in table.lines}
    defaults = defaults_of(struct) if struct else dict.fromkeys(lines)
    for name, value in defaults.items():
        if name not in sections:
            yield f"| `{name}` | {_default(value)} | {_cell(_meaning(lines[name], value)) if name in lines else ''} |"


def _sections(within: str) -> set[str]:
    """The names of the sections directly inside of one."""
    prefix = f"{within}." if within else ""
    return {table.path.removeprefix(prefix).partition(".")[0] for table in tables() if table.path.startswith(prefix)}


def _default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return "must be set"
    return "" if value is None else f"`{_cell(msgspec.json.encode(value).decode())}`"


def _meaning(line: Line, default: Any) -> str:
    """With the value that the first file shows, where that is an example and says something."""
    shown = tomllib.loads(f"x = {line.value}")["x"]
    if default or "…" in line.value or shown in (default, [], ""):
        return line.meaning
    return f"{line.meaning.rstrip('.')}{'; ' if line.meaning else ''}such as `{line.value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _limits() -> Iterator[str]:
    """Of limits one stands for all in the first file: here are their figures."""
    yield from ("| limit | `per_second` | `burst` |", "|---|---|---|")
    for name, limit in msgspec.structs.asdict(Limits()).items():
        assert isinstance(limit, Limit)
        yield f"| `[limits.{name}]` | {limit.per_second:g} | {limit.burst} |"


def page() -> str:
    """The whole of docs/settings.md."""
    lines = [HEAD]
    for table in tables():
        limits = table.path.startswith("limits.")
        lines += [f"## {'`[limits]`' if limits else table.heading}", ""]
        if table.meaning:
            lines += [f"{table.meaning[0].upper()}{table.meaning[1:]}.", ""]
        if limits:
            lines += [*_limits(), ""]
        else:
            lines += ["| setting | default | meaning |", "|---|---|---|", *_rows(table, _sections(table.path)), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    print(page(), end="")
