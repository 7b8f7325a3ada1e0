"""Finding people of other servers by name: those in one's rooms, and those of servers that let theirs be found."""

from __future__ import annotations

from typing import Any

import pytest

from chappe.config import Federation
from chappe.homeserver.actions.ask_servers import PEOPLE
from chappe.homeserver.outbound.federation.client import PeerRefused
from tests.federation.conftest import Peer
from tests.federation.test_rooms import enter
from tests.process import free_port
from tests.support import Person, Server, segment, until


async def found(person: Person, term: str, **more: Any) -> list[str]:
    answer = await person.call("POST", "/user_directory/search", {"search_term": term, **more})
    return [entry["user_id"] for entry in answer["results"]]


async def named(person: Person, name: str) -> None:
    await person.call("PUT", f"/profile/{segment(person.id)}/displayname", {"displayname": name})


async def test_people_in_rooms_of_ours(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, eve, bob = await here.person("alice"), await here.person("eve"), await there.person("bob")
    await named(bob, "Barnabé Löwe")
    room = await alice.create_room()
    assert await found(alice, "lowe") == []
    await alice.invite(room, bob)
    await bob.join(room)

    async def is_found() -> bool:
        return await found(alice, "lowe") == [bob.id]

    await until(is_found)
    assert await found(eve, "lowe") == [], "she shares no room with him"
    assert await found(bob, "alice") == [alice.id], "who enters finds those who were there before"
    await bob.leave(room)

    async def is_gone() -> bool:
        return await found(alice, "lowe") == []

    await until(is_gone)
    assert await here.node.accounts.store.find_user(bob.id) is None


async def test_people_of_chosen_servers(peer: Peer) -> None:
    names = [f"localhost:{free_port()}" for _ in range(3)]

    async def start(index: int, *people_of: str) -> Server:
        federation = Federation(mode="open", allow_private_addresses=True, people_of=list(people_of))
        return await peer(federation=federation, port=int(names[index].rsplit(":", 1)[1]))

    here, there = await start(0, names[1], names[2], "nobody.invalid"), await start(1, names[0])
    stranger = await start(2)
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await stranger.person("carol")
    own = await here.person("clara")
    await named(bob, "Clément Ader")
    await named(carol, "Clémence Royer")
    await named(own, "Cléo de Mérode")
    assert await found(alice, "cle") == [own.id, bob.id], "the third server does not let its people be found"
    assert await found(alice, "cle", limit=1) == [own.id]
    assert await found(alice, "ader clem") == [bob.id] and await found(alice, "nadar") == []
    assert await found(bob, "clara") == [own.id] and await found(carol, "cle") == []
    room = await bob.create_room(preset="public_chat")
    await enter(alice, room, there)
    assert await found(alice, "ader") == [bob.id], "once"
    client = stranger.node.federation_client
    for searcher, asked in ((carol.id, there), (alice.id, here)):
        with pytest.raises(PeerRefused) as refused:
            body = {"search_term": "a", "searcher": searcher}
            await client.request(names[2], asked.config.server_name, "POST", PEOPLE, content=body)
        assert refused.value.peer_status == 403
    for wrong in (
        {},
        {"search_term": 1, "searcher": alice.id},
        {"search_term": "a", "searcher": "x"},
        {"search_term": "a" * 300, "searcher": alice.id},
    ):
        with pytest.raises(PeerRefused) as refused:
            await here.node.federation_client.request(names[0], names[1], "POST", PEOPLE, content=wrong)
        assert refused.value.peer_status == 400
