"""What is meant to run alone does: two plays in two browsers at once are more than two cores bear."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.xdist_group("groups")


def test_pytest_and_xdist_agree_on_groups(request: pytest.FixtureRequest) -> None:
    """By the end of a test's name: a pytest that names tests otherwise makes groups run side by side, without a word."""
    assert request.node.nodeid.endswith("@groups") or "PYTEST_XDIST_WORKER" not in os.environ
