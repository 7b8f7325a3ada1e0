"""`chappe serve` as an operator runs it: a process of its own, on a data folder of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import re
import signal
import socket
import sys
from pathlib import Path

import aiohttp

from tests.support import Server

KEPT_FROM_BROWSERS = {10_080}  # "port blocking" of the Fetch standard: of our ranges
_PORTS = itertools.count(random.randrange(2_000))


class ServedProcess(Server):
    """Started by the command line; the methods of Server that talk HTTP work on it."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data, self.options = data, options
        self.session: aiohttp.ClientSession | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.port = 0

    async def start(self) -> ServedProcess:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "chappe",
            "serve",
            "--data",
            str(self.data),
            "--port",
            str(self.port),
            *self.options,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 24,
        )
        assert self.process.stdout is not None
        self.lines: list[str] = []
        while True:
            line = (await asyncio.wait_for(self.process.stdout.readline(), 60)).decode()
            assert line, f"the server ended: {''.join(self.lines)}"
            self.lines.append(line)
            if match := re.search(r"Chappe serves .* at (http://\S+:(\d+))", line):
                break
        self.base, self.port = match[1], int(match[2])
        self._drain = asyncio.create_task(self._read_on())
        if self.session is None:
            self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        return self

    async def _read_on(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode())

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        await self._drain

    async def stop(self) -> None:
        if self.session is not None:
            await self.session.close()
            self.session = None
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self.process.wait(), 30)
            await self._drain

    def postgres_pid(self) -> int:
        return int((self.data / "postgres" / "postmaster.pid").read_text().split("\n")[0])

    async def run(self, *arguments: str, stdin: bytes | None = None) -> tuple[int, str]:
        """Another command of `chappe` on the same data folder: (exit status, output, and where it failed also its log)."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "chappe",
            *arguments,
            "--data",
            str(self.data),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, log = await asyncio.wait_for(process.communicate(stdin), 60)
        return process.returncode or 0, (output + log if process.returncode else output).decode()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"


def free_port() -> int:
    """A port that nobody listens on. Each test process has a range of its own, below those that the system gives to connections."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = 10_000 + worker % 8 * 2_000 + next(_PORTS) % 2_000
        if port in KEPT_FROM_BROWSERS:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
