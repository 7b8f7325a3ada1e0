"""Who may import whom: the layers of `docs/architecture.md`, and modules that do not know each other.

A feature's folder reaches over several layers: its module stands low, what it says in sync, answers and declares as a part higher.
Layers are therefore of files, and not only of packages.
"""

from __future__ import annotations

import re
from functools import cache
from graphlib import CycleError, TopologicalSorter

import grimp

# From the top; a line imports the lines below it, and within a line only those of its own pattern's package.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("agency",),
    ("homeserver.app",),
    ("homeserver.*.part", "homeserver.*.*.part"),
    (
        *("homeserver.api", "homeserver.senders", "homeserver.modules.*.api"),
        *("homeserver.accounts.api", "homeserver.rooms.api", "homeserver.sync.api"),
    ),
    ("homeserver.modules.*.section",),
    ("homeserver.sync", "homeserver.actions"),
    ("homeserver.modules",),
    ("homeserver.rooms", "homeserver.accounts"),
    ("homeserver.outbound", "homeserver.gateway", "homeserver.part"),
    ("homeserver.http", "homeserver.database", "homeserver.bus", "homeserver.policy"),
    ("homeserver.load",),
    ("net",),
    ("matrix",),
)
LEAVES = ("config", "telemetry", "i18n")
FEATURE = re.compile(r"chappe\.homeserver\.modules\.(\w+)")


PURE = ("asyncio", "asyncpg", "logging", "time", "random")  # what the protocol does without


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph("chappe", include_external_packages=True)


def _imports(importer: str) -> list[str]:
    return sorted(_graph().find_modules_directly_imported_by(importer))


def _own() -> list[str]:
    return sorted(m for m in _graph().modules if m.split(".")[0] == "chappe")


@cache
def _patterns() -> tuple[tuple[int, str, re.Pattern[str]], ...]:
    """(layer, pattern, its expression), the narrow ones first: a section is no ordinary file of its module."""
    found = []
    for level, line in enumerate(LAYERS):
        for pattern in line:
            expression = re.escape("chappe." + pattern).replace(r"\*", r"\w+") + r"(?=\.|$)"
            found.append((level, pattern, re.compile(expression)))
    return tuple(sorted(found, key=lambda f: -f[1].count(".")))


def layer_of(module: str) -> tuple[int, str] | None:
    """The layer of a module and the pattern that says so; None for the package itself and the leaves."""
    return next(((level, pattern) for level, pattern, expression in _patterns() if expression.match(module)), None)


def may_import(importer: str, imported: str) -> bool:
    here, there = layer_of(importer), layer_of(imported)
    if here is None or there is None:  # leaves import nothing but their own package
        return there is None and (here is not None or importer.split(".")[1] == imported.split(".")[1])
    if here != there:
        return here[0] < there[0]
    return _feature(importer) == _feature(imported)


def _feature(module: str) -> str:
    """The module of the specification to which a file belongs."""
    match = FEATURE.match(module)
    return match[1] if match else ""


def test_the_order_of_layers_holds() -> None:
    wrong = [
        f"{importer} imports {imported}"
        for importer in _own()
        for imported in _imports(importer)
        if importer != "chappe" and imported.startswith("chappe.") and not may_import(importer, imported)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_file_has_a_layer() -> None:
    """Or is one of the leaves, which everybody may import."""
    files = [m for m in _own() if m not in ("chappe", "chappe.homeserver")]
    assert not [m for m in files if m.split(".")[1] not in LEAVES and layer_of(m) is None]


def _circles(imports: dict[str, set[str]]) -> set[tuple[str, ...]]:
    """The files that reach each other, in groups."""
    try:
        tuple(TopologicalSorter(imports).static_order())
        return set()
    except CycleError as error:
        circle = tuple(sorted(set(error.args[1])))
        return {circle} | _circles({m: found - set(circle) if m in circle else found for m, found in imports.items()})


def test_no_files_import_each_other() -> None:
    """Not for types either: what two files need of each other belongs into a third, or is said by a protocol."""
    own = set(_own())
    assert not _circles({m: own & set(_imports(m)) for m in own})


def test_circles_are_found() -> None:
    assert _circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": {"d"}}) == {("a", "b", "c"), ("d", "e")}


def test_the_protocol_is_pure() -> None:
    """No input or output, no clock, no logging, no chance, no configuration."""
    files = [m for m in _own() if m.startswith("chappe.matrix")]
    forbidden = {*PURE, *(m for m in _own() if m.startswith(("chappe.config", "chappe.telemetry")))}
    assert files
    assert not {m: wrong for m in files if (wrong := forbidden & set(_imports(m)))}


def test_a_section_of_the_configuration_knows_no_other() -> None:
    """Only the files that say something of the whole do: so a program may read the sections that concern it."""
    whole = {f"chappe.config{name}" for name in ("", ".config", ".gateway", ".settings", ".first_file", ".page")}
    sections = {m for m in _own() if m.startswith("chappe.config.")} - whole - {"chappe.config.values", "chappe.config.reading"}
    assert len(sections) > 10
    assert not {m: wrong for m in sections if (wrong := (sections | whole) & set(_imports(m)))}


def test_the_order_means_something() -> None:
    receipts = "chappe.homeserver.modules.receipts"
    assert may_import(f"{receipts}.section", f"{receipts}.receipts")
    assert may_import(f"{receipts}.part", f"{receipts}.api")
    assert not may_import(f"{receipts}.receipts", f"{receipts}.section")
    assert not may_import(f"{receipts}.section", f"{receipts}.api")
    assert not may_import(f"{receipts}.section", "chappe.homeserver.modules.typing.section")
    assert not may_import(f"{receipts}.receipts", "chappe.homeserver.modules.typing.typing")
    assert not may_import("chappe.homeserver.sync.engine", f"{receipts}.section")
    assert not may_import("chappe.homeserver.rooms.rooms", "chappe.homeserver.accounts.accounts")
    assert not may_import("chappe.config", "chappe.homeserver.rooms.rooms")
