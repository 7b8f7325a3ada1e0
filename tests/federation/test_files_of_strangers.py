"""Files go to every server, as the specification has it; of people with whom a server shares no room it gets few."""

from __future__ import annotations

import json
from typing import Any

from chappe.config import Limit, Limits
from tests.federation.conftest import Peer
from tests.federation.test_rooms import enter
from tests.support import Person, Server


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
