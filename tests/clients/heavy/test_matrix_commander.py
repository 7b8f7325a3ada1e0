"""matrix-commander, a client on the command line: rooms, encrypted texts and files, devices, aliases, keys."""

from __future__ import annotations

import json
from pathlib import Path

from tests.clients.conftest import Watch
from tests.clients.heavy.installed import environment, run
from tests.support import PASSWORD, Person, Server, bodies


async def test_an_evening_at_the_command_line(server: Server, alice: Person, watch: Watch, tmp_path: Path) -> None:
    programs, watched = (
        await environment("matrix-commander", "matrix-commander==8.0.6"),
        await watch(server, "matrix-commander"),
    )
    bob = await server.person()
    # of version 11: the program adds a domain to the ids of version 12, which have none
    room = await bob.create_room(invite=[alice.id], room_version="11", name="Salon")
    files = ("--credentials", tmp_path / "credentials.json", "--store", tmp_path / "store")

    async def command(*arguments: str | Path, fails: bool = False) -> str:
        return await run(programs / "matrix-commander", *files, "--no-ssl", *arguments, cwd=tmp_path, fails=fails, seconds=120)

    await command(
        "--login",
        "password",
        "--homeserver",
        watched.base,
        "--user-login",
        alice.id,
        "--password",
        PASSWORD,
        "--device",
        "mc",
        "--room-default",
        room,
    )
    assert alice.id in await command("--whoami")
    await command("--room-join", room)
    await command("-m", "bonjour")
    await bob.say(room, "bonsoir")
    assert bodies((await bob.messages(room, limit=3))["chunk"]) == ["bonsoir", "bonjour"]
    assert "bonsoir" in await command("--tail", "1")
    # the program fails over devices without a name
    await alice.call("PUT", f"/devices/{alice.device}", {"display_name": "Téléphone"})
    listed = json.loads(await command("--devices", "-o", "json"))
    assert {d["id"] for d in listed["devices"]} >= {alice.device}
    await command("--set-display-name", "Alice au terminal")
    assert "Alice au terminal" in await command("--get-display-name")
    (tmp_path / "note.txt").write_text("une note")
    await command("-f", tmp_path / "note.txt")
    assert room in await command("--joined-rooms")
    assert bob.id in await command("--joined-members", room)
    await command("--get-profile", bob.id)
    await command("--get-openid-token")
    await command("--room-set-alias", "#salon-mc:localhost", room)
    assert room in await command("--room-resolve-alias", "#salon-mc:localhost")
    await command("--room-delete-alias", "#salon-mc:localhost")
    await command("--set-presence", "online")

    secret = await bob.create_room(
        invite=[alice.id],
        room_version="11",
        initial_state=[{"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}],
    )
    await command("--room-join", secret)
    await command("-r", secret, "-m", "secret", "-f", tmp_path / "note.txt")
    sent = [e["type"] for e in (await bob.messages(secret, limit=2))["chunk"]]
    assert sent == ["m.room.encrypted", "m.room.encrypted"]
    await command("--export-keys", tmp_path / "keys.txt", "a passphrase")
    assert (tmp_path / "keys.txt").read_text().startswith("-----BEGIN MEGOLM SESSION DATA-----")
    await command("--logout", "me")
