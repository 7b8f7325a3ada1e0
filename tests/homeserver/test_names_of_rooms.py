"""What a room calls itself leads to it (client-server API, "Room aliases"; room_state.yaml, 400: M_INVALID_PARAM, M_BAD_ALIAS)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support import Person, Refused, segment

KIND = "m.room.canonical_alias"
OWN, SECOND, OTHERS, DEAD = "#own:localhost", "#second:localhost", "#others:localhost", "#dead:localhost"
ELSEWHERE = "#room:localhost:1"  # nobody answers there
INVALID, BAD = "M_INVALID_PARAM", "M_BAD_ALIAS"


def own(person: Person, value: Any) -> Any:
    """With aliases that no other test has."""
    mark = person.id[1:].partition(":")[0]
    return json.loads(re.sub(r"#(own|second|others|dead|new):", rf"#\1-{mark}:", json.dumps(value)))


async def add(person: Person, alias: str, room: str) -> None:
    await person.call("PUT", f"/directory/room/{segment(own(person, alias))}", {"room_id": room})


@pytest.mark.parametrize(
    ("content", "errcode"),
    [
        ({"alias": OWN}, None),
        ({"alias": OWN, "alt_aliases": [SECOND]}, None),
        ({"alt_aliases": [OWN, SECOND, OWN]}, None),
        ({}, None),
        ({"alias": None}, None),
        ({"alias": ""}, None),
        ({"alias": "", "alt_aliases": []}, None),
        ({"more": 1}, None),
        ({"alias": DEAD}, BAD),
        ({"alias": OTHERS}, BAD),
        ({"alias": ELSEWHERE}, BAD),
        ({"alias": OWN, "alt_aliases": [DEAD]}, BAD),
        ({"alias": OWN, "alt_aliases": [SECOND, OTHERS]}, BAD),
        ({"alias": 1}, INVALID),
        ({"alias": [OWN]}, INVALID),
        ({"alias": {}}, INVALID),
        ({"alias": "own"}, INVALID),
        ({"alias": "#own"}, INVALID),
        ({"alias": "#:localhost"}, INVALID),
        ({"alias": "@own:localhost"}, INVALID),
        ({"alias": "#" + "x" * 300 + ":localhost"}, INVALID),
        ({"alt_aliases": OWN}, INVALID),
        ({"alt_aliases": None}, INVALID),
        ({"alt_aliases": {OWN: 1}}, INVALID),
        ({"alt_aliases": [1]}, INVALID),
        ({"alt_aliases": [[OWN]]}, INVALID),
        ({"alt_aliases": [""]}, INVALID),
        ({"alt_aliases": [f"#{n}:localhost:1" for n in range(21)]}, INVALID),
    ],
)
async def test_what_a_room_may_call_itself(alice: Person, content: Any, errcode: str | None) -> None:
    room, other = await alice.create_room(), await alice.create_room()
    await add(alice, OWN, room)
    await add(alice, SECOND, room)
    await add(alice, OTHERS, other)
    content = own(alice, content)
    try:
        await alice.set_state(room, KIND, content)
    except Refused as refused:
        assert (refused.status, refused.errcode) == (400, errcode)
    else:
        assert errcode is None and await alice.state(room, KIND) == content


async def test_what_was_there_before_may_stay(alice: Person) -> None:
    """Old rooms name what is gone by now: only what is added is looked at."""
    room, alias = await alice.create_room(), own(alice, OWN)
    await add(alice, OWN, room)
    await alice.set_state(room, KIND, {"alias": alias})
    await alice.server.node.database.execute("DELETE FROM room_aliases WHERE alias = $1", alias)
    await alice.set_state(room, KIND, {"alias": alias, "alt_aliases": []})
    await alice.set_state(room, KIND, {"alt_aliases": [alias]})
    with pytest.raises(Refused) as refused:
        await alice.set_state(room, KIND, {"alias": alias, "alt_aliases": [own(alice, DEAD)]})
    assert refused.value.errcode == BAD


async def test_who_may_not_name_a_room_is_told_so(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    for content in ({"alias": DEAD}, {"alias": 1}):
        with pytest.raises(Refused) as refused:
            await bob.set_state(room, KIND, content)
        assert refused.value.status == 403


@pytest.mark.parametrize(
    ("content", "errcode"), [({"alias": "#new:localhost"}, None), ({"alias": OTHERS}, BAD), ({"alias": 7}, INVALID)]
)
async def test_a_room_that_is_made(alice: Person, content: Any, errcode: str | None) -> None:
    await add(alice, OTHERS, await alice.create_room())
    content, alias = own(alice, content), own(alice, "#new:localhost")
    name = alias[1:].partition(":")[0]
    options = {"room_alias_name": name, "initial_state": [{"type": KIND, "content": content}]}
    try:
        room = await alice.create_room(**options)
    except Refused as refused:
        assert (refused.status, refused.errcode) == (400, errcode)
        with pytest.raises(Refused):
            await alice.call("GET", f"/directory/room/{segment(alias)}")
    else:
        assert errcode is None and await alice.state(room, KIND) == content


async def listed(person: Person, room: str, term: str) -> list[Any]:
    """The room's canonical alias, where a search finds the room."""
    found = await person.call("POST", "/publicRooms", {"filter": {"generic_search_term": term}})
    return [entry.get("canonical_alias") for entry in found["chunk"] if entry["room_id"] == room]


async def told(person: Person, room: str) -> list[Any]:
    """The room's canonical alias, as its summary and the hierarchy of a space name it."""
    summary = await person.call("GET", f"/_matrix/client/v1/room_summary/{segment(room)}")
    hierarchy = await person.call("GET", f"/_matrix/client/v1/rooms/{segment(room)}/hierarchy")
    return [entry.get("canonical_alias") for entry in (summary, *hierarchy["rooms"])]


async def test_an_alias_that_is_deleted_is_named_no_more(alice: Person) -> None:
    """client-server API, DELETE directory/room: "Servers may choose to update the `alt_aliases` for the
    `m.room.canonical_alias` state event in the room when an alias is removed"."""
    alias, second, title = own(alice, OWN), own(alice, SECOND), f"Room of {alice.id}"
    name = alias[1:].partition(":")[0]
    room = await alice.create_room(preset="public_chat", visibility="public", room_alias_name=name, name=title)
    await add(alice, SECOND, room)
    await alice.set_state(room, KIND, {"alias": alias, "alt_aliases": [second, alias], "more": 1})
    assert await listed(alice, room, title) == await listed(alice, room, name) == [alias]
    await alice.call("DELETE", f"/directory/room/{segment(alias)}")
    assert await alice.state(room, KIND) == {"alt_aliases": [second], "more": 1}
    assert await listed(alice, room, title) == [None] and await listed(alice, room, name) == []
    await alice.call("DELETE", f"/directory/room/{segment(second)}")
    assert (await alice.state(room, KIND))["alt_aliases"] == []


async def test_an_alias_that_nobody_may_unname_is_not_shown(alice: Person, bob: Person) -> None:
    alias, title = own(bob, OWN), f"Room of {alice.id}"
    room = await alice.create_room(preset="public_chat", visibility="public", name=title)
    await bob.join(room)
    await add(bob, OWN, room)
    await alice.set_state(room, KIND, {"alias": alias})
    assert await listed(alice, room, title) == [alias] and await told(bob, room) == [alias, alias]
    await bob.call("DELETE", f"/directory/room/{segment(alias)}")  # his, and not his to unname
    assert await alice.state(room, KIND) == {"alias": alias}
    assert await listed(alice, room, title) == [None] and await told(bob, room) == [None, None]
    await add(bob, OWN, await bob.create_room())
    assert await listed(alice, room, title) == [None] and await told(bob, room) == [None, None], "it is another's"


async def test_an_upgrade_takes_along_what_leads_to_the_new_room(alice: Person) -> None:
    alias, second = own(alice, OWN), own(alice, SECOND)
    room = await alice.create_room(preset="public_chat", room_alias_name=alias[1:].partition(":")[0])
    await add(alice, SECOND, room)
    await alice.set_state(room, KIND, {"alias": alias, "alt_aliases": [second]})
    await alice.server.node.database.execute("DELETE FROM room_aliases WHERE alias = $1", second)
    answer = await alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "12"})
    assert await alice.state(answer["replacement_room"], KIND) == {"alias": alias}
