"""Servers that come into a room after somebody erased their messages get them redacted; those that were there keep them."""

from __future__ import annotations

from tests.federation.conftest import Peer
from tests.federation.test_history import everything
from tests.federation.test_rooms import enter, hears
from tests.homeserver.test_erased_people import SECRET, _erase


async def test_a_server_that_comes_later_gets_redacted_copies(peer: Peer) -> None:
    here, before, later = await peer(), await peer(), await peer()
    alice, owner = await here.person("alice"), await here.person("owner")
    bob, carol = await before.person("bob"), await later.person("carol")
    room = await owner.create_room(preset="public_chat")
    await alice.join(room)
    event = await alice.say(room, SECRET)
    await enter(bob, room, here)
    await hears(bob, room, SECRET)
    await _erase(alice)
    await owner.say(room, "after")
    await enter(carol, room, here)
    assert SECRET not in await everything(carol, room) and "after" in await everything(carol, room)
    assert SECRET in await everything(bob, room)
    servers = (before, True), (later, False)
    for server, has_it in servers:
        path = f"/_matrix/federation/v1/event/{event}"
        told = await server.node.federation_client.get(server.config.server_name, here.config.server_name, path)
        assert (SECRET in str(told)) is has_it
