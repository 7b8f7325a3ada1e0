"""Files go to every server, as the specification has it; of people with whom a server shares no room it gets few."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chappe.config import Limit, Limits
from tests.federation.conftest import Peer
from tests.federation.test_rooms import agree, enter
from tests.federation.test_standing_invitations import invites, seen, stripped
from tests.support import Person, Server, until


async def a_file(owner: Person, what: bytes) -> str:
    status, raw, _ = await owner.server.raw("POST", "/_matrix/media/v3/upload", what, owner.token)
    assert status == 200, raw
    return str(json.loads(raw)["content_uri"])


async def gets(asking: Server, owner: Person, uri: str) -> int:
    async def use(answer: Any) -> int:
        await answer.read()
        return int(answer.status)

    own, to = asking.config.server_name, owner.server.config.server_name
    path = f"/_matrix/federation/v1/media/download/{uri.rsplit('/', 1)[1]}"
    return await asking.node.federation_client.stream(own, to, path, use)


async def made_up(alice: Person, mallory: Person) -> None:
    """Whoever is invited, whatever is shown."""
    name = mallory.server.config.server_name
    shown = [stripped(mallory, "m.room.member", {"membership": m}, f"@{m}:{name}") for m in ("invite", "join", "knock")]
    assert await invites(mallory, alice, f"!made_up:{name}", *shown) == 200


async def waits(alice: Person, mallory: Person) -> str:
    """A real room of theirs, to which they invite."""
    room = await mallory.create_room(preset="private_chat")
    await mallory.invite(room, alice)

    async def is_seen() -> bool:
        return await seen(alice, room) is not None

    await until(is_seen)
    return room


async def accepts(alice: Person, mallory: Person) -> None:
    await alice.join(await waits(alice, mallory))


async def accepts_and_leaves(alice: Person, mallory: Person) -> None:
    room = await waits(alice, mallory)
    await alice.join(room)
    await alice.leave(room)


async def is_invited(alice: Person, mallory: Person) -> None:
    await alice.invite(await alice.create_room(preset="private_chat"), mallory)


async def comes_in(alice: Person, mallory: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await enter(mallory, room, alice.server)
    await agree(room, alice.server, mallory.server)


# Does it make a server an acquaintance of somebody?
MEETINGS = {made_up: False, waits: False, accepts: True, accepts_and_leaves: False, is_invited: True, comes_in: True}


@pytest.mark.parametrize("meets", MEETINGS)
async def test_what_makes_an_acquaintance(peer: Peer, meets: Any) -> None:
    here, evil = await peer(), await peer()
    alice, mallory = await here.person("alice"), await evil.person("mallory")
    await meets(alice, mallory)
    assert await here.node.rooms.sight.shares_room_with_server(alice.id, evil.config.server_name) is MEETINGS[meets]


async def test_an_invitation_of_a_server_gets_it_no_more_files(peer: Peer) -> None:
    here, evil = await peer(rate_limits_enabled=True, limits=Limits(files_by_strangers=Limit(1e-6, 2))), await peer()
    alice, mallory = await here.person("alice"), await evil.person("mallory")
    files = [await a_file(alice, f"report {n}".encode()) for n in range(4)]
    await made_up(alice, mallory)
    assert [await gets(evil, alice, uri) for uri in files] == [200, 200, 429, 429]


async def test_a_server_gets_few_files_of_people_with_whom_it_shares_no_room(peer: Peer) -> None:
    limits = Limits(files_by_strangers=Limit(1e-6, 2))
    here, friends, stranger = await peer(rate_limits_enabled=True, limits=limits), await peer(), await peer()
    alice, bob = await here.person("alice"), await friends.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    files = [await a_file(alice, f"report {n}".encode()) for n in range(4)]
    picture = await a_file(alice, b"a picture")
    await alice.call("PUT", f"/profile/{alice.id}/avatar_url", {"avatar_url": picture})
    assert [await gets(friends, alice, uri) for uri in files] == [200] * 4
    assert [await gets(stranger, alice, picture) for _ in range(4)] == [200] * 4
    assert [await gets(stranger, alice, uri) for uri in files] == [200, 200, 429, 429]
    assert await gets(stranger, alice, picture) == 200
