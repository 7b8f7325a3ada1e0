"""A server that dies without a word in the middle of a join, of a transaction, of sending: what was acknowledged is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from chappe.matrix.errors import MatrixError
from tests.federation.certificates import Authority
from tests.federation.conftest import Peer
from tests.federation.partition import _cut_off
from tests.federation.test_history import everything
from tests.federation.test_rooms import enter, hears
from tests.process import ServedProcess, free_port
from tests.support import Person, Refused, until

_CONFIG = """
server_name = "localhost:{tls}"
rate_limits_enabled = false
extra_ca_file = "{authority}"
[[listeners]]
port = {plain}
[[listeners]]
port = {tls}
tls_certificate = "{certificate}"
tls_key = "{key}"
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


class Victim(ServedProcess):
    """A server as a process of its own, which others reach over TLS."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        certificate, key = authority.issue("localhost")
        tls, plain = free_port(), free_port()
        file = folder / "chappe.toml"
        file.write_text(_CONFIG.format(tls=tls, plain=plain, certificate=certificate, key=key, authority=authority.file))
        super().__init__(folder / "data", "--config", str(file))
        self.server_name = f"localhost:{tls}"
        self.port = plain


@pytest_asyncio.fixture
async def victim(tmp_path: Path, authority: Authority) -> AsyncIterator[Victim]:
    folder = tmp_path / "victim"
    folder.mkdir()
    server = Victim(folder, authority)
    await server.start()
    yield server
    await server.stop()
    print("".join(server.lines))  # shown where the test fails


async def again(victim: Victim, person: Person) -> None:
    await victim.kill()
    await victim.start()


pytestmark = pytest.mark.xdist_group("kill")


async def test_killed_in_the_middle_of_a_join(peer: Peer, victim: Victim) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await victim.person("bob")
    room = await alice.create_room(preset="public_chat", name="Large")
    for n in range(120):
        await (await here.person(f"member{n}")).join(room)
    answered = asyncio.Event()
    serving = here.node.serving
    answer = serving.state_and_chain

    async def and_tell(*arguments: Any, **named: Any) -> Any:
        answered.set()
        return await answer(*arguments, **named)

    serving.state_and_chain = and_tell  # type: ignore[method-assign]
    for pause in (0.0, 0.05, 0.15, 0.3):
        answered.clear()
        joining = asyncio.create_task(enter(bob, room, here))
        asked = asyncio.create_task(answered.wait())
        await asyncio.wait({asked, joining}, return_when=asyncio.FIRST_COMPLETED)
        assert answered.is_set(), f"nobody was asked for the room: {joining.exception()}"
        await asyncio.sleep(pause)
        await again(victim, bob)
        await asyncio.gather(joining, return_exceptions=True)
        answer_now = await bob.call("GET", "/joined_rooms")
        if room in answer_now["joined_rooms"]:
            break
    await enter(bob, room, here)
    assert (await bob.state(room, "m.room.name"))["name"] == "Large"
    members = (await bob.call("GET", f"/rooms/{room}/joined_members"))["joined"]
    assert len(members) == 122
    await alice.say(room, "welcome")
    await hears(bob, room, "welcome")
    await bob.say(room, "thank you")
    await hears(alice, room, "thank you")


async def test_killed_while_it_receives(peer: Peer, victim: Victim) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await victim.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    said = []
    for n in range(120):
        said.append(f"message {n}")
        await alice.say(room, said[-1])
        if n in (30, 75):
            await again(victim, bob)
    await here.node.federation_sender.retry(victim.server_name)

    async def all_once() -> bool:
        return sorted(await everything(bob, room)) == sorted(said)

    await until(all_once)


async def test_killed_after_it_has_acknowledged(peer: Peer, victim: Victim) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await victim.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    said: list[str] = []

    async def talk(name: str) -> None:
        for n in range(40):
            try:
                await bob.say(room, f"{name} {n}")
            except (Refused, MatrixError, aiohttp.ClientError, OSError):
                return
            said.append(f"{name} {n}")

    talking = [asyncio.create_task(talk(name)) for name in "abcd"]
    await asyncio.sleep(0.3)
    await again(victim, bob)
    await asyncio.gather(*talking)
    assert said
    await bob.say(room, "the end")

    async def all_heard() -> bool:
        return set(await everything(alice, room)) >= {*said, "the end"}

    await until(all_heard)


async def test_killed_in_the_middle_of_a_resolution(peer: Peer, victim: Victim) -> None:
    """Both sides have changed the state apart from each other; while the victim resolves, it dies, several times."""
    here = await peer()
    alice, bob = await here.person("alice"), await victim.person("bob")
    room = await alice.create_room(preset="public_chat", power_level_content_override={"state_default": 0})
    await enter(bob, room, here)
    await hears_both(alice, bob, room)
    deliver = here.node.pdu_queues.deliver

    async def refuse(origin: str, pdus: Any) -> Any:
        raise MatrixError(503, "M_UNKNOWN", "the wire is cut")

    mend = _cut_off(here, {victim.server_name})
    here.node.pdu_queues.deliver = refuse  # type: ignore[method-assign]
    for n in range(40):
        await alice.set_state(room, "test.state", {"by": f"alice {n}"}, str(n))
        await bob.set_state(room, "test.state", {"by": f"bob {n}"}, str(n))
        await alice.say(room, f"alice {n}")
    mend()
    here.node.pdu_queues.deliver = deliver  # type: ignore[method-assign]
    for pause in (0.02, 0.1, 0.3):
        await here.node.federation_sender.retry(victim.server_name)
        await asyncio.sleep(pause)
        await again(victim, bob)
    await here.node.federation_sender.retry(victim.server_name)
    await alice.say(room, "after all")
    await hears(bob, room, "after all")

    async def same() -> bool:
        await victim.run("admin", "federation", "retry", here.config.server_name)
        states = [await person.call("GET", f"/rooms/{room}/state") for person in (alice, bob)]
        ours, theirs = ({(e["type"], e["state_key"]): e["event_id"] for e in state} for state in states)
        return ours == theirs

    await until(same)
    assert set(await everything(bob, room)) >= {f"alice {n}" for n in range(40)}


async def hears_both(alice: Person, bob: Person, room: str) -> None:
    await alice.say(room, "one")
    await hears(bob, room, "one")
    await bob.say(room, "two")
    await hears(alice, room, "two")
