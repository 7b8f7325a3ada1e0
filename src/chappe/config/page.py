"""docs/settings.md, made from the sections: what can be set, what holds where it is not, and what it means.

`make settings` writes it; a test looks that the page is what the sections say.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chappe.config.config import Config
from chappe.config.first_file import toml
from chappe.config.gateway import GatewaySettings
from chappe.config.listeners import Listener
from chappe.config.settings import Section, Setting, sections
from chappe.config.values import ANY_TEXT

HEAD = """\
# Settings

What can be set in `chappe.toml`, what holds where it is not set, what it takes and what it means. A setting that is not known, a value
of another type and one out of its range are refused at the start and by `chappe config check`, with their line; what happens with a
value that is wrong otherwise stands after "If wrong". [operator.md](operator.md) says what to do with the settings. This page and the
comments of the first `chappe.toml` are made from `src/chappe/config` (`make settings`).
"""


def page() -> str:
    """The whole of docs/settings.md."""
    lines = [HEAD]
    for section in sections(Config):
        lines += [f"## {f'`{section.heading}`' if section.path else 'The server'}", "", *_table(section)]
    for section in sections(GatewaySettings):
        if section.struct is not Listener:  # the server has the same
            lines += [f"## Gateway{f': `{section.heading}`' if section.path else ''}", "", *_table(section)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(section: Section) -> Iterator[str]:
    yield from (section.meaning.replace("\n", "\n\n"), "", "| setting | default | takes | meaning |", "|---|---|---|---|")
    yield from _rows(section)
    yield ""


def _rows(section: Section) -> Iterator[str]:
    for one in section.settings:
        cells = (f"`{one.name}`", _default(one), one.accepts, _meaning(one))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(setting: Setting) -> str:
    if setting.default is msgspec.NODEFAULT:
        return "must be set"
    return "" if setting.default is None else f"`{toml(setting.default)}`"


def _meaning(setting: Setting) -> str:
    """With an example, where there is one that shows something, and what a wrong value does."""
    words = [setting.meaning]
    if setting.example not in (None, "…"):
        words.append(f"For example `{toml(setting.example)}`.")
    if setting.wrong == ANY_TEXT:
        words.append(ANY_TEXT)
    elif setting.wrong:
        words.append(f"If wrong: {setting.wrong[0].lower()}{setting.wrong[1:]}")
    return " ".join(words)


if __name__ == "__main__":
    print(page(), end="")
