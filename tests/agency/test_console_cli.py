"""The console on the command line: the same actions, the same lists, written into the same log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from chappe.cli.node import create_config
from tests.process import ServedProcess


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServedProcess]:
    data = tmp_path / "data"
    data.mkdir()
    config = create_config(data, "localhost", "127.0.0.1", 0)
    config.write_text(config.read_text().replace("[agency]", "[agency]\nenabled = true"))
    running = await ServedProcess(data).start()
    yield running
    await running.stop()


async def done(server: ServedProcess, *arguments: str) -> str:
    code, said = await server.run("admin", *arguments)
    assert code == 0, said
    return said


async def refused(server: ServedProcess, *arguments: str) -> str:
    code, said = await server.run("admin", *arguments)
    assert code == 1, said
    return said


async def test_administering_on_the_command_line(server: ServedProcess, tmp_path: Path) -> None:
    await done(server, "organisation", "add", "culture", "--address", "culture.example")
    await done(server, "user", "add", "anne", "--password", "quite a long one", "--email", "anne.roy@culture.example")
    listed = await done(server, "actions")
    assert (
        "lock user_id=…\n    Lock an account" in listed and "announce text=… [room_id=…]" in listed and "(critical)" in listed
    )
    await done(server, "act", "culture", "lock", "user_id=@anne:localhost")
    (anne,) = [json.loads(line) for line in (await done(server, "show", "culture", "people")).splitlines()]
    assert anne["user_id"] == "@anne:localhost" and anne["locked"] is True
    made = await done(server, "act", "culture", "add_function_account", "name=duty", "called=Permanence")
    assert json.loads(made) == {"done": True, "user_id": "@duty:localhost"}
    assert "say --yes" in await refused(server, "act", "culture", "deactivate", "user_id=@anne:localhost")
    assert "no such account in your organisation" in await refused(
        server, "act", "culture", "lock", "user_id=@nobody:localhost"
    )
    assert "is none of" in await refused(server, "act", "culture", "lock", "who=@anne:localhost")
    assert "no action" in await refused(server, "act", "culture", "explode")
    assert "no such list" in await refused(server, "show", "culture", "secrets")
    hold = ("hold_person", "user_id=@anne:localhost", "authority=Tribunal", "reference=4711", "--yes")
    number = json.loads(await done(server, "act", "all", *hold))["hold"]
    assert '"reference": "4711"' in await done(server, "show", "culture", "holds")
    lift = ("lift_hold", f"hold={number}", "reason=over", "--yes")
    assert "right of the installation" in await refused(server, "act", "culture", *lift), "who placed it lifts it"
    await done(server, "act", "all", *lift)
    await done(server, "act", "culture", "deactivate", "user_id=@anne:localhost", "--yes")
    assert "@anne:localhost" in await done(server, "show", "culture", "former")
    audit = await done(server, "audit", "list")
    assert "command line" in audit and "deactivate" in audit and "quite a long one" not in audit
    assert "Whole:" in await done(server, "audit", "verify")
    package = tmp_path / "anne.zip"
    assert "0 rooms, 0 files" in await done(server, "export", "person", "anne", "--to", str(package))
    assert "Whole, sealed by localhost" in await done(server, "export", "verify", str(package))
    package.write_bytes(package.read_bytes()[:-30])
    assert "Not whole" in await refused(server, "export", "verify", str(package))
