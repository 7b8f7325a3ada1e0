"""How long a message takes while a hundred files are scanned by a real ClamAV: `python bench/scanning.py` from the project's root.

Prints the send's median and 95th percentile, in ms, without and with the scans, and what the scans took.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.agency.antivirus import ClamAV  # noqa: E402
from tests.process import ServedProcess, free_port  # noqa: E402

FILES, SIZE = 100, 1 << 20
CONFIG = """server_name = "localhost"
rate_limits_enabled = false
access_log = false
log_level = "warning"
[registration]
open = true
[passwords]
memory_kib = 8
passes = 1
[antivirus]
engine = "{engine}"
"""


class Client:
    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session, self.base, self.headers = session, base, {}

    async def call(self, method: str, path: str, body: object = None, raw: bytes | None = None) -> dict[str, object]:
        data = raw if raw is not None else json.dumps(body or {}) if method != "GET" else None
        async with self.session.request(method, self.base + path, data=data, headers=self.headers) as answer:
            text = await answer.read()
            assert answer.status == 200, (answer.status, text[:300])
            return json.loads(text)


async def sends(client: Client, room: str, until: asyncio.Event | None, most: int = 400) -> list[float]:
    taken = []
    for number in range(most):
        if until is not None and until.is_set():
            break
        began = time.perf_counter()
        content = {"msgtype": "m.text", "body": f"message {number}"}
        await client.call("PUT", f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{time.time_ns()}", content)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def told(name: str, taken: list[float]) -> None:
    p95 = sorted(taken)[int(len(taken) * 0.95)]
    print(f"{name}: p50 {statistics.median(taken):.2f} ms, p95 {p95:.2f} ms, slowest {max(taken):.1f} ms, {len(taken)} messages")


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="chappe-scanning-") as folder:
        os.chmod(folder, 0o755)
        clam = Path(folder) / "clamav"
        clam.mkdir()
        clamav = await ClamAV(clam).start()
        config = Path(folder) / "chappe.toml"
        config.write_text(CONFIG.format(engine=clamav.url))
        server = ServedProcess(Path(folder) / "data", "--config", str(config))
        server.port = free_port()
        await server.start()
        try:
            async with aiohttp.ClientSession() as session:
                client = Client(session, server.base)
                body = {"username": "alice", "password": "a long password", "auth": {"type": "m.login.dummy"}}
                token = (await client.call("POST", "/_matrix/client/v3/register", body))["access_token"]
                client.headers = {"Authorization": f"Bearer {token}"}
                room = str((await client.call("POST", "/_matrix/client/v3/createRoom", {"preset": "public_chat"}))["room_id"])
                files = [
                    str((await client.call("POST", "/_matrix/media/v3/upload", raw=os.urandom(SIZE)))["content_uri"])
                    for _ in range(FILES)
                ]
                await sends(client, room, None)
                told("without", await sends(client, room, None))
                done, began = asyncio.Event(), time.perf_counter()

                async def scan() -> None:
                    base = "/_matrix/media_proxy/unstable/scan/"
                    await asyncio.gather(*(client.call("GET", base + uri.removeprefix("mxc://")) for uri in files))
                    done.set()

                task = asyncio.create_task(scan())
                taken = await sends(client, room, done, 100_000)
                await task
                told(f"while {FILES} files of {SIZE >> 20} MiB are scanned", taken)
                print(f"the scans took {time.perf_counter() - began:.2f} s")
        finally:
            await server.stop()
            await clamav.stop()


if __name__ == "__main__":
    asyncio.run(main())
