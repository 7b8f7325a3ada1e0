"""oidc-client-ts, on which administration tools and other web applications sign in, against the OAuth 2.0 API."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest

from tests.browser import Browser
from tests.clients.conftest import Watch
from tests.clients.test_matrix_js_sdk import JS, NODE_HOME, install_js
from tests.clients.watched import Watched
from tests.support import PASSWORD, Person, Server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("js")]
MATRIX = "openid urn:matrix:org.matrix.msc2967.client:api:* urn:matrix:org.matrix.msc2967.client:device:OPENIDOPEN"


async def signed_in(watched: Watched, person: Person, scope: str) -> Any:
    """What the program holds after somebody has agreed in a browser."""
    await install_js()
    process = await asyncio.create_subprocess_exec(
        str(NODE_HOME / "bin" / "node"),
        "openid.mjs",
        watched.base,
        scope,
        cwd=JS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    try:
        address = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
        assert address, (await process.stderr.read()).decode()
        browser = await Browser(watched).sign_in(person.id, PASSWORD, address)
        await browser.submit("/oauth2/authorize")
        out, err = await asyncio.wait_for(process.communicate(f"{browser.url}\n".encode()), 60)
        assert process.returncode == 0, err.decode()
        return json.loads(out)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("rights", ["", " urn:synapse:admin:* urn:mas:admin"])
async def test_signing_in(server: Server, watch: Watch, rights: str) -> None:
    """The library refuses an answer that grants `openid` and brings no ID token."""
    watched, person = await watch(server, "oidc-client-ts"), await server.person()
    await server.node.accounts.change(person.id, is_admin=True)
    held = await signed_in(watched, person, MATRIX + rights)
    assert held["kept"] == {"mine": 1} and held["first"] != held["second"]
    granted = held["scope"].split()
    assert granted == [s for s in (MATRIX + rights).split() if s not in ("openid", "urn:mas:admin")]
    path = "/_synapse/admin/v2/users"
    status, _, _ = await watched.server.raw("GET", path, None, held["second"])
    assert status == (200 if rights else 403)
