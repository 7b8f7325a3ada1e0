"""The specification's operations, what `docs/conformance.md` says of them, and which the tests used."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
PREFIXES = {
    "client-server": "",
    "server-server": "server ",
    "identity": "identity ",
    "application-service": "service ",
    "push-gateway": "gateway ",
}


def tables() -> dict[str, list[list[str]]]:
    """The rows of each table of `docs/conformance.md`, by its heading, without marks of code."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in (ROOT / "docs" / "conformance.md").read_text().splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("|") and not line.startswith("|---"):
            found.setdefault(heading, []).append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return {heading: rows[1:] for heading, rows in found.items()}


def _named(heading: str) -> dict[str, str]:
    """Operation to reason."""
    return {PREFIXES[api] + name: reason for api, name, reason in tables()[heading]}


EXCEPTIONS = _named("Endpoints that are not served")
REFUSED = _named("Endpoints that always refuse")  # operations whose right answer is never a 2xx here


def every_operation() -> dict[str, dict[str, str]]:
    """By operation id (of all but the client-server API: a word for the API and the id): its row of `operations.tsv`."""
    with (FOLDER / "operations.tsv").open() as file:
        return {PREFIXES[row["api"]] + row["operation_id"]: row for row in csv.DictReader(file, delimiter="\t")}


def operations() -> dict[str, tuple[str, str]]:
    """Method and path of those for clients and between servers."""
    return {
        name: (row["method"], row["path"])
        for name, row in every_operation().items()
        if row["api"] in ("client-server", "server-server")
    }


def specification() -> dict[str, Any]:
    return json.loads((FOLDER / "client_server_api.json").read_text())  # type: ignore[no-any-return]


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path)


_MATCHERS = [
    (method, re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]*", re.escape(path))), name, path.count("{"))
    for name, (method, path) in operations().items()
]
ANSWERED: set[str] = set()  # operations that a test of this session got an answer from: 2xx, 3xx, or what REFUSED expects


def record(method: str, target: str, status: int) -> None:
    path = target.split("?", 1)[0]
    found = [(count, name) for m, pattern, name, count in _MATCHERS if m == method and pattern.fullmatch(path)]
    if not found:
        return
    fewest = min(found)[0]  # fixed segments win over parameters, as in the router
    for count, name in found:
        if count == fewest and (status < 400 or (name in REFUSED and status < 500)):
            ANSWERED.add(name)


def never_answered() -> list[str]:
    """Operations without a behaviour test."""
    return sorted(operations().keys() - EXCEPTIONS.keys() - ANSWERED)
