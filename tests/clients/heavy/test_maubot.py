"""maubot: a bot with a plug-in, which is invited, answers a command and reacts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.clients.conftest import Watch
from tests.clients.heavy.installed import environment, running
from tests.clients.test_heisenbridge import Ear
from tests.process import free_port
from tests.support import Person, Server

PLUGIN = """
from maubot import MessageEvent, Plugin
from maubot.handlers import command


class Echo(Plugin):
    @command.new("echo")
    @command.argument("text", pass_raw=True)
    async def echo(self, event: MessageEvent, text: str) -> None:
        await event.reply(text)
        await event.react("👍")
"""


async def test_a_bot_answers(server: Server, alice: Person, watch: Watch, tmp_path: Path) -> None:
    programs, watched = await environment("maubot", "maubot==0.6.0"), await watch(server, "maubot")
    bot = await server.person()
    (tmp_path / "echo").mkdir()
    (tmp_path / "echo" / "__init__.py").write_text(PLUGIN)
    meta = {
        "maubot": "0.1.0",
        "id": "example.echo",
        "version": "1.0.0",
        "license": "MIT",
        "modules": ["echo"],
        "main_class": "Echo",
    }
    (tmp_path / "maubot.yaml").write_text(yaml.safe_dump(meta))
    credentials = {"id": bot.id, "homeserver": watched.base, "access_token": bot.token, "device_id": None}
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump(
            {
                "user": {
                    "credentials": credentials,
                    "sync": True,
                    "appservice": False,
                    "hs_token": None,
                    "autojoin": True,
                    "displayname": "Robot",
                    "avatar_url": "disable",
                    "ignore_initial_sync": False,
                    "ignore_first_sync": False,
                },
                "server": {"hostname": "127.0.0.1", "port": free_port(), "base_path": "/", "public_url": "http://127.0.0.1"},
                "database": f"sqlite:{tmp_path}/bot.db",
                "database_opts": {"min_size": 1, "max_size": 2},
                "crypto_db_pickle_key": "k",
                "plugin_config": {},
                "logging": {"version": 1, "root": {"level": "INFO"}},
            }
        )
    )
    program = (programs / "python", "-m", "maubot.standalone", "-c", "config.yaml", "-m", "maubot.yaml")
    async with running(tmp_path / "bot.log", *program, cwd=tmp_path):
        ear = Ear(alice)
        room = await alice.create_room(invite=[bot.id])
        await ear.until(lambda: [e for e in ear.events.get(room, ()) if _joins(e, bot.id)])
        asked = await alice.say(room, "!echo bonjour")
        answer = await ear.hears(room, "bonjour")
        assert answer["sender"] == bot.id and answer["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == asked
        reaction = await ear.until(lambda: next((e for e in ear.events[room] if e["type"] == "m.reaction"), None))
        assert reaction["content"]["m.relates_to"]["key"] == "👍"


def _joins(event: dict[str, Any], user_id: str) -> bool:
    return event.get("state_key") == user_id and event["content"].get("membership") == "join"
