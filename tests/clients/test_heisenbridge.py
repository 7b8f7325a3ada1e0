"""heisenbridge, a bridge of the Matrix community, between this server and a real IRC server (ngIRCd), neither of which we wrote."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio
import yaml

from tests.clients.conftest import Watch
from tests.process import free_port
from tests.support import Person, Server, until

BRIDGE = Path(__file__).parents[2] / ".venv-heisenbridge" / "bin" / "python"
NGIRCD = shutil.which("ngircd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        NGIRCD is None or not BRIDGE.exists(), reason="needs heisenbridge and ngIRCd (tests/install_components.sh)"
    ),
]
SETTINGS = """[Global]
Name = irc.example.net
Info = a test
AdminInfo1 = nobody
AdminEMail = nobody@example.net
Listen = 127.0.0.1
Ports = {port}
[Limits]
ConnectRetry = 60
MaxConnectionsIP = 0
MaxNickLength = 30
[Options]
DNS = no
Ident = no
PAM = no
"""
Found = TypeVar("Found")
LONG = 120.0


class Ear:
    """What somebody has heard so far, and where they are invited."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.invited: list[str] = []
        self.events: dict[str, list[dict[str, Any]]] = {}

    async def until(self, wanted: Callable[[], Found | None]) -> Found:
        async with asyncio.timeout(LONG):
            while not (found := wanted()):
                rooms = (await self.person.sync(timeout=20_000)).get("rooms", {})
                self.invited += [room for room in rooms.get("invite", {}) if room not in self.invited]
                for room, part in rooms.get("join", {}).items():
                    self.events.setdefault(room, []).extend(part["timeline"]["events"])
            return found

    async def next_room(self) -> str:
        """Enters the next room that the bridge invites to."""
        room = await self.until(lambda: next(iter(self.invited), None))
        await self.person.join(room)
        self.invited.remove(room)
        return room

    async def hears(self, room: str, text: str) -> dict[str, Any]:
        """Somebody else's message in which a text is. What it was found in is not found again."""

        def find() -> dict[str, Any] | None:
            for event in self.events.get(room, []):
                if event["sender"] != self.person.id and text in str(event["content"].get("body", "")):
                    self.events[room].remove(event)
                    return event
            return None

        return await self.until(find)


class Irc:
    """Somebody at the IRC server, with a plain connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, port: int, nick: str) -> Irc:
        async def opened() -> Irc | None:
            try:
                return cls(*await asyncio.open_connection("127.0.0.1", port))
            except OSError:  # it has not opened its port yet
                return None

        made: Irc = await until(opened)
        made.send(f"NICK {nick}", f"USER {nick} 0 * :{nick}")
        await made.hears(f" 001 {nick} ")
        return made

    def send(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def hears(self, text: str) -> str:
        async with asyncio.timeout(LONG):
            while True:
                line = (await self._reader.readline()).decode()
                assert line, f"the IRC server closed before {text!r}"
                if line.startswith("PING"):
                    self.send(f"PONG {line.split(' ', 1)[1].strip()}")
                if text in line:
                    return line

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@pytest_asyncio.fixture
async def irc(tmp_path: Path) -> AsyncIterator[int]:
    """The port of an IRC server."""
    port = free_port()
    settings = tmp_path / "ngircd.conf"
    settings.write_text(SETTINGS.format(port=port))
    process = await asyncio.create_subprocess_exec(
        str(NGIRCD), "-n", "-f", str(settings), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    yield port
    process.terminate()
    await process.wait()


@pytest_asyncio.fixture
async def server(new_server: Callable[..., Awaitable[Server]], tmp_path: Path) -> Server:
    """Knows the bridge."""
    registration = {
        "id": "heisenbridge",
        "url": f"http://127.0.0.1:{free_port()}",
        "as_token": "a" * 32,
        "hs_token": "h" * 32,
        "rate_limited": False,
        "sender_localpart": "heisenbridge",
        "namespaces": {"users": [{"regex": "@irc_.*", "exclusive": True}], "aliases": [], "rooms": []},
        "heisenbridge": {"media_url": "http://127.0.0.1:9"},
    }
    (tmp_path / "heisenbridge.yaml").write_text(yaml.safe_dump(registration))
    return await new_server(application_services=[str(tmp_path / "heisenbridge.yaml")])


@pytest_asyncio.fixture
async def alice(server: Server, watch: Watch, tmp_path: Path) -> AsyncIterator[Person]:
    """The owner of the bridge, which runs."""
    owner, watched = await server.person("alice"), await watch(server, "heisenbridge")
    with (tmp_path / "bridge.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(BRIDGE),
            "-m",
            "heisenbridge",
            "-v",
            "-c",
            str(tmp_path / "heisenbridge.yaml"),
            "-o",
            owner.id,
            watched.base,
            stdout=log,
            stderr=log,
        )
        yield owner
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture
async def zoe(irc: int) -> AsyncIterator[Irc]:
    """Somebody who knows nothing of Matrix, in a channel."""
    made = await Irc.connect(irc, "zoe")
    made.send("JOIN #lab")
    yield made
    await made.close()


async def test_a_conversation_over_both(irc: int, zoe: Irc, alice: Person) -> None:
    ear = Ear(alice)
    control = await ear.next_room()
    await ear.hears(control, "")  # it greets once it listens
    for command, answer in (("addnetwork net", "Network added"), (f"addserver net 127.0.0.1 {irc}", "Server added")):
        await alice.say(control, command)
        await ear.hears(control, answer)
    await alice.say(control, "open net")
    network = await ear.next_room()
    await alice.say(network, "nick anne")
    await ear.hears(network, "anne")
    await alice.say(network, "connect")
    await ear.hears(network, "MOTD")  # the last word of the greeting
    await alice.say(network, "join #lab")
    channel = await ear.next_room()
    await zoe.hears("JOIN :#lab")

    await alice.say(channel, "bonjour, été")
    assert (await zoe.hears("PRIVMSG #lab")).endswith(":bonjour, été\r\n")
    zoe.send("PRIVMSG #lab :ça va ?")
    event = await ear.hears(channel, "ça va ?")
    assert event["sender"] == "@irc_net_zoe:localhost"
    zoe.send("PRIVMSG #lab :\x02gras\x02 et \x1ditalique\x1d")
    assert "<b>gras</b>" in (await ear.hears(channel, "gras"))["content"]["formatted_body"]
    await alice.say(channel, "fort", format="org.matrix.custom.html", formatted_body="<strong>fort</strong>")
    assert (await zoe.hears("PRIVMSG #lab")).endswith(":*fort*\r\n")

    zoe.send("PRIVMSG anne :entre nous")
    private = await ear.next_room()
    assert (await ear.hears(private, "entre nous"))["sender"] == "@irc_net_zoe:localhost"
    await alice.say(private, "oui")
    assert (await zoe.hears("PRIVMSG zoe")).endswith(":oui\r\n")

    zoe.send("NICK eve")
    members = await ear.until(
        lambda: [
            e
            for e in ear.events.get(channel, ())
            if e["type"] == "m.room.member"
            and e["state_key"] == "@irc_net_eve:localhost"
            and e["content"]["membership"] == "join"
        ]
    )
    assert members
    await alice.leave(channel)
    await zoe.hears("PART #lab")
