"""What the server keeps on disk is for its own account, whoever else has one on the machine."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chappe.homeserver.database.passage import let_pass
from tests.process import ServedProcess


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServedProcess]:
    """On a folder that was open, as `mkdir` leaves it."""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    running = await ServedProcess(data, "--dev").start()
    yield running
    await running.stop()


def modes(folder: Path) -> dict[str, int]:
    return {str(path): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*") if not path.is_socket()}


async def test_nobody_else_reads_what_is_kept(server: ServedProcess) -> None:
    alice = await server.person("alice")
    status, _, _ = await server.raw("POST", "/_matrix/media/v3/upload", b"only for Alice", alice.token)
    assert status == 200
    found = modes(server.data)
    assert any("media" in path for path in found) and any("base/" in path for path in found)
    assert {path: oct(mode) for path, mode in found.items() if mode & 0o077} == {}
    assert stat.S_IMODE(server.data.stat().st_mode) & 0o007 == 0
    assert any("it is closed now" in line for line in server.lines), "the operator is told"
    await server.raw("GET", "/health")
    await server.kill()
    await server.start()
    assert (await alice.call("GET", "/account/whoami"))["user_id"] == alice.id, "PostgreSQL still reaches its data"


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes other accounts")
def test_one_account_may_pass_and_nobody_else(tmp_path: Path) -> None:
    nobody, daemon = pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("daemon").pw_uid
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    inside = closed / "inside"
    inside.write_text("hush")
    inside.chmod(0o644)
    let_pass(closed, nobody)

    def may(user: int, *command: str) -> bool:
        return subprocess.run(command, user=user, capture_output=True, check=False).returncode == 0

    assert may(nobody, "cat", str(inside)) and not may(nobody, "ls", str(closed))
    assert not may(daemon, "cat", str(inside))
    closed.chmod(0o700)
    assert not may(nobody, "cat", str(inside)), "closed again"
    let_pass(closed, nobody)
    let_pass(closed, daemon)
    assert may(nobody, "cat", str(inside)) and may(daemon, "cat", str(inside))
