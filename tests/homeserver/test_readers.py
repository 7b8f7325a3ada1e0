"""What each kind of reader is shown by every listing of a plain server: as the specification has it."""

from __future__ import annotations

import json
from typing import Any

from tests.doors import as_before
from tests.readers import LISTINGS, READERS, V1, V3, World, a_world, table, without_a_row
from tests.support import Person, Server, segment


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
    assert "window sentence" in shown(rows["GET", f"{V3}/rooms/{{roomId}}/messages"]["guest"]), "open to the world"
    everything = set().union(*(shown(seen["person"]) for seen in rows.values()))
    assert {"alice", "shared sentence", "shared title", "invited title", "forum title", "stranger"} <= everything
    assert not {"private title", "private subject", "private sentence"} & everything


async def test_nobody_has_other_servers_asked(new_server: Any) -> None:
    server = await new_server()
    assert (await server.raw("GET", f"{V3}/publicRooms?server=elsewhere.example"))[0] == 401
    assert (await server.raw("GET", f"{V3}/publicRooms?server=localhost"))[0] == 200


async def test_every_endpoint_has_a_row(new_server: Any) -> None:
    server = await new_server()
    found = without_a_row(server)
    assert not found, "\n".join(found)
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


async def test_who_was_there_before_one_came_in_is_not_told(new_server: Any) -> None:
    """`/members?at=`: by the history visibility of that time; before, one gets the state with which one came in."""
    server = await new_server()
    alice, early, bob = [await server.person(name) for name in ("alice", "early", "bob")]

    async def members(room: str, token: str) -> set[str]:
        answer = await bob.call("GET", f"/rooms/{segment(room)}/members", at=token, membership="join")
        return {event["state_key"] for event in answer["chunk"]}

    for visibility, sees_before in (("joined", False), ("invited", False), ("shared", True), ("world_readable", True)):
        rule = {"type": "m.room.history_visibility", "content": {"history_visibility": visibility}}
        room = await alice.create_room(preset="public_chat", initial_state=[rule])
        await early.join(room)
        before = (await alice.sync())["next_batch"]
        await early.leave(room)
        await bob.join(room)
        after = (await alice.sync())["next_batch"]
        assert (early.id in await members(room, before)) is sees_before, visibility
        assert await members(room, after) == {alice.id, bob.id}
        await early.join(room)
        there = (await alice.sync())["next_batch"]
        assert early.id in await members(room, there)
        await bob.leave(room)
        await early.leave(room)
        assert early.id in await members(room, (await alice.sync())["next_batch"]), "as it was when one left"
        assert await members(room, there) == {alice.id, bob.id, early.id}


async def test_what_one_may_not_see_one_may_not_name(new_server: Any) -> None:
    """Receipts, redactions and the rest take an event that is hidden for one that is not there."""
    server = await new_server()
    alice, bob = [await server.person(name) for name in ("alice", "bob")]
    rule = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    room = await alice.create_room(preset="public_chat", initial_state=[rule])
    hidden = await alice.say(room, "before")
    await bob.join(room)
    seen = await alice.say(room, "after")
    for event, statuses in (
        (hidden, (404, 404, 404, 404, 400)),
        ("$nowhere", (404, 404, 404, 404, 400)),
        (seen, (200, 200, 403, 200, 200)),
    ):
        name = segment(event)
        doors = [
            ("GET", f"{V3}/rooms/{segment(room)}/event/{name}", None),
            ("GET", f"{V1}/rooms/{segment(room)}/relations/{name}", None),
            ("PUT", f"{V3}/rooms/{segment(room)}/redact/{name}/{name}", {}),
            ("POST", f"{V3}/rooms/{segment(room)}/report/{name}", {}),
            ("POST", f"{V3}/rooms/{segment(room)}/read_markers", {"m.fully_read": event}),
        ]
        answers = [(await server.raw(method, path, body, bob.token))[0] for method, path, body in doors]
        assert tuple(answers) == statuses, event
        await bob.receipt(room, event)
    receipts = await server.node.database.fetch("SELECT event_id FROM receipts WHERE user_id = $1", bob.id)
    assert [row["event_id"] for row in receipts] == [seen]
    assert await alice.redact(room, hidden), "who moderates removes what others may see"


async def test_threads_are_counted_as_far_as_one_sees_them(new_server: Any) -> None:
    """What was said in a thread while one was away is no part of its count, its end, or its place in the list."""
    server = await new_server()
    alice, bob = [await server.person(name) for name in ("alice", "bob")]
    rule = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    room = await alice.create_room(preset="public_chat", initial_state=[rule])

    async def reply(root: str, text: str) -> str:
        return await alice.say(room, text, **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})

    async def threads() -> list[tuple[str, int, str]]:
        answer = await bob.call("GET", f"{V1}/rooms/{segment(room)}/threads")
        found = [(e["event_id"], e["unsigned"]["m.relations"]["m.thread"]) for e in answer["chunk"]]
        return [(root, thread["count"], thread["latest_event"]["event_id"]) for root, thread in found]

    await bob.join(room)
    first, second = await alice.say(room, "first"), await alice.say(room, "second")
    one, two = await reply(first, "1"), await reply(second, "2")
    assert await threads() == [(second, 1, two), (first, 1, one)]
    await bob.leave(room)
    hidden = await reply(first, "hidden")
    assert await threads() == [(second, 1, two), (first, 1, one)]
    await bob.join(room)
    assert sorted(await threads()) == sorted([(second, 1, two), (first, 1, one)])
    last = await reply(first, "3")
    assert (await threads())[0] == (first, 2, last)
    event = await bob.call("GET", f"/rooms/{segment(room)}/event/{segment(first)}")
    assert event["unsigned"]["m.relations"]["m.thread"]["count"] == 2
    assert hidden not in str(await bob.call("GET", f"{V1}/rooms/{segment(room)}/relations/{segment(first)}"))
    alices = await alice.call("GET", f"/rooms/{segment(room)}/event/{segment(first)}")
    assert alices["unsigned"]["m.relations"]["m.thread"]["count"] == 3


async def test_who_is_not_there_costs_a_look_up_only_where_looks_are_counted(server: Server, alice: Person) -> None:
    store, asked = server.node.rooms.sight._store, 0
    look = store.acquainted

    async def count(*given: Any) -> Any:
        nonlocal asked
        asked += 1
        return await look(*given)

    async def listener(*_: Any) -> None: ...

    body = {"device_keys": {f"@nobody-{alice.id[1:]}": []}}
    store.acquainted = count  # type: ignore[method-assign]
    try:
        await alice.call("POST", "/keys/query", body)
        assert asked == 0
        with as_before(server):
            server.node.policy.__dict__["_listeners"] = [listener]
            await alice.call("POST", "/keys/query", body)
        assert asked == 1
    finally:
        store.acquainted = look  # type: ignore[method-assign]
