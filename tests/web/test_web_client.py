"""The web client in a real Chromium against a real server: plays of several people, every screen looked at with axe-core."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chappe.homeserver.api.web.web_client import BUILT
from tests.clients.test_matrix_js_sdk import NODE_HOME, install_js, run_js
from tests.support import Server

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("web"),  # one browser after the other: two cores are few
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (tests/install_components.sh)"),
    pytest.mark.skipif(not (BUILT / "index.html").is_file(), reason="needs the built web client (make web)"),
]


@pytest.mark.parametrize("play", ["two_people", "rooms", "settings", "phone"])
async def test_a_play(new_server: Callable[..., Awaitable[Server]], play: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHROMIUM is not None
    monkeypatch.setenv("CHROMIUM", CHROMIUM)
    server = await new_server()
    await install_js()
    output = await run_js(str(NODE_HOME / "bin" / "node"), f"{play}.mjs", server.base, cwd=HERE)
    assert "PLAY THE END" in output
