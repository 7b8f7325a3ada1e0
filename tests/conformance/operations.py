"""The specification's operations for clients and for servers, those that this server does not have, and which the tests used."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
EXCEPTIONS = {
    "getWellknownPolicy": "served by a policy server, which this is not",
    "server askPolicyServerToSign": "likewise",
    "server queryInfo": "any further query: there are none beside directory and profile",
}  # fmt: skip
# operations whose right answer is never a 2xx here, with the reason
REFUSED = {
    "requestTokenTo3PIDMSISDN": "there are no telephone numbers here", "requestTokenToResetPasswordMSISDN": "likewise",
    "requestTokenToRegisterMSISDN": "likewise",
    "getContent": "the old routes serve only what was stored before they were frozen", "getContentOverrideName": "as getContent",
    "getContentThumbnail": "as getContent",
}  # fmt: skip


def operations() -> dict[str, tuple[str, str]]:
    """By operation id (of those between servers: `server` and the id): method and path."""
    with (FOLDER / "operations.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    prefixes = {"client-server": "", "server-server": "server "}
    return {prefixes[row["api"]] + row["operation_id"]: (row["method"], row["path"]) for row in rows}


def specification() -> dict[str, Any]:
    return json.loads((FOLDER / "client_server_api.json").read_text())  # type: ignore[no-any-return]


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path)


_MATCHERS = [
    (method, re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]*", re.escape(path))), name, path.count("{"))
    for name, (method, path) in operations().items()
]
ANSWERED: set[str] = (
    set()
)  # operations that a test of this session got an answer from: 2xx, 3xx, or what REFUSED expects


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
