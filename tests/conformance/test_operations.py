"""Every operation of the specification has a route. (That each has a test, `conftest.py` checks at the end.)"""

from __future__ import annotations

import pytest

from tests.conformance.operations import EXCEPTIONS, operations, shape
from tests.support import Server


@pytest.mark.parametrize("name", sorted(operations()))
async def test_it_is_routed(server: Server, name: str) -> None:
    method, path = operations()[name]
    routed = {(r.endpoint.method, shape(r.endpoint.path)) for r in server.node.routes()}
    assert ((method, shape(path)) in routed) is (name not in EXCEPTIONS), (
        f"{method} {path}: {EXCEPTIONS.get(name, 'missing')}"
    )


def test_exceptions_are_operations() -> None:
    assert set(EXCEPTIONS) <= set(operations())
