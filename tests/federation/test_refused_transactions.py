"""A server that refuses a transaction for one event holds up nothing else; who refuses everything loses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from chappe.homeserver.senders.federation.destination import Destination
from chappe.matrix.errors import BadRequest, MatrixError
from tests.federation.conftest import Peer
from tests.federation.partition import heal, split
from tests.federation.test_rooms import enter, hears
from tests.support import Person, Server, until


def _refuse(server: Server, error: MatrixError | None, word: str = "poison") -> list[int]:
    """As a server that cannot stand a word. Returns the sizes of the transactions that it is sent, as they come."""
    inbox, sizes = server.node.pdu_queues, list[int]()
    deliver = type(inbox).deliver

    async def picky(origin: str, pdus: list[Any]) -> Any:
        sizes.append(len(pdus))
        if error is not None and any(word in str(pdu.get("content", {}).get("body")) for pdu in pdus):
            raise error
        return await deliver(inbox, origin, pdus)

    inbox.deliver = picky  # type: ignore[method-assign]
    return sizes


async def _filled(here: Server, there: Server, alice: Person, room: str) -> None:
    """A poisoned event first, good ones behind it."""
    with split([here], [there]):
        await alice.say(room, "poison")
        for n in range(9):
            await alice.say(room, f"good {n}")

        async def queued() -> bool:
            return bool(await here.node.database.fetchval("SELECT count(*) = 10 FROM federation_queue"))

        await until(queued)


def _to(here: Server, there: Server) -> Destination:
    return here.node.federation_sender._destinations[there.config.server_name]


async def test_one_event_that_is_refused_for_good_is_dropped_alone(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    sizes = _refuse(there, BadRequest("I cannot stand it"))
    await _filled(here, there, alice, room)
    await heal(here, there)
    await hears(bob, room, "good 8")
    assert await here.node.database.fetchval("SELECT count(*) FROM federation_queue") == 0
    assert _to(here, there).refused == 1 and 1 in sizes


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502])
async def test_nothing_is_dropped_for_other_refusals(peer: Peer, status: int) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    _refuse(there, MatrixError(status, "M_UNKNOWN", "Not now"))
    await _filled(here, there, alice, room)
    await heal(here, there)

    async def fails() -> bool:
        return bool(await here.node.database.fetchval("SELECT bool_or(last_error LIKE '%Not now') FROM destinations"))

    await until(fails)
    assert await here.node.database.fetchval("SELECT count(*) FROM federation_queue") == 10
    assert _to(here, there).refused == 0
    _refuse(there, None)
    await heal(here, there)
    await hears(bob, room, "good 8")
