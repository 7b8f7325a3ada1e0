"""The licence is the one that is said, and what runs with us may be joined with it (docs/decisions/0016)."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
NAME = "AGPL-3.0-or-later"
# the text as the Free Software Foundation publishes it: https://www.gnu.org/licenses/agpl-3.0.txt
SHA256 = "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"
# BlueOak-1.0.0 asks for its text to go along and nothing else, as MIT does
JOINS = re.compile(r"\b(MIT|MIT-0|BlueOak|0?BSD|ISCL?|Apache|PSF|Python|MPL|LGPL\w*|OFL)\b")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]


def test_the_text_is_unaltered() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == SHA256


def test_everything_says_the_same() -> None:
    assert PROJECT["license"] == NAME and PROJECT["license-files"] == ["LICENSE"]
    assert json.loads((ROOT / "web" / "package.json").read_text())["license"] == NAME
    assert NAME in (ROOT / "README.md").read_text()


def running() -> dict[str, Distribution]:
    """What is installed to run Chappe: its dependencies, and theirs."""
    found: dict[str, Distribution] = {}
    asked = [Requirement(line) for line in PROJECT["dependencies"]]
    for need in asked:
        if need.name.lower() in found or (need.marker is not None and not need.marker.evaluate({"extra": ""})):
            continue
        try:
            package = found[need.name.lower()] = distribution(need.name)
        except PackageNotFoundError:
            continue  # for another kind of machine
        asked += [Requirement(line) for line in package.requires or ()]
    return found


def licence_of(package: Distribution) -> str:
    said = package.metadata.get("License-Expression") or (package.metadata.get("License") or "").split("\n")[0]
    kinds = [line for line in package.metadata.get_all("Classifier") or () if line.startswith("License")]
    return said or ", ".join(line.split("::")[-1].strip() for line in kinds)


def test_what_runs_may_be_joined() -> None:
    packages = running()
    assert len(packages) > 40
    assert {n: text for n, package in packages.items() if not JOINS.search(text := licence_of(package))} == {}


def test_what_the_web_client_is_built_from_may_be_joined() -> None:
    runs = {path: entry for path, entry in LOCK.items() if path and not entry.get("dev")}
    assert len(runs) > 40
    assert {path: entry for path, entry in runs.items() if not JOINS.search(entry.get("license", ""))} == {}
