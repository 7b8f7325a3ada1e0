"""The web client beside a real Synapse: one forum, people of both servers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from aiohttp import web

from chappe.homeserver.api.web.web_client import BUILT
from tests.clients.test_matrix_js_sdk import NODE_HOME, install_js, run_js
from tests.federation.conftest import Peer, authority, peer, synapse
from tests.federation.synapse import Synapse
from tests.federation.test_rooms import enter, hears
from tests.support import segment, until

__all__ = ["authority", "peer", "synapse"]
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("web"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (tests/install_components.sh)"),
    pytest.mark.skipif(not (BUILT / "index.html").is_file(), reason="needs the built web client (make web)"),
]


async def test_a_forum_with_a_neighbour(peer: Peer, synapse: Synapse, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHROMIUM is not None
    monkeypatch.setenv("CHROMIUM", CHROMIUM)
    await install_js()
    here, bob = await peer(), await synapse.person("neighbour")

    async def go(request: web.Request) -> web.Response:
        what, room = request.match_info["what"], request.match_info["value"]
        if what == "enter":
            await enter(bob, room, here)
            await bob.say(room, "Bonjour de Synapse")
        elif what == "hears":
            await hears(bob, room, "Bienvenue **à vous**")
            chunk = (await bob.messages(room))["chunk"]
            event = next(e["event_id"] for e in chunk if "Bienvenue" in e["content"].get("body", ""))
            relation = {"rel_type": "m.annotation", "event_id": event, "key": "👍"}
            await bob.call("PUT", f"/rooms/{segment(room)}/send/m.reaction/reaction1", {"m.relates_to": relation})
        elif what == "invited":

            async def invited() -> bool:
                return bool((await bob.sync()).get("rooms", {}).get("invite"))

            await until(invited)
            return web.Response(text="true")
        return web.Response(text=bob.id)

    application = web.Application()
    application.router.add_get("/{what}/{value}", go)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        arguments = (here.base, f"http://127.0.0.1:{runner.addresses[0][1]}", os.environ.get("CHAPPE_PICTURES", ""))
        node = str(NODE_HOME / "bin" / "node")
        output = await run_js(node, "neighbours.mjs", *arguments, cwd=Path(__file__).parent)
        assert "PLAY THE END" in output
    finally:
        await runner.cleanup()


async def test_a_playbook_of_two_servers(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crisis room with people of both, each with the client of their own server."""
    assert CHROMIUM is not None
    monkeypatch.setenv("CHROMIUM", CHROMIUM)
    await install_js()
    here, there = await peer(), await peer()
    arguments = (here.base, there.base, os.environ.get("CHAPPE_PICTURES", ""))
    node = str(NODE_HOME / "bin" / "node")
    output = await run_js(node, "playbook_across.mjs", *arguments, cwd=Path(__file__).parent)
    assert "PLAY THE END" in output
