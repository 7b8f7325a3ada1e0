"""What each kind of reader is shown by every listing of a plain server: as the specification has it."""

from __future__ import annotations

import json
from typing import Any

from tests.readers import LISTINGS, READERS, V1, V3, World, a_world, table, without_a_row
from tests.support import Person, Server


async def a_guest(server: Server) -> Person:
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register?kind=guest", {})
    assert status == 200, raw
    return Person(server, json.loads(raw))


async def a_plain_world(new_server: Any) -> World:
    server = await new_server()
    alice, stranger, person = [await server.person(name) for name in ("alice", "stranger", "person")]
    return await a_world(server, alice, stranger, await a_guest(server), person)


def shown(seen: set[str]) -> set[str]:
    """The marks, whichever question showed them."""
    return {mark.split(" ", 1)[1] for mark in seen} - {"answer"}


async def test_nobody_sees_more_than_a_guest_and_no_guest_more_than_a_person(new_server: Any) -> None:
    world = await a_plain_world(new_server)
    rows = await table(world)
    for listing, seen in rows.items():
        assert seen["nobody"] <= seen["guest"] <= seen["person"], listing
    for listing in ("GET", f"{V3}/publicRooms"), ("GET", f"{V1}/room_summary/{{roomIdOrAlias}}"):
        for reader in READERS:
            assert {"forum", "forum title", "space title"} <= shown(rows[listing][reader]), (listing, reader)
            assert not {"private", "private title"} & shown(rows[listing][reader])
    everything = set().union(*(shown(seen["person"]) for seen in rows.values()))
    assert {"alice", "shared sentence", "shared title", "invited title", "forum title", "stranger"} <= everything
    assert not {"private title", "private subject", "private sentence"} & everything


async def test_every_endpoint_has_a_row(new_server: Any) -> None:
    server = await new_server()
    assert without_a_row(server) == []
    assert len(LISTINGS) > 40


async def test_a_guest_writes_to_the_devices_of_acquaintances_only(new_server: Any) -> None:
    world = await a_plain_world(new_server)
    for one in (world.alice, world.stranger):
        await one.sync()
    body = {"messages": {one.id: {"*": {"n": 1}} for one in (world.alice, world.stranger)}}
    await world.guest.call("PUT", "/sendToDevice/m.room.encrypted/1", body)
    assert len((await world.alice.sync())["to_device"]["events"]) == 1
    await world.person.call("PUT", "/sendToDevice/m.room_key_request/1", body)
    events = (await world.stranger.sync())["to_device"]["events"]
    assert [event["sender"] for event in events] == [world.person.id]
