"""kill -9 at any moment: what was acknowledged is there afterwards, nothing twice, and sync goes on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.process import ServedProcess
from tests.support import Person, Refused, bodies, joined

pytestmark = pytest.mark.slow
PEOPLE = 6


class Load:
    """People who send without pause and repeat each request, with its transaction id, until it is answered."""

    def __init__(self, people: list[Person], room: str) -> None:
        self.people, self.room = people, room
        self.answered: dict[str, str] = {}
        self.stopping = False

    async def run(self) -> None:
        await asyncio.gather(*(self._send(n, person) for n, person in enumerate(self.people)))

    async def _send(self, number: int, person: Person) -> None:
        count = 0
        while not self.stopping:
            count += 1
            text = f"{number}-{count}"
            while True:
                try:
                    if count % 10 == 0:
                        event = await person.set_state(self.room, "x.count", {"body": text}, str(number))
                    else:
                        event = await person.say(self.room, text, txn=text)
                    break
                except (TimeoutError, aiohttp.ClientError, OSError):
                    await asyncio.sleep(0.05)
                except Refused as refused:
                    assert refused.status == 503, refused
                    await asyncio.sleep(0.05)
            assert event not in self.answered.values()
            self.answered[text] = event


async def _history(person: Person, room: str) -> list[dict]:
    events, token = [], None
    while True:
        page = await person.messages(room, limit=500, **({"from": token} if token else {}))
        events += page["chunk"]
        token = page.get("end")
        if token is None:
            return events[::-1]


async def _prepare(server: ServedProcess) -> tuple[list[Person], str]:
    people = [await server.person() for _ in range(PEOPLE)]
    room = await people[0].create_room(preset="public_chat", power_level_content_override={"state_default": 0})
    for person in people[1:]:
        await person.join(room)
    return people, room


async def _check(load: Load, reader: Person) -> None:
    """Everything acknowledged is in the history once, and in what the reader's sync brings from its old token."""
    events = await _history(reader, load.room)
    ids = [e["event_id"] for e in events]
    assert len(ids) == len(set(ids)), "an event appears twice"
    said = [e["content"]["body"] for e in events if e["type"] in ("m.room.message", "x.count")]
    twice = {text for text in said if said.count(text) > 1 and not text.endswith("0")}
    assert not twice, f"said twice: {twice}"
    missing = {text: event for text, event in load.answered.items() if event not in ids}
    assert not missing, f"acknowledged and lost: {missing}"
    seen: list[str] = []
    while True:
        answer = await reader.sync(filter={"room": {"timeline": {"limit": 1000}}})
        section = joined(answer, load.room)
        if section is None:
            break
        seen += bodies(section["timeline"]["events"])
        if section["timeline"]["limited"]:
            seen = said
    assert {t for t in load.answered if not t.endswith("0")} <= set(seen)


async def test_kill_nine_of_the_server(tmp_path: Path) -> None:
    server = await ServedProcess(tmp_path / "data", "--dev").start()
    try:
        people, room = await _prepare(server)
        reader = people[0]
        await reader.sync()
        load = Load(people, room)
        running = asyncio.create_task(load.run())
        for _ in range(3):
            await asyncio.sleep(random.uniform(0.4, 0.9))
            await server.kill()
            await server.start()
        await asyncio.sleep(0.4)
        load.stopping = True
        await running
        assert len(load.answered) > 50
        await _check(load, reader)
    finally:
        await server.stop()


async def test_kill_nine_of_postgresql(tmp_path: Path) -> None:
    server = await ServedProcess(tmp_path / "data", "--dev").start()
    try:
        people, room = await _prepare(server)
        reader = people[0]
        await reader.sync()
        load = Load(people, room)
        running = asyncio.create_task(load.run())
        for _ in range(2):
            await asyncio.sleep(random.uniform(0.5, 1.0))
            before, pid = len(load.answered), server.postgres_pid()
            os.kill(pid, signal.SIGKILL)
            for _ in range(600):
                await asyncio.sleep(0.05)
                if len(load.answered) > before + PEOPLE:
                    break
            assert len(load.answered) > before + PEOPLE, "the server did not recover"
        load.stopping = True
        await running
        await _check(load, reader)
    finally:
        await server.stop()
