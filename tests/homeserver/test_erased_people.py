"""Whoever comes after somebody erased their messages reads them redacted, through every door; those who were there keep them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support import PASSWORD, Person, Server, segment

SECRET = "SECRET-AVANT"


async def _erase(person: Person) -> None:
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": person.id}, "password": PASSWORD}
    await person.call("POST", "/account/deactivate", {"auth": auth, "erase": True})


async def _doors(reader: Person, room: str, events: dict[str, str]) -> dict[str, Any]:
    """What each door shows of a room."""
    at, r = segment(events["said"]), segment(room)
    lists = {"all": {"ranges": [[0, 20]], "timeline_limit": 50, "required_state": []}}
    criteria = {"search_categories": {"room_events": {"search_term": SECRET}}}
    fresh = Person(reader.server, reader.session)
    return {
        "messages": await reader.messages(room, limit=100),
        "messages forwards": await reader.messages(room, dir="f", limit=100),
        "sync": await fresh.sync(filter={"room": {"timeline": {"limit": 100}}}),
        "sliding sync": await reader.call(
            "POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", {"lists": lists}
        ),
        "event": await reader.call("GET", f"/rooms/{r}/event/{at}"),
        "context": await reader.call("GET", f"/rooms/{r}/context/{segment(events['after'])}", limit=50),
        "relations": await reader.call("GET", f"/_matrix/client/v1/rooms/{r}/relations/{segment(events['root'])}"),
        "root with its thread": await reader.call("GET", f"/rooms/{r}/event/{segment(events['root'])}"),
        "threads": await reader.call("GET", f"/_matrix/client/v1/rooms/{r}/threads"),
        "search": await reader.call("POST", "/search", criteria),
        "old sync": await reader.call("GET", f"/rooms/{r}/initialSync"),
    }


async def _a_room(alice: Person, bob: Person) -> tuple[str, dict[str, str]]:
    """Bob owns it, Alice has said things in all ways."""
    room = await bob.create_room(preset="public_chat", initial_state=[])
    await alice.join(room)
    events = {"root": await bob.say(room, "a thread of bob")}
    events["said"] = await alice.say(room, SECRET)
    relation = {"rel_type": "m.thread", "event_id": events["root"]}
    events["threaded"] = await alice.say(room, f"{SECRET} in the thread", **{"m.relates_to": relation})
    new = {"msgtype": "m.text", "body": f"{SECRET} edited"}
    await alice.say(
        room, "* edit", **{"m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": events["said"]}}
    )
    events["after"] = await bob.say(room, "after")
    return room, events


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_through_every_door(new_server: Callable[..., Awaitable[Server]], is_restarted: bool) -> None:
    server = await new_server()
    alice, bob, early, carol, peeker = [await server.person(n) for n in ("alice", "bob", "early", "carol", "peeker")]
    room, events = await _a_room(alice, bob)
    await bob.set_state(room, "m.room.history_visibility", {"history_visibility": "world_readable"})
    await early.join(room)  # after it was said, before it was erased
    await server.node.search_index.caught_up()
    await _erase(alice)
    await carol.join(room)
    if is_restarted:
        url = server.url
        await server.node.stop()
        server = await new_server(url=url)
        bob, early, carol, peeker = [Person(server, p.session) for p in (bob, early, carol, peeker)]
    for reader in (bob, early):
        for door, shown in (await _doors(reader, room, events)).items():
            assert SECRET in str(shown), f"{door} of one who was there before"
    for door, shown in (await _doors(carol, room, events)).items():
        assert SECRET not in str(shown), f"{door} of one who came later"
    found = await carol.call("POST", "/search", {"search_categories": {"room_events": {"search_term": SECRET}}})
    assert found["search_categories"]["room_events"]["count"] == 0
    event = await carol.call("GET", f"/rooms/{segment(room)}/event/{segment(events['said'])}")
    assert event["content"] == {} and event["sender"] == alice.id and event["event_id"] == events["said"]
    assert SECRET not in str(await peeker.messages(room, limit=100)), "who only looks in comes later as well"
