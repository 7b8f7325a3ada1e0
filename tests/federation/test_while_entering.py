"""What is said in a room while somebody is on the way into it: between the other server's consent and the join's being written here."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from chappe.config import Listener
from chappe.homeserver.rooms.remote import entering
from chappe.homeserver.rooms.remote.entering import Entering
from chappe.homeserver.rooms.remote.pdu_queues import PduQueues
from tests.federation.conftest import Peer
from tests.federation.test_rooms import agree, enter, hears, members
from tests.support import Person, Server, until


@pytest.mark.parametrize("which", ["the first time", "again"])
@pytest.mark.parametrize("process", ["the same", "another"])
async def test_what_is_said_meanwhile_is_heard(peer: Peer, monkeypatch: pytest.MonkeyPatch, which: str, process: str) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    if which == "again":
        await enter(bob, room, here)
        await agree(room, here, there)
        await alice.act("kick", room, bob)
        await until(lambda: _is_out(there, room, bob.id))
    taken, may_go_on, arrived = asyncio.Event(), asyncio.Event(), asyncio.Event()
    install, deliver = Entering._install, PduQueues._deliver_room

    async def late(self: Entering, *arguments: Any) -> Any:
        taken.set()
        await may_go_on.wait()
        return await install(self, *arguments)

    async def noted(self: PduQueues, origin: str, room_id: str, raws: list[Any]) -> Any:
        arrived.set()
        return await deliver(self, origin, room_id, raws)

    monkeypatch.setattr(Entering, "_install", late)
    monkeypatch.setattr(PduQueues, "_deliver_room", noted)
    inward = msgspec.structs.replace(there.config, listeners=[Listener(port=0)])  # other servers reach the first alone
    other = await Server(inward, there.data, there.url).start() if process == "another" else there
    try:
        if process == "another":
            bob = Person(other, bob.session)
        coming = asyncio.create_task(enter(bob, room, here))
        await until(taken.is_set)
        await alice.say(room, "welcome")  # a bot that greets whoever comes
        await until(arrived.is_set)
        may_go_on.set()
        await coming
        await hears(bob, room, "welcome")
        assert (await members(bob, room))[bob.id] == "join"
    finally:
        if other is not there:
            await other.stop()


async def _is_out(server: Server, room: str, user_id: str) -> bool:
    return user_id not in (await server.node.rooms.require(room)).joined


async def test_a_join_that_takes_long_is_waited_for_once(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lets us in drop by drop does not hold up what the others send, of this room and of theirs, at each transaction."""
    monkeypatch.setattr(entering, "ARRIVAL", 0.3)
    here = await peer()
    leases, room_id, looks = here.node.leases, "!hall:elsewhere.example", list[str]()
    is_held, name = leases.is_held, entering._lease(room_id)

    async def counted(asked: str) -> bool:
        looks.append(asked)
        return await is_held(asked)

    async def arrival() -> tuple[bool, int]:
        before = len(looks)
        return await here.node.elsewhere.entering.arrival(room_id), len(looks) - before

    monkeypatch.setattr(leases, "is_held", counted)
    for _ in range(2):
        assert await arrival() == (False, 1), "nobody is on the way"
        await leases.claim(name)
        has_waited, times = await arrival()
        assert has_waited and times > 1
        assert [await arrival(), await arrival()] == [(False, 1), (False, 1)]
        await leases.give_back(name)
