"""Programs of others in a certain version, fetched once into `.clients/` when a test wants them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / ".clients"
# A folder with owner/name.git in it, where the host of a repository cannot be reached.
MIRROR = os.environ.get("CHAPPE_MIRROR")


async def run(
    *command: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = 600,
    fails: bool | None = False,
) -> str:
    """What a program prints. It must succeed, or fail where `fails` says so; None: as it may."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        raw, _ = await asyncio.wait_for(process.communicate(), seconds)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    output = raw.decode(errors="replace")
    assert fails is None or (process.returncode != 0) is fails, (
        f"{' '.join(map(str, command))}: {process.returncode}\n{output[-6000:]}"
    )
    return output


@contextlib.asynccontextmanager
async def running(log: Path, *command: str | Path, cwd: Path) -> AsyncIterator[None]:
    """A program in the background, for as long as a test needs it. A test that fails meanwhile shows what the program has said."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*map(str, command), cwd=cwd, stdout=output, stderr=output)
    try:
        yield
    except BaseException as error:
        error.add_note(f"{command[0]}: {process.returncode}\n{log.read_text(errors='replace')[-6000:]}")
        raise
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 60)


async def environment(name: str, *requirements: str) -> Path:
    """The programs of Python packages, in an environment of their own."""
    folder = FOLDER / name
    stamp, wanted = folder / "installed.txt", "\n".join(requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        await run(sys.executable, "-m", "venv", "--clear", folder)
        pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary")
        await run(*pip, *requirements, seconds=1200)
        stamp.write_text(wanted)
    return folder / "bin"


def git_settings() -> dict[str, str]:
    """For git, and for what calls it: the mirror, where there is one."""
    if MIRROR is None:
        return {}
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{MIRROR}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }


async def source(name: str, repository: str, commit: str) -> Path:
    """A checkout of one commit of a repository (`owner/name`)."""
    folder, stamp = FOLDER / name, FOLDER / f"{name}.commit"
    if not stamp.exists() or stamp.read_text() != commit:
        await run("git", "init", "--quiet", folder)
        address = f"https://github.com/{repository}"
        await run("git", "-C", folder, "fetch", "--quiet", "--depth", "1", address, commit, env=git_settings(), seconds=1200)
        await run("git", "-C", folder, "checkout", "--quiet", "--force", commit)
        stamp.write_text(commit)
    return folder


def needs(program: str) -> str:
    """The path of a compiler or the like, which has to be on the machine."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"needs {program}")
    return found
