"""Signing in with a real Chromium (tests/clients/js/sign_in.mjs)."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from chappe.config import Brand, IdentityProvider, Listener
from chappe.homeserver.accounts.second_factors import totp
from tests.clients.node import node
from tests.clients.test_matrix_js_sdk import NODE_HOME, install_js, run_js
from tests.neighbours import Mailbox, link_in
from tests.process import free_port
from tests.support import Server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("js")]
NewServer = Callable[..., Awaitable[Server]]
CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (tests/install_components.sh)")
async def test_signing_in_with_a_browser(new_server: NewServer, tmp_path: Path) -> None:
    await install_js()
    mailbox, own, theirs = Mailbox().start(), free_port(), free_port()
    base = f"http://localhost:{own}"  # passkeys want a name

    async def mail(request: web.Request) -> web.Response:
        return web.Response(text=link_in(await mailbox.next(request.match_info["value"])))

    async def code(request: web.Request) -> web.Response:
        secret = base64.b32decode(request.match_info["value"])
        return web.Response(text=totp(secret, server.node.now_ms() // 30_000))

    control = web.Application()
    control.router.add_get("/mail/{value}", mail)
    control.router.add_get("/totp/{value}", code)
    runner = web.AppRunner(control)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        provider = IdentityProvider(
            id="proconnect",
            name="ProConnect",
            issuer=f"http://127.0.0.1:{theirs}",
            client_id="chappe",
            client_secret="secret of chappe",
        )
        server = await new_server(
            listeners=[Listener(port=own)],
            public_url=base,
            identity_providers=[provider],
            email=mailbox.settings(),
            brands={"localhost": Brand(name="Messagerie de l'État", colour="#000091")},
        )
        await server.person("alice")
        bob = await server.person("bob")
        await server.node.bind_threepid(bob.id, "email", "bob@example.org", 1)  # type: ignore[arg-type]
        callback = f"{base}/login/oidc/proconnect"
        async with node("provider.mjs", str(theirs), f"{callback}/callback", f"{callback}/backchannel-logout"):
            os.environ["CHROMIUM"] = str(CHROMIUM)
            pictures = os.environ.get("CHAPPE_PICTURES", "")
            output = await run_js(
                str(NODE_HOME / "bin" / "node"), "sign_in.mjs", base, f"http://127.0.0.1:{runner.addresses[0][1]}", pictures
            )
        assert "PLAY THE END" in output and "signed in by a provider" in output
    finally:
        await runner.cleanup()
        mailbox.stop()
