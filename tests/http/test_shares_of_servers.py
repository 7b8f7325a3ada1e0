"""What another server may ask for is counted by its host: a machine has 65,535 ports, and each of them is another server's name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import chappe
from chappe.homeserver.http import peer_budgets
from chappe.homeserver.http.peer_budgets import PeerBudgets
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.matrix.errors import LimitExceeded

SOURCE = Path(chappe.__file__).parent
WORDS = ("origin", "server", "peer", "domain")  # in what a bucket is named after, where it is a server's
ONE_HOST = [
    ("evil.example", "evil.example:8448", "evil.example:65535"),
    ("203.0.113.7:1", "203.0.113.7:2", "203.0.113.7"),
    ("[2001:db8::1]:1", "[2001:db8::1]:2", "[2001:db8::1]"),
]


@pytest.mark.parametrize("names", ONE_HOST)
def test_the_ports_of_a_host_share_a_bucket(names: tuple[str, ...]) -> None:
    limits = RateLimits({"invited": (0.001, 2)}, lambda: 0.0)
    for name in names[:2]:
        limits.check_server("invited", name, "@bob:x")
    with pytest.raises(LimitExceeded):
        limits.check_server("invited", names[2], "@bob:x")
    limits.check_server("invited", names[2], "@carol:x")
    limits.check_server("invited", "good.example", "@bob:x")


@pytest.mark.parametrize("names", ONE_HOST)
async def test_the_ports_of_a_host_share_a_budget(names: tuple[str, ...]) -> None:
    budgets = PeerBudgets(lambda: 0.0)
    budgets.spend(names[0], peer_budgets.BURST_BYTES + 1)
    with pytest.raises(LimitExceeded):
        async with budgets.slot(names[1], True):
            pass
    async with budgets.slot("good.example", True):
        pass


def test_limits_of_servers_are_taken_by_the_function_that_knows_hosts() -> None:
    found = list(_keys())
    assert len(found) > 10, "the scan sees the limits"
    assert [where for where, key in found if any(word in key for word in WORDS)] == [], "use `check_server`"


def _keys() -> Iterator[tuple[str, str]]:
    """(where, the code of its key) of each use of a limit."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or len(node.args) < 2:
                continue
            of, name = ast.unparse(node.func.value), node.func.attr
            if of.endswith("limits") and name in ("check", "require", "give_back"):
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", ast.unparse(node.args[1]).lower()
