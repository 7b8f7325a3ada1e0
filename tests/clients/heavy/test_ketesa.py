"""Ketesa (once synapse-admin), the administration tool in the browser: it signs in by OAuth, and its pages show what they ask for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from aiohttp import web

from tests.clients.conftest import Watch
from tests.clients.heavy.installed import FOLDER, run, source
from tests.clients.test_matrix_js_sdk import JS, NODE_HOME, install_js
from tests.support import PASSWORD, Person, Server, segment

COMMIT = "cf66c8e3a49e099970754703f6e0cf966f61b0f5"  # 1.0.0
CHROMIUM = shutil.which("chromium") or ""
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium (tests/install_components.sh)")


async def built() -> Path:
    """Its files, made of the versions in its own lock file."""
    folder, made = await source("ketesa", "etkecc/synapse-admin", COMMIT), FOLDER / "ketesa.built"
    if not made.exists() or made.read_text() != COMMIT:
        node, path = NODE_HOME / "bin" / "node", {"PATH": f"{NODE_HOME / 'bin'}:/usr/bin:/bin"}
        npm = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        options = (
            "--legacy-peer-deps",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--replace-registry-host=always",
            "--loglevel=error",
        )
        await run(node, npm, "install", *options, cwd=folder, env=path, seconds=1800)
        await run(node, "node_modules/vite/bin/vite.js", "build", cwd=folder, env=path, seconds=1800)
        made.write_text(COMMIT)
    return folder / "dist"


async def _served(dist: Path) -> web.AppRunner:
    """As any web server would give it out."""

    async def page(request: web.Request) -> web.FileResponse:
        return web.FileResponse(dist / request.path.strip("/") / "index.html")

    async def configuration(request: web.Request) -> web.Response:
        return web.json_response({})

    application = web.Application()
    application.router.add_get("/", page)
    application.router.add_get("/auth-callback/", page)
    application.router.add_get("/config.json", configuration)
    application.router.add_static("/", dist)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def test_its_pages(server: Server, alice: Person, bob: Person, watch: Watch) -> None:
    dist, watched = await built(), await watch(server, "ketesa")
    await install_js()
    await server.node.accounts.change(alice.id, is_admin=True)
    room = await bob.create_room(name="Salon", preset="public_chat")
    event = await bob.say(room, "bonjour")
    await alice.join(room)
    await alice.call("POST", f"/rooms/{segment(room)}/report/{segment(event)}", {"reason": "a test"})
    await alice.call("POST", f"/users/{segment(bob.id)}/report", {"reason": "a test"})
    await server.raw("POST", "/_matrix/media/v3/upload", b"a file", bob.token)
    runner = await _served(dist)
    tool = f"http://localhost:{runner.addresses[0][1]}"
    try:
        output = await run(
            NODE_HOME / "bin" / "node",
            "ketesa.mjs",
            tool,
            watched.base,
            alice.id,
            PASSWORD,
            cwd=JS,
            env={"CHROMIUM": CHROMIUM},
            seconds=300,
        )
        assert output.count("PAGE ") == 9, output
    finally:
        await runner.cleanup()
