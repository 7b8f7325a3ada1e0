"""Wrong JSON at every field of the state that the layer's rules read, by every door: 400, and nothing is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.state_formats import FORMS
from chappe.config import Agency, Classification
from chappe.homeserver.rooms.create_event import Draft
from chappe.matrix.errors import MatrixError
from tests.agency.conftest import RULES
from tests.support import Person, Refused, Server, refused, segment

CLASSIFICATION, POWER = "chappe.classification", "m.room.power_levels"
ANY: list[Any] = [None, True, 7, "x", [], [1], {}, {"a": "x"}]
GOOD: dict[str, dict[str, Any]] = {
    RULES: {"rule": "restricted", "visibility": "private", "force_unencrypted_at_creation": False},
    CLASSIFICATION: {"level": "restricted"},
    "m.room.retention": {"max_lifetime": 86_400_000, "min_lifetime": 0},
    POWER: {
        **dict.fromkeys(("users_default", "events_default"), 0),
        "state_default": 100,
        **dict.fromkeys(("ban", "redact", "kick", "invite"), 50),
        "events": {"m.room.topic": 50},
        "notifications": {"room": 50},
        "users": {"@alice:localhost": 100},
    },
    "m.room.join_rules": {"join_rule": "invite", "allow": []},
    "m.room.history_visibility": {"history_visibility": "invited"},
    "m.room.guest_access": {"guest_access": "can_join"},
}
# of a wrong type, but what the field may be
RIGHT: dict[str, tuple[Any, ...]] = {
    "force_unencrypted_at_creation": (True,),
    "max_lifetime": (7,),
    "min_lifetime": (7,),
    "allow": ([],),
    "events": ({},),
    "users": ({},),
    "notifications": ({},),
    **dict.fromkeys(GOOD[POWER].keys() - {"events", "users", "notifications"}, (7,)),
    **dict.fromkeys(("join_rule", "rule", "visibility", "level"), ("x",)),
}


def wrong() -> Iterator[tuple[str, str, Any]]:
    """(type, field, value)."""
    for event_type, content in GOOD.items():
        for field in content:
            right = [(type(value), value) for value in RIGHT.get(field, ())]
            yield from ((event_type, field, value) for value in ANY if (type(value), value) not in right)
            if field in ("events", "users", "notifications"):
                yield from ((event_type, field, {"@bob:localhost": value}) for value in ANY if type(value) is not int)
    membership = {"type": "m.room_membership", "room_id": []}
    for condition in (1, None, [], "x", {}, {"type": 7}, {"type": [], "room_id": "!x"}, membership):
        yield "m.room.join_rules", "allow", [condition]


WRONG = list(wrong())


@pytest_asyncio.fixture
async def server(new_server: Callable[..., Awaitable[Server]]) -> Server:
    levels = [Classification("restricted", guests=True, link_sharing=True)]
    return await new_server(agency=Agency(enabled=True, classifications=levels))


@pytest_asyncio.fixture
async def alice(server: Server) -> Person:
    return await server.person("alice")


def test_every_field_that_is_read_is_tried() -> None:
    assert {kind: set(content) for kind, content in GOOD.items()} == {kind: set(fields) for kind, fields in FORMS.items()}


async def _initial_state(alice: Person, kind: str, content: Any) -> None:
    await alice.create_room(initial_state=[{"type": kind, "state_key": "", "content": content}], room_version="6")


async def _override(alice: Person, kind: str, content: Any) -> None:
    await alice.create_room(power_level_content_override=content, room_version="6")


@pytest.mark.parametrize("door", [_initial_state, _override], ids=lambda door: door.__name__)
async def test_a_room_is_not_made_of_it(alice: Person, door: Any) -> None:
    mine = [case for case in WRONG if door is _initial_state or case[0] == POWER]
    for kind, field, value in mine:
        answer = await refused(door(alice, kind, {**GOOD[kind], field: value}))
        assert (answer.status, answer.errcode) == (400, "M_BAD_JSON"), (kind, field, value, answer.body)
    assert (await alice.call("GET", "/joined_rooms"))["joined_rooms"] == [], "nothing is left of it"


async def _put(alice: Person, room: str, kind: str, content: Any) -> None:
    await alice.set_state(room, kind, content)


async def _delayed(alice: Person, room: str, kind: str, content: Any) -> None:
    path, delay = f"/rooms/{segment(room)}/state/{segment(kind)}", {"org.matrix.msc4140.delay": 60_000}
    made = await alice.call("PUT", path, content, **delay)
    delayed = f"/_matrix/client/v1/delayed_events/{made['delay_id']}"
    try:
        await alice.call("POST", f"{delayed}/send", {})
    finally:
        await alice.call("POST", f"{delayed}/cancel", {})


@pytest.mark.parametrize("version", ["6", "12"])
@pytest.mark.parametrize("door", [_put, _delayed], ids=lambda door: door.__name__)
async def test_it_is_not_set(alice: Person, door: Any, version: str) -> None:
    """Up to version 9 the rules of rooms let levels be anything."""
    room = await alice.create_room(room_version=version)
    for kind, content in GOOD.items():
        users = {"users": {}} if version == "12" and kind == POWER else {}
        await alice.set_state(room, kind, content | users)
    before = {kind: await alice.state(room, kind) for kind in GOOD}
    for kind, field, value in WRONG:
        answer = await refused(door(alice, room, kind, {**before[kind], field: value}))
        assert (answer.status, answer.errcode) == (400, "M_BAD_JSON"), (kind, field, value, answer.body)
    assert {kind: await alice.state(room, kind) for kind in GOOD} == before


@pytest.mark.parametrize("kind", ["m.room.join_rules", "m.room.history_visibility", "m.room.guest_access", RULES])
async def test_what_must_be_there_is(alice: Person, kind: str) -> None:
    room = await alice.create_room()
    before = await alice.state(room, kind)
    assert (await refused(alice.set_state(room, kind, {}))).status in (400, 403)
    assert (await refused(_initial_state(alice, kind, {}))).status == 400
    assert await alice.state(room, kind) == before


@pytest.mark.parametrize("new_version", ["6", "12"])
async def test_what_another_server_wrote_is_read_and_replaced(server: Server, alice: Person, new_version: str) -> None:
    """It cannot be refused. No door breaks on it, no new room is made of it, and who runs the room puts it right."""
    for kind, field, value in WRONG:
        room = await alice.create_room(room_version="6")
        live = await server.node.rooms.require(room)
        good = await alice.state(room, kind) if kind in (RULES, POWER) else GOOD[kind]
        try:
            await server.node.rooms.submit(live, [Draft(kind, alice.id, {**good, field: value}, "")])
        except MatrixError:
            continue  # the room's own rules refuse it of everybody
        what = (kind, field, value)
        users = field == "users"  # whoever is not named loses what they have: so it is
        answer = await _answer(alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": new_version}))
        # who has power is written anew where it was nothing
        assert answer in ((200, 400, 403) if field in ("users", "events") else (400, 403)), what
        for kept in GOOD:
            assert await _answer(alice.set_state(room, kept, {**GOOD[kept], "x": 1})) in (200, 400, 403), (what, kept)
        assert await _answer(alice.set_state(room, kind, good)) == 200 or users, what
        assert await _answer(alice.leave(room)) == 200, what


async def _answer(asked: Awaitable[Any]) -> int:
    try:
        await asked
    except Refused as refusal:
        return refusal.status
    return 200


async def test_a_message_in_a_classified_room_may_say_anything(alice: Person) -> None:
    marking = {"type": CLASSIFICATION, "state_key": "", "content": {"level": "restricted"}}
    room = await alice.create_room(initial_state=[marking])
    for value in ANY:
        info = {"msgtype": "m.file", "info": {"mimetype": value}}
        for content in ({"msgtype": value}, {"msgtype": "m.file", "info": value}, info):
            await alice.send(room, "m.room.message", content)
