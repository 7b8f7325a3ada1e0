"""Counts the instructions of a server for a send, a delivery, a sync, by valgrind's callgrind: equal on a loaded machine and an idle one.

python bench/instructions.py TREE [TREE …]       trees of Chappe to compare, with the .venv of the interpreter that runs this

Times of one machine swing by tens of per cent; these swing by about one, deliveries by ten (how many events an answer joins is the
clock's). What the server does without being asked is counted for half a minute and taken off. The database is not counted.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

PEOPLE, IDLE_S, CLIENT = 10, 30, "/_matrix/client/v3"
START = "import sys; from chappe.cli import main; sys.argv = ['chappe', *sys.argv[1:]]; main()"


class Server:
    """A throw-away server under callgrind."""

    def __init__(self, tree: Path, folder: Path, port: int) -> None:
        self.folder, self.base = folder, f"http://127.0.0.1:{port}"
        callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/counted.%p"]
        serve = [sys.executable, "-c", START, "serve", "--dev", "--data", f"{folder}/data", "--port", str(port)]
        environment = {**os.environ, "PYTHONPATH": f"{tree}/src", "PYTHONHASHSEED": "0"}
        with open(folder / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([*callgrind, *serve], env=environment, stdout=log, stderr=log, cwd=folder)

    def control(self, *arguments: str) -> None:
        subprocess.run(["callgrind_control", *arguments, str(self.process.pid)], check=True, capture_output=True)

    async def count(self, what: str, times: int, act: Callable[[], Awaitable[Any]]) -> tuple[float, float]:
        """Instructions and seconds of `times` acts, after half as many to warm up."""
        for _ in range(times // 2):
            await act()
        await asyncio.sleep(3)  # what the acts left to be done is done
        self.control("-z")
        self.control("-i", "on")
        began = time.monotonic()
        for _ in range(times):
            await act()
        seconds = time.monotonic() - began
        self.control("-i", "off")
        self.control("-d", what)
        await asyncio.sleep(1)
        for file in self.folder.glob("counted.*"):
            text = file.read_text(errors="replace")
            if f"Trigger: dump {what}\n" in text and (total := re.search(r"^totals: (\d+)", text, re.M)):
                return int(total[1]), seconds
        raise RuntimeError(f"callgrind counted nothing for {what}: see {self.folder}/log")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(120)


async def measure(server: Server) -> dict[str, float]:
    """Instructions by act."""
    async with aiohttp.ClientSession() as http:

        async def ask(method: str, path: str, body: Any = None, token: str = "", **query: str) -> Any:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with http.request(method, server.base + path, json=body, params=query, headers=headers) as response:
                answer = await response.json()
                if response.status != 200:
                    raise RuntimeError(f"{method} {path}: {response.status} {answer}")
                return answer

        await until_it_serves(http, server)
        login = {"password": "correct horse battery", "auth": {"type": "m.login.dummy"}}
        tokens = [(await ask("POST", f"{CLIENT}/register", {"username": f"user{n}", **login}))["access_token"] for n in range(PEOPLE)]
        first, *others = tokens
        room = (await ask("POST", f"{CLIENT}/createRoom", {"preset": "public_chat"}, first))["room_id"]
        for token in others:
            await ask("POST", f"{CLIENT}/join/{room}", {}, token)
        sent = iter(range(1 << 30))

        async def send(token: str = first) -> None:
            path = f"{CLIENT}/rooms/{room}/send/m.room.message/t{next(sent)}"
            await ask("PUT", path, {"msgtype": "m.text", "body": "a message of some length"}, token)

        async def sync(token: str, since: str | None = None, timeout: int = 0) -> str:
            query = {"since": since} if since else {}
            return str((await ask("GET", f"{CLIENT}/sync", None, token, timeout=str(timeout), **query))["next_batch"])

        async def sends() -> None:
            await asyncio.gather(*map(send, tokens))

        async def delivery() -> None:
            waiting = [asyncio.create_task(sync(token, since[token], 20_000)) for token in others]
            await asyncio.sleep(0.6)  # they wait by now; a request that came late is answered at once, and costs less
            await send()
            since.update(zip(others, await asyncio.gather(*waiting), strict=True))

        idle, seconds = await server.count("idle", 1, lambda: asyncio.sleep(IDLE_S))
        by_second, found = idle / seconds, {}
        since = {token: await sync(token) for token in tokens}
        for what, times, per_time, act in (
            ("a send, one after another", 400, 1, send),
            (f"a send, {PEOPLE} at once", 40, PEOPLE, sends),
            ("a sync without news", 400, 1, lambda: sync(first, since[first])),
            (f"a message to {PEOPLE - 1} who wait", 60, 1, delivery),
        ):
            if act is delivery:
                since = {token: await sync(token) for token in tokens}
            counted, seconds = await server.count(what.replace(" ", "_"), times, act)
            found[what] = (counted - by_second * seconds) / times / per_time
        return {"a second without requests": by_second, **found}


async def until_it_serves(http: aiohttp.ClientSession, server: Server) -> None:
    for _ in range(300):
        try:
            async with http.get(f"{server.base}/_matrix/client/versions"):
                return
        except aiohttp.ClientError:
            await asyncio.sleep(1)
    raise RuntimeError(f"the server does not serve: see {server.folder}/log")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    columns = []
    for n, tree in enumerate(sys.argv[1:]):
        with tempfile.TemporaryDirectory(prefix="chappe-instructions-") as folder:
            os.chmod(folder, 0o755)
            server = Server(Path(tree).resolve(), Path(folder), 8190 + n)
            try:
                columns.append(asyncio.run(measure(server)))
            finally:
                server.end()
    for what, value in columns[0].items():
        others = "".join(f"{column[what] / 1e6:10.3f} ({column[what] / value - 1:+.1%})" for column in columns[1:])
        print(f"{what:32}{value / 1e6:10.3f}{others}  million instructions")


if __name__ == "__main__":
    main()
