"""docs/clients.md says which programs of others are run, in the versions in which they are."""

from __future__ import annotations

import re
from pathlib import Path

from tests.clients import refusals

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "clients.md").read_text()
PINS = [ROOT / "pyproject.toml", ROOT / "tests/install_components.sh", ROOT / "tests/clients/js/package.json"]
HEAVY = ROOT / "tests/clients/heavy"


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\|(.*)\|$", section, re.M)
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def test_what_is_in_the_suite_is_pinned() -> None:
    pins = "\n".join(path.read_text() for path in PINS)
    for name, version, _ in rows("In the suite"):
        if version != "Debian's":
            assert version.split(",")[0] in pins, f"{name} {version}"


def test_what_make_clients_runs_is_listed_and_pinned() -> None:
    tests = {path.name: path.read_text() for path in sorted(HEAVY.glob("test_*.py"))}
    go = (HEAVY / "bridgev2" / "go.mod").read_text()
    listed = set()
    for name, program, version, *_ in rows("`make clients`"):
        (file,) = [file for file in tests if name.strip("`") in file]
        assert version.split()[0].rstrip(",") in tests[file] + go, f"{program} {version}"
        listed.add(file)
    assert listed == tests.keys()


def test_every_refusal_has_a_reason_and_no_failure_has() -> None:
    for client, method, path, status, _, why in refusals.TABLE:
        assert 400 <= status < 500 and why.strip() and path.startswith("/"), (client, method, path)
    keys = [row[:5] for row in refusals.TABLE]
    assert len(set(keys)) == len(keys)
