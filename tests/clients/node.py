"""Node programs beside a test: started, waited for, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from tests.clients.test_matrix_js_sdk import JS, NODE_HOME, install_js


@contextlib.asynccontextmanager
async def node(program: str, *arguments: str) -> AsyncIterator[None]:
    """Runs until the end of the block; begins when it prints READY."""
    await install_js()
    process = await asyncio.create_subprocess_exec(
        str(NODE_HOME / "bin" / "node"),
        program,
        *arguments,
        cwd=JS,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "NODE_OPTIONS": "--use-system-ca"},
    )
    assert process.stdout is not None
    while (line := await asyncio.wait_for(process.stdout.readline(), 60)).strip() != b"READY":
        assert line, f"{program} did not start"
    try:
        yield
    finally:
        process.kill()
        await process.wait()
