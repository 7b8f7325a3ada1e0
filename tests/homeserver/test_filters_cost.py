"""What a filter costs at the first /sync: hardly more statements than an answer without one, however many rooms there are."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.homeserver.rooms.snapshot import TAIL_LENGTH
from tests.support import Person, Server, joined

ROOMS = 6
Filter = dict[str, Any] | None


async def _statements(server: Server, person: Person, wanted: Filter) -> int:
    query = {} if wanted is None else {"filter": json.dumps(wanted)}
    before = server.node.database.statements
    answer = await person.call("GET", "/sync", **query)
    assert len(answer["rooms"]["join"]) == ROOMS
    return server.node.database.statements - before


@pytest.mark.parametrize("wanted", [None, {"room": {"timeline": {"types": ["m.room.message", "m.reaction"]}}}])
async def test_reactions_are_not_read(new_server: Callable[..., Awaitable[Server]], wanted: Filter) -> None:
    """They are not told with the events to which they relate, so that nothing has to be known of them."""
    server = await new_server()
    alice = await server.person()
    said = {room: await alice.say(room, "bonjour") for room in [await alice.create_room() for _ in range(ROOMS)]}
    await _statements(server, alice, wanted)
    before = await _statements(server, alice, wanted)
    for room, event in said.items():
        await alice.send(room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": "👍"}})
    assert await _statements(server, alice, wanted) == before
    room, event = said.popitem()
    await alice.send(room, "m.room.message", {"body": "x", "m.relates_to": {"rel_type": "m.reference", "event_id": event}})
    assert await _statements(server, alice, wanted) > before
    (section,) = [joined(await alice.call("GET", "/sync"), room)]
    (told,) = [e for e in section["timeline"]["events"] if e["event_id"] == event]
    assert len(told["unsigned"]["m.relations"]["m.reference"]["chunk"]) == 1


FILTERS: dict[str, Filter] = {
    "lazy": {"room": {"state": {"lazy_load_members": True}}},
    "Element": {"room": {"timeline": {"limit": 20, "unread_thread_notifications": True}, "state": {"lazy_load_members": True}}},
    "types": {"room": {"timeline": {"types": ["m.room.message"]}}},
    "seldom": {"room": {"timeline": {"types": ["m.room.create"]}}},
    "never": {"room": {"timeline": {"types": ["org.example.*"]}}},
    "not_types": {"room": {"timeline": {"not_types": ["m.room.member"]}, "state": {"not_types": ["m.room.member"]}}},
    "state": {"room": {"state": {"types": ["m.room.name"]}}},
    "people": {"room": {"timeline": {"not_senders": ["@nobody:localhost"]}}},
    "url": {"room": {"timeline": {"contains_url": False}}},
    "fields": {"event_fields": ["type", "content.body"]},
}


async def test_statements_do_not_grow_with_the_rooms(new_server: Callable[..., Awaitable[Server]]) -> None:
    """Also where what passes lies further back than a room remembers: it is looked for in all rooms at once."""
    server = await new_server()
    alice = await server.person()
    for room in [await alice.create_room(name="Salle") for _ in range(ROOMS)]:
        for n in range(TAIL_LENGTH):
            await alice.say(room, str(n))
    await _statements(server, alice, None)
    plain = await _statements(server, alice, None)
    cost = {name: await _statements(server, alice, wanted) for name, wanted in FILTERS.items()}
    assert {name: more for name, n in cost.items() if (more := n - plain) > (name in ("seldom", "never"))} == {}
    for name, event_type in (("seldom", "m.room.create"), ("types", "m.room.message")):
        answer = await alice.call("GET", "/sync", filter=json.dumps(FILTERS[name]))
        for section in answer["rooms"]["join"].values():
            assert {e["type"] for e in section["timeline"]["events"]} == {event_type}
