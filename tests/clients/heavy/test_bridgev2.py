"""mautrix-go's bridgev2, on which all newer bridges of mautrix stand: encryption wholly through transactions (MSC2409, MSC3202),
a device without signing in (MSC4190), provisioning with a person's Matrix token. The network on its other side is ours (bridgev2/)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import nio
import pytest
import yaml

from tests.clients.conftest import Watch
from tests.clients.heavy.installed import FOLDER, needs, run, running
from tests.clients.test_matrix_nio import _client
from tests.process import free_port
from tests.support import Server, until

pytestmark = pytest.mark.filterwarnings("ignore")
SOURCE = Path(__file__).parent / "bridgev2"
BOT, ROBOT = "@echobot:localhost", "@echo_robot:localhost"


async def built() -> Path:
    """The bridge, of the versions in go.mod and go.sum."""
    program = FOLDER / "bridgev2"
    environment = {"GOFLAGS": "-mod=readonly", "CGO_ENABLED": "1"}
    await run(needs("go"), "build", "-tags", "goolm", "-o", program, ".", cwd=SOURCE, env=environment, seconds=3000)
    return program


async def registered(program: Path, folder: Path) -> tuple[Path, int]:
    """Its configuration, with a registration beside it; where it listens."""
    file, port = folder / "config.yaml", free_port()
    await run(program, "-e", "-c", file, cwd=folder)
    config = yaml.safe_load(file.read_text())
    config["homeserver"] |= {"address": "http://127.0.0.1:9", "domain": "localhost"}
    config["appservice"] |= {
        "address": f"http://127.0.0.1:{port}",
        "hostname": "127.0.0.1",
        "port": port,
        "id": "echo",
        "username_template": "echo_{{.}}",
    }
    config["appservice"]["bot"]["username"] = "echobot"
    config["database"] |= {"type": "sqlite3-fk-wal", "uri": f"file:{folder}/bridge.db?_txlock=immediate"}
    config["bridge"]["permissions"] = {"localhost": "admin"}
    config["encryption"] |= {
        "allow": True,
        "default": True,
        "require": True,
        "appservice": True,
        "msc4190": True,
        "self_sign": True,
    }
    file.write_text(yaml.safe_dump(config))
    await run(program, "-g", "-c", file, "-r", folder / "registration.yaml", cwd=folder)
    return file, port


async def test_an_encrypted_conversation_with_the_other_side(
    new_server: Callable[..., Awaitable[Server]], watch: Watch, tmp_path: Path
) -> None:
    program = await built()
    file, port = await registered(program, tmp_path)
    server = await new_server(application_services=[str(tmp_path / "registration.yaml")])
    watched, person = await watch(server, "bridgev2"), await server.person("alice")
    config = yaml.safe_load(file.read_text())
    config["homeserver"]["address"] = watched.base
    file.write_text(yaml.safe_dump(config))
    log = tmp_path / "bridge.log"
    async with running(log, program, "-c", file, "-n", cwd=tmp_path):
        await until(lambda: b"Bridge started" in log.read_bytes())
        alice = await _client(watched, person.id, tmp_path / "alice")  # has keys before the robot greets her, once
        try:
            await _logged_in(port, person.id, person.token)
            room = await _converse(alice)
        finally:
            await alice.close()
    seen = await person.call("POST", "/keys/query", {"device_keys": {BOT: []}})
    (signer,) = seen["self_signing_keys"][BOT]["keys"]
    (device,) = seen["device_keys"][BOT].values()
    assert signer in device["signatures"][BOT], "the bridge has signed its own device"
    raw = (await person.messages(room, limit=20))["chunk"]
    assert not [e for e in raw if e["type"] == "m.room.message"], "nothing is said in the open"


async def _converse(alice: nio.AsyncClient) -> str:
    """In the room to which the robot invites."""
    heard: list[tuple[str, str, str]] = []
    alice.add_event_callback(lambda room, e: heard.append((room.room_id, e.sender, e.body)), nio.RoomMessageText)

    async def hears(text: str) -> tuple[str, str, str]:
        async def look() -> tuple[str, str, str] | None:
            await alice.sync(timeout=5000)
            for room in list(alice.invited_rooms):
                await alice.join(room)
            if alice.should_upload_keys:
                await alice.keys_upload()
            if alice.should_query_keys:
                await alice.keys_query()
            return next((one for one in heard if text in one[2]), None)

        found: tuple[str, str, str] = await until(look)
        return found

    room, sender, _ = await hears("hello from the other side")
    assert sender == ROBOT and alice.rooms[room].encrypted
    said = {"msgtype": "m.text", "body": "été"}
    await alice.room_send(room, "m.room.message", said, ignore_unverified_devices=True)
    assert (await hears("you said: été"))[1] == ROBOT
    return room


async def _logged_in(port: int, user_id: str, token: str) -> None:
    """By the bridge's own API, with the person's Matrix token: it asks this server whose it is."""
    base = f"http://127.0.0.1:{port}/_matrix/provision/v3"
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def post(path: str, body: Any = None) -> Any:
            async with session.post(f"{base}/{path}?user_id={user_id}", json=body or {}) as answer:
                raw = await answer.text()
                assert answer.status == 200, (path, raw)
                return json.loads(raw)

        step = await post("login/start/name")
        assert step["type"] == "user_input"
        done = await post(f"login/step/{step['login_id']}/{step['step_id']}/user_input", {"name": "anne"})
        assert done["type"] == "complete"
