"""An operator's day: first start, administration beside the running server, mistakes, two on one folder, clean stop."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import trustme

from tests.process import ServedProcess, is_alive
from tests.support import PASSWORD, Person, Refused

pytestmark = pytest.mark.slow


async def login(server: ServedProcess, user: str, password: str) -> Person:
    person = Person(server, {"user_id": "", "device_id": "", "access_token": ""})
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password}
    return Person(server, await person.call("POST", "/login", body))


async def test_an_operators_day(tmp_path: Path) -> None:
    server = ServedProcess(tmp_path / "data", "--server-name", "mairie.example")
    began = time.monotonic()
    await server.start()
    assert time.monotonic() - began < 30
    try:
        assert "mairie.example" in "".join(server.lines)
        memory = Path(f"/proc/{server.process.pid}/status").read_text().split("VmRSS:")[1].split()[0]
        assert int(memory) < 150_000  # kB: the budget of an idle node, PostgreSQL apart
        assert (tmp_path / "data" / "chappe.toml").stat().st_mode & 0o777 == 0o600
        status, output = await server.run(
            "admin", "user", "add", "maire", "--admin", "--email", "Maire@mairie.example", stdin=f"{PASSWORD}\n".encode()
        )
        assert (status, output.strip()) == (0, "Created @maire:mairie.example (administrator).")
        maire = await login(server, "maire", PASSWORD)
        assert (await server.run("admin", "user", "list"))[1].startswith("@maire:mairie.example\t")
        assert (await server.run("admin", "user", "add", "agent", "--password", PASSWORD))[0] == 0
        status, output = await server.run("admin", "user", "add", "agent", "--password", PASSWORD)
        assert status == 1 and output.strip() == "chappe: This user name is already taken"
        agent = await login(server, "agent", PASSWORD)
        room = await maire.create_room(invite=[agent.id])
        await agent.join(room)
        assert (await server.run("admin", "user", "password", "agent", "--password", "another one, longer"))[0] == 0
        await _until_signed_out(agent)
        agent = await login(server, "agent", "another one, longer")
        assert (await server.run("admin", "user", "admin", "agent"))[0] == 0
        assert (await server.run("admin", "user", "deactivate", "agent"))[0] == 0
        await _until_signed_out(agent)
        while (await maire.state(room, "m.room.member", agent.id))["membership"] != "leave":
            await asyncio.sleep(0.02)
        assert (await server.run("admin", "domain", "add", "ecole.example"))[0] == 0
        assert (await server.run("admin", "domain", "list"))[1].split() == ["mairie.example", "ecole.example"]
        assert (await server.run("admin", "domain", "add", "not a name"))[0] == 1
        token = (await server.run("admin", "token", "add", "--uses", "3", "--days", "7"))[1].strip()
        assert token.isalnum(), "one that begins with a dash would be taken for an option"
        assert token in (await server.run("admin", "token", "list"))[1]
        assert (await server.run("admin", "token", "remove", token))[0] == 0
        status, output = await server.run("admin", "audit", "verify")
        head = output.strip().rsplit(" ", 1)[-1]
        assert status == 0 and output.startswith("Whole: ") and head.startswith(output.split()[1] + ":")
        done = (await server.run("admin", "audit", "list"))[1]
        assert "['admin', 'user', 'deactivate', 'agent'" in done and PASSWORD not in done and "another one" not in done
        assert (await server.run("admin", "audit", "verify", "--head", head))[0] == 0
        status, output = await server.run("admin", "audit", "verify", "--head", "99:00")
        assert status == 1 and "is not what was written" in output
        status, output = await server.run("serve")
        assert status == 1 and "already runs" in output and str(server.process.pid) in output
        postgres = server.postgres_pid()
        await maire.sync()
        waiting = asyncio.create_task(maire.sync(timeout=60_000))
        while "chappe_waiting_syncs 1.0" not in (await server.raw("GET", "/metrics"))[1].decode():
            await asyncio.sleep(0.02)
        server.process.terminate()
        assert "next_batch" in await waiting  # a clean stop answers those who wait
        assert await asyncio.wait_for(server.process.wait(), 30) == 0
    finally:
        await server.stop()
    assert server.process.returncode == 0 and not is_alive(postgres)
    status, output = await server.run("admin", "user", "list")  # without a running server
    assert status == 0 and "@agent:mairie.example" in output and "deactivated" in output
    assert (await server.run("config", "check"))[0] == 0
    config = tmp_path / "data" / "chappe.toml"
    config.write_text(config.read_text().replace("[registration]", "[registration]\nopne = true"))
    status, output = await server.run("config", "check")
    line = config.read_text().split("\n").index("opne = true") + 1
    assert status == 1 and f"line {line}" in output and "opne" in output


async def _until_signed_out(person: Person) -> None:
    for _ in range(100):
        try:
            await person.call("GET", "/account/whoami")
        except Refused as refused:
            assert refused.errcode == "M_UNKNOWN_TOKEN"
            return
        await asyncio.sleep(0.02)  # another process did it: it is heard within 0.3 s
    raise AssertionError("still signed in")


def _peak_kb(server: ServedProcess) -> int:
    return int(Path(f"/proc/{server.process.pid}/status").read_text().split("VmHWM:")[1].split()[0])


async def test_large_files_pass_through_without_being_held(tmp_path: Path) -> None:
    server = await ServedProcess(tmp_path / "data", "--dev").start()
    try:
        alice = await server.person()
        headers = {"Authorization": f"Bearer {alice.token}"}
        block = bytes(range(256)) * 4096

        async def blocks() -> AsyncIterator[bytes]:
            for _ in range(95):
                yield block

        before = _peak_kb(server)
        async with server.session.post(server.base + "/_matrix/media/v3/upload", data=blocks(), headers=headers) as answer:
            uri = (await answer.json())["content_uri"][6:]
        size = 0
        async with server.session.get(f"{server.base}/_matrix/client/v1/media/download/{uri}", headers=headers) as answer:
            async for chunk in answer.content.iter_chunked(1 << 20):
                size += len(chunk)
        assert size == 95 * len(block)
        assert _peak_kb(server) - before < 60_000  # of 97 MB, twice
    finally:
        await server.stop()


async def test_several_listeners_with_tls(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(str(key))
    for part in issued.cert_chain_pems:
        part.write_to_path(str(certificate), append=True)
    (data / "chappe.toml").write_text(f"""
server_name = "localhost:8448"
[[listeners]]
port = 0
apis = ["health", "metrics"]
[[listeners]]
port = 0
tls_certificate = "{certificate}"
tls_key = "{key}"
apis = ["client", "media"]
""")
    server = ServedProcess(data)
    await server.start()
    try:
        secure = "".join(server.lines).split(" at ")[1].split(", ")[1].strip().replace("localhost", "127.0.0.1")
        assert secure.startswith("https://")
        assert (await server.raw("GET", "/health"))[0] == 200
        assert (await server.raw("GET", "/_matrix/client/versions"))[0] == 404
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        async with aiohttp.ClientSession() as session:
            async with session.get(secure + "/_matrix/client/versions", ssl=trust) as answer:
                assert answer.status == 200
            async with session.get(secure + "/health", ssl=trust) as answer:
                assert answer.status == 404
    finally:
        await server.stop()
