"""mautrix-telegram: registers itself, makes its bot a device (MSC4190), and answers in its management room. It reaches no Telegram."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import yaml

from tests.clients.conftest import Watch
from tests.clients.heavy.installed import environment, run, running
from tests.clients.test_heisenbridge import Ear
from tests.process import free_port
from tests.support import Server


async def test_the_bridge_starts_and_answers(
    new_server: Callable[..., Awaitable[Server]], watch: Watch, tmp_path: Path
) -> None:
    programs = await environment("mautrix-telegram", "mautrix-telegram[e2be,sqlite]==0.15.3")
    (example,) = programs.parent.glob("lib/python3*/site-packages/mautrix_telegram/example-config.yaml")
    config, port = yaml.safe_load(example.read_text()), free_port()
    config["appservice"] |= {
        "address": f"http://127.0.0.1:{port}",
        "hostname": "127.0.0.1",
        "port": port,
        "database": f"sqlite:{tmp_path}/bridge.db",
    }
    config["homeserver"] |= {"address": "http://127.0.0.1:9", "domain": "localhost"}
    config["telegram"] |= {"api_id": 54321, "api_hash": "0" * 32}
    config["bridge"]["permissions"] = {"@alice:localhost": "admin"}
    config["bridge"]["encryption"] |= {"allow": True, "default": True, "msc4190": True}
    config["logging"] = {"version": 1, "root": {"level": "INFO"}}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    program = (programs / "python", "-m", "mautrix_telegram", "-c", file)
    await run(*program, "-g", "-r", tmp_path / "registration.yaml", cwd=tmp_path)
    server = await new_server(application_services=[str(tmp_path / "registration.yaml")])
    watched, alice = await watch(server, "mautrix-telegram"), await server.person("alice")
    config = yaml.safe_load(file.read_text())  # with the tokens
    config["homeserver"]["address"] = watched.base
    file.write_text(yaml.safe_dump(config))
    log = tmp_path / "bridge.log"
    async with running(log, *program, cwd=tmp_path):
        ear = Ear(alice)
        room = await alice.create_room(invite=["@telegrambot:localhost"], is_direct=True)
        await ear.hears(room, "Telegram bridge bot")
        await alice.say(room, "version")
        await ear.hears(room, "v0.15.3")
        assert len(await server.node.accounts.store.sessions.devices("@telegrambot:localhost")) == 1, log.read_text()[-2000:]
