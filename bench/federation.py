"""Measures two servers and a room between them: entering it, and what is said in it (see docs/performance.md).

    python bench/federation.py [--members 10000] [--messages 2000] [--synapse .venv-synapse/bin/python]

The room is hosted by a Chappe in a process of its own. A second Chappe enters it and hears the messages; with --synapse a Synapse
on SQLite does the same; then a further Chappe enters through that Synapse, which shows the room as it does.
Prints seconds until the join is answered and until all members are there, the joiner's largest memory, and events received
per second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

PLAIN = {"host": 18101, "chappe": 18102, "synapse": 18103, "chappe2": 18104}
TLS = {name: port + 100 for name, port in PLAIN.items()}
CHAPPE = """
server_name = "localhost:{tls}"
rate_limits_enabled = false
access_log = false
log_level = "warning"
extra_ca_file = "{work}/ca.pem"
[[listeners]]
port = {plain}
[[listeners]]
port = {tls}
tls_certificate = "{work}/tls.pem"
tls_key = "{work}/tls.key"
[registration]
open = true
[passwords]
memory_kib = 8
passes = 1
minimum_length = 1
[federation]
mode = "open"
allow_private_addresses = true
"""
SYNAPSE = """
server_name: "localhost:{tls}"
pid_file: {work}/{name}/pid
listeners:
  - {{port: {plain}, bind_addresses: ['127.0.0.1'], tls: false, type: http, resources: [{{names: [client]}}]}}
  - {{port: {tls}, bind_addresses: ['127.0.0.1'], tls: true, type: http, resources: [{{names: [federation, keys]}}]}}
tls_certificate_path: {work}/tls.pem
tls_private_key_path: {work}/tls.key
federation_custom_ca_list: [{work}/ca.pem]
database: {{name: sqlite3, args: {{database: {work}/{name}/db}}}}
media_store_path: {work}/{name}/media
signing_key_path: {work}/{name}/signing.key
registration_shared_secret: x
macaroon_secret_key: x
form_secret: x
report_stats: false
enable_registration: true
enable_registration_without_verification: true
trusted_key_servers: []
ip_range_blacklist: []
suppress_key_server_warning: true
rc_message: {{per_second: 100000, burst_count: 100000}}
"""


def certificates(work: Path) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=work, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Bench authority")
    openssl("req", *new, "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=localhost")
    (work / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tls.pem", "-days", "2",
            "-extfile", "names")  # fmt: skip


async def host(work: Path, members: int, messages: int) -> None:
    """The hosting side: makes the room, says its id, waits for a line, talks, waits again."""
    from chappe.config import load_config
    from chappe.homeserver.app import Homeserver
    from chappe.homeserver.database.embedded import EmbeddedPostgres
    from chappe.matrix.identifiers import UserId
    from chappe.homeserver.rooms.create_event import Admitted, Draft
    from chappe.homeserver.rooms.create_room import CreateRoomRequest

    postgres = EmbeddedPostgres(work / "host" / "postgres")
    await postgres.start()
    node = Homeserver(load_config(work / "host.toml"), work / "host", postgres.url)
    await node.start()
    name = node.domains.default
    owner = UserId(f"@owner:{name}")
    await node.accounts.register(owner, "password")
    room_id = await node.creation.create(owner, CreateRoomRequest(preset="public_chat", name="Large"))
    room = await node.rooms.require(room_id)
    users = [f"@member{n}:{name}" for n in range(members)]
    for start in range(0, members, 200):
        await asyncio.gather(*(
            node.rooms.submit(room, [Draft("m.room.member", u, {"membership": "join", "displayname": u[1:12]}, u, admitted=Admitted())])
            for u in users[start : start + 200]
        ))  # fmt: skip
    print(room_id, flush=True)
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if line.strip() != "talk":
            break
        for start in range(0, messages, 100):
            await asyncio.gather(*(
                node.rooms.send(owner, room_id, "m.room.message", {"msgtype": "m.text", "body": f"{n}"}, None)
                for n in range(start, min(start + 100, messages))
            ))  # fmt: skip
        last = await node.rooms.send(owner, room_id, "m.room.message", {"msgtype": "m.text", "body": "last"}, None)
        print(last, flush=True)
    await node.stop()
    await postgres.stop()


def largest_memory(pid: int) -> float:
    """In MB, of a process and its children, PostgreSQL left out."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) == pid:
            for line in (entry / "status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    total += int(line.split()[1])
    return total / 1000


async def joiner(session: aiohttp.ClientSession, base: str) -> dict[str, str]:
    """Waits for a server that is starting, and registers somebody there: the headers of their requests."""
    for _ in range(600):
        try:
            async with session.get(base + "/_matrix/client/versions") as answer:
                if answer.status == 200:
                    break
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    body = {"username": "joiner", "password": "password", "auth": {"type": "m.login.dummy"}}
    async with session.post(base + "/_matrix/client/v3/register", json=body) as answer:
        return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}


async def measure(base: str, pid: int, via: str, host_process: Any, room_id: str, messages: int) -> dict[str, float]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(300)) as session:
        headers = await joiner(session, base)
        before = time.perf_counter()
        url = f"{base}/_matrix/client/v3/join/{room_id}?via=localhost:{TLS[via]}"
        async with session.post(url, json={}, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == 200, text
        joined = time.perf_counter() - before
        async with session.get(f"{base}/_matrix/client/v3/rooms/{room_id}/members", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            everybody = len((await answer.json())["chunk"])
        found: dict[str, float] = {
            "join_s": round(joined, 2),
            "whole_s": round(time.perf_counter() - before, 2),
            "memory_mb": round(largest_memory(pid)),
            "members_seen": everybody,
        }
        if via != "host":
            return found
        host_process.stdin.write(b"talk\n")
        await host_process.stdin.drain()
        before = time.perf_counter()
        last = (await host_process.stdout.readline()).decode().strip()
        while True:
            url = f"{base}/_matrix/client/v3/rooms/{room_id}/event/{last}"
            async with session.get(url, headers=headers) as answer:
                if answer.status == 200:
                    break
            await asyncio.sleep(0.1)
        heard = time.perf_counter() - before
    return {**found, "events_per_s": round((messages + 1) / heard)}


def command_of(name: str, work: Path, synapse: str | None) -> list[str]:
    """Starts a server that enters the room."""
    if name.startswith("chappe"):
        return [
            sys.executable,
            "-m",
            "chappe",
            "serve",
            "--config",
            f"{work}/{name}.toml",
            "--data",
            f"{work}/{name}/data",
        ]
    assert synapse is not None
    (work / name).mkdir()
    (work / f"{name}.yaml").write_text(SYNAPSE.format(tls=TLS[name], plain=PLAIN[name], work=work, name=name))
    command = [synapse, "-m", "synapse.app.homeserver", "-c", f"{work}/{name}.yaml"]
    subprocess.run([*command, "--generate-keys"], check=True, capture_output=True)
    return command


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--synapse")
    parser.add_argument("--host", type=Path)
    options = parser.parse_args()
    if options.host is not None:
        await host(options.host, options.members, options.messages)
        return
    with tempfile.TemporaryDirectory(prefix="chappe-federation-") as folder:
        work = Path(folder)
        os.chmod(work, 0o755)
        certificates(work)
        for name in ("host", "chappe", "chappe2"):
            (work / name).mkdir()
            (work / f"{name}.toml").write_text(CHAPPE.format(tls=TLS[name], plain=PLAIN[name], work=work))
        hosting = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--host", str(work), "--members", str(options.members), "--messages", str(options.messages),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert hosting.stdout is not None and hosting.stdin is not None
        room_id = (await hosting.stdout.readline()).decode().strip()
        joiners = [("chappe", "host")]
        if options.synapse:
            joiners += [("synapse", "host"), ("chappe2", "synapse")]
        running: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, via in joiners:
                running[name] = process = subprocess.Popen(
                    command_of(name, work, options.synapse), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                base = f"http://127.0.0.1:{PLAIN[name]}"
                try:
                    found = await measure(base, process.pid, via, hosting, room_id, options.messages)
                except TimeoutError:
                    found = {"gave_up_after_s": 300}
                print(json.dumps({"server": name, "through": via, "members": options.members, **found}), flush=True)
                if name != "synapse":
                    running.pop(name).terminate()
                    process.wait()
        finally:
            for process in running.values():
                process.terminate()
                process.wait()
        hosting.stdin.write(b"end\n")
        await hosting.stdin.drain()
        await hosting.wait()


if __name__ == "__main__":
    asyncio.run(main())
