"""What other servers tell of rooms may be anything: it is left out or believed, and costs the others nothing."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from chappe.homeserver.modules.spaces.spaces import MOST_TOLD
from tests.federation.certificates import Authority
from tests.federation.conftest import Peer
from tests.federation.foreign import Foreign
from tests.federation.test_hostile import scene
from tests.support import Person, Server, segment

NONSENSE: list[Any] = [None, True, -1, 1.5, "", "x", "!", "!a\0b", [], {}, [None], [{}], [[]], {"a": None}]
ROOM = (
    "room_id",
    "join_rule",
    "allowed_room_ids",
    "num_joined_members",
    "children_state",
    "name",
    "topic",
    "avatar_url",
    "canonical_alias",
    "room_type",
    "world_readable",
    "guest_can_join",
    "encryption",
    "room_version",
)
CHILD = ("type", "state_key", "sender", "content", "origin_server_ts", "via")


class World:
    """A space of here with a child that only a foreign server tells of. Bob looks at it."""

    def __init__(self, here: Server, foreign: Foreign) -> None:
        self.here, self.foreign = here, foreign
        self.room, self.inner = (f"!{secrets.token_hex(4)}:{foreign.name}" for _ in range(2))
        self.bob: Person
        self.space = ""

    async def look(self) -> list[Any]:
        path = f"/_matrix/client/v1/rooms/{segment(self.space)}/hierarchy"
        answer = await self.bob.call("GET", path)
        return list(answer["rooms"])

    def tells(self, **changed: Any) -> None:
        told = {"room": self.told(self.room, "m.space", [self.child(self.inner)]), "children": [self.told(self.inner)]}
        self.foreign.answers["/hierarchy/"] = orjson.dumps({**told, **changed})

    @staticmethod
    def told(room: str, kind: str = "", children: Any = ()) -> dict[str, Any]:
        return {
            "room_id": room,
            "join_rule": "public",
            "num_joined_members": 1,
            "room_type": kind,
            "name": "Told",
            "children_state": list(children),
            "world_readable": False,
            "guest_can_join": False,
        }

    def child(self, room: str) -> dict[str, Any]:
        content = {"via": [self.foreign.name]}
        return {"type": "m.space.child", "state_key": room, "sender": "@x:y", "content": content, "origin_server_ts": 1}


@pytest_asyncio.fixture
async def world(peer: Peer, authority: Authority) -> AsyncIterator[World]:
    w = World(await peer(), Foreign())
    runner = await w.foreign.start(authority)
    alice, w.bob = await w.here.person("alice"), await w.here.person("bob")
    w.space = await alice.create_room(preset="public_chat", creation_content={"type": "m.space"})
    await alice.set_state(w.space, "m.space.child", {"via": [w.foreign.name]}, w.room)
    yield w
    await runner.cleanup()


async def test_what_is_told_of_rooms_may_be_anything(world: World) -> None:
    """The rest of the space is shown all the same."""
    world.tells()
    assert [room["room_id"] for room in await world.look()] == [world.space, world.room, world.inner]
    for wrong in NONSENSE:
        for name in ("room", "children"):
            world.tells(**{name: wrong})
            assert (await world.look())[0]["room_id"] == world.space, (name, wrong)
        for name in ROOM:
            world.tells(room={**world.told(world.room, "m.space", [world.child(world.inner)]), name: wrong})
            assert (await world.look())[0]["room_id"] == world.space, (name, wrong)
            world.tells(children=[{**world.told(world.inner), "join_rule": "restricted", name: wrong}])
            assert (await world.look())[0]["room_id"] == world.space, ("child", name, wrong)
        for name in CHILD:
            child = {**world.child(world.inner), name: wrong}
            if name == "via":
                child = {**child, "content": {"via": wrong}}
            world.tells(room=world.told(world.room, "m.space", [child]))
            assert (await world.look())[0]["room_id"] == world.space, ("child state", name, wrong)


async def test_published_rooms_of_others_may_be_anything(world: World) -> None:
    path = "/_matrix/client/v3/publicRooms"
    for wrong in NONSENSE:
        chunk = [world.told(world.inner), *({**world.told(world.room), name: wrong} for name in ROOM)]
        world.foreign.answers["/publicRooms"] = orjson.dumps({"chunk": chunk, "next_batch": wrong})
        answer = await world.bob.call("GET", path, server=world.foreign.name)
        assert answer["chunk"][0]["room_id"] == world.inner
        for room in answer["chunk"]:
            assert type(room["room_id"]) is str and type(room["num_joined_members"]) is int, (wrong, room)
            assert type(room.get("name", "")) is str and type(room.get("topic", "")) is str, (wrong, room)


async def test_many_rooms_that_another_server_names_are_looked_for_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [{**world.child(f"!k{n}:{world.foreign.name}"), "content": {"via": []}} for n in range(6000)]
    world.tells(room=world.told(world.room, "m.space", named), children=[])
    await world.look()
    database, asked = world.here.node.database, 0

    def counted(name: str) -> None:
        ask = getattr(database, name)

        async def count(*given: Any, **more: Any) -> Any:
            nonlocal asked
            asked += 1
            return await ask(*given, **more)

        monkeypatch.setattr(database, name, count)

    for name in ("fetch", "fetchrow", "fetchval"):
        counted(name)
    found = await world.look()
    assert [room["room_id"] for room in found] == [world.space, world.room]
    assert len(found[1]["children_state"]) == MOST_TOLD
    assert asked < 20, "each name was looked for by itself"


async def test_an_alias_that_is_gone_is_not_told(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, own, to = await here.person("alice"), there.config.server_name, here.config.server_name
    kind = {"type": "m.space"}
    space = await alice.create_room(preset="public_chat", room_alias_name="space", creation_content=kind)
    child = await alice.create_room(preset="public_chat", room_alias_name="child")
    await alice.set_state(space, "m.space.child", {"via": [to]}, child)

    async def told() -> list[Any]:
        answer = await there.node.federation_client.get(own, to, f"/_matrix/federation/v1/hierarchy/{segment(space)}")
        return [room.get("canonical_alias") for room in (answer["room"], *answer["children"])]

    assert await told() == [f"#space:{to}", f"#child:{to}"]
    await here.node.database.execute("DELETE FROM room_aliases")
    assert await told() == [None, None]


async def test_an_address_that_none_can_be_hides_no_room(peer: Peer) -> None:
    """Another server may write what no database holds into the state of a room."""
    alice, mallory, room, forger = await scene(peer, power_level_content_override={"events": {"m.room.canonical_alias": 0}})
    own = alice.server.config.server_name
    pdu = forger.event({"alias": f"#x\0:{own}"}, type="m.room.canonical_alias", state_key="")
    assert await forger.send(pdu) == {forger.id_of(pdu): {}}
    summary = await alice.call("GET", f"/_matrix/client/v1/room_summary/{segment(room)}")
    assert "canonical_alias" not in summary
    assert (await alice.call("GET", f"/_matrix/client/v1/rooms/{segment(room)}/hierarchy"))["rooms"][0]["room_id"] == room
    upgraded = (await alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "12"}))["replacement_room"]
    assert (await alice.call("GET", f"/rooms/{segment(upgraded)}/members"))["chunk"]
