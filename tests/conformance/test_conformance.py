"""`docs/conformance.md` against the code: what it lists is so, and what is so otherwise than the text has it is listed."""

from __future__ import annotations

import ast

import pytest

from chappe.homeserver.http.router import NO_AUTH, OPTIONAL_AUTH
from tests.conformance.operations import EXCEPTIONS, REFUSED, ROOT, every_operation, shape, tables
from tests.support import Server

# by whether an operation takes a token (`operations.tsv`): how an endpoint may say so
AUTH = {"no": {NO_AUTH}, "optional": {OPTIONAL_AUTH}, "yes": {"required", "guest", "admin", "server"}}


def routed(server: Server) -> dict[tuple[str, str], str]:
    """Method and shape of every route, and who may call it."""
    return {(r.endpoint.method, shape(r.endpoint.path)): r.endpoint.auth for r in server.node.routes()}


async def test_every_operation_is_served_or_listed(server: Server) -> None:
    served = routed(server)
    missing = {n for n, row in every_operation().items() if (row["method"], shape(row["path"])) not in served}
    assert missing == set(EXCEPTIONS)


async def test_every_other_door_is_listed(server: Server) -> None:
    served, otherwise = routed(server), {}
    for name, row in every_operation().items():
        auth = served.get((row["method"], shape(row["path"])))
        if auth is not None and row["api"] != "identity" and auth not in AUTH[row["auth"]]:
            otherwise[name] = (row["auth"], auth)
    assert otherwise == {name: (text, here) for _, name, text, here, _ in tables()["Who may ask"]}


async def test_what_the_text_has_removed_is_served(server: Server) -> None:
    served, known = routed(server), {(row["method"], shape(row["path"])) for row in every_operation().values()}
    for what, *_ in tables()["What is still served"]:
        method, path = what.split()
        assert (method, shape(path)) in served.keys() - known, what


def test_what_always_refuses_is_an_operation() -> None:
    assert set(REFUSED) <= set(every_operation()) and not set(REFUSED) & set(EXCEPTIONS)


@pytest.mark.parametrize(
    "row", [*tables()["What is done otherwise"], *tables()["What the text leaves open"]], ids=lambda row: row[-1]
)
def test_what_is_done_otherwise_is_shown_by_a_test(row: list[str]) -> None:
    *words, shown_by = row
    path, _, name = shown_by.partition("::")
    assert all(words) and name in {
        node.name
        for node in ast.parse((ROOT / path).read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


async def test_the_versions_that_the_page_names_are_claimed(server: Server) -> None:
    _, raw, _ = await server.raw("GET", "/_matrix/client/versions")
    _, identity, _ = await server.raw("GET", "/_matrix/identity/versions")
    page = (ROOT / "docs" / "conformance.md").read_text()
    for claimed in (raw, identity):
        newest = claimed.decode().split('"v')[-1].split('"')[0]
        assert f"version {newest} of the Matrix specification" in page
