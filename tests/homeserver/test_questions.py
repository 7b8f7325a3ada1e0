"""Each question of the policy is asked by one function, whatever door one comes by: who asks is found in the code."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import chappe
from chappe.homeserver.matrix.errors import Forbidden
from chappe.homeserver.policy import Policy
from tests.doors import as_before
from tests.homeserver.test_media import upload
from tests.support import Person, Refused, Server, segment

SOURCES = Path(chappe.__file__).parent
QUESTIONS = {name for name, _ in inspect.getmembers(Policy, inspect.isfunction)}
IDENTITY = "/_matrix/identity/v2"
ANOTHERS = {"display_name": "n...@a...", "public_key": "of another identity server"}
Act = Awaitable[Any]
Door = Callable[[Person, Person, str], Awaitable[Act]]  # alice, bob, a public room of bob's: what alice then does


@pytest.fixture(autouse=True)
def _as_before(server: Server) -> Iterator[None]:
    """Tests share a server: what one changes of it is put back."""
    with as_before(server):
        yield


# ------------------------------------------------------------------------------------------------------- in the code


def _places(wanted: Callable[[ast.AST], str | None]) -> dict[str, set[str]]:
    """By what `wanted` finds in a node: the functions that it is found in."""
    found: dict[str, set[str]] = {}

    def walk(path: str, node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            if (name := wanted(child)) is not None:
                found.setdefault(name, set()).add(f"{path}:{inner}")
            walk(path, child, inner)

    for path in SOURCES.rglob("*.py"):
        name = path.relative_to(SOURCES).with_suffix("").as_posix()
        walk(name.removeprefix("homeserver/"), ast.parse(path.read_text()), "")
    return found


# What else is called like a question, by what it is asked of.
NAMESAKES = {
    "display_name": "body|proven|provider|settings",
    "finds": "self|self._sight|self._rooms.sight",
    "home_of": "self|self._accounts",
    "leaves": "self|s|w|old|room|write",
    "localpart": "body|proven",
    "may_register": "self._means",
    "reads": "self|self.rooms.visibility",
}


def _question(node: ast.AST) -> str | None:
    """A question of the policy that is asked, or handed on to somebody who may ask it. Whatever the policy is called there."""
    if not isinstance(node, ast.Attribute) or node.attr not in QUESTIONS:
        return None
    return None if re.fullmatch(NAMESAKES.get(node.attr, ""), ast.unparse(node.value)) else node.attr


def test_one_function_asks_each_question() -> None:
    askers = _places(_question)
    assert {question: where for question, where in askers.items() if len(where) > 1} == {}, "a way round the first"
    assert QUESTIONS - askers.keys() == set(), "nobody asks it"


# Who writes events of people of here, beside the verbs of `Rooms` that ask `may_send`: what is asked there in its place.
WRITERS = {
    "modules/third_party_invites/__init__:invite": "may_invite_address",
    "actions/upgrade_room:__call__": "may_create_room: the end of the room is part of the upgrade",
    "rooms/create_room:write": "may_create_room, shape_room, may_empower",
    "rooms/membership:_write": "Admission's questions",
    "rooms/membership:evict": "the server's own doing, by the rule of the room",
}


def test_whoever_writes_has_asked() -> None:
    def submits(node: ast.AST) -> str | None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "submit" and re.search(r"(^|_)rooms$", ast.unparse(node.func.value)):
                return "elsewhere"
            if node.func.attr in ("submit", "_require_may_send") and ast.unparse(node.func.value) == "self":
                return node.func.attr
        return None

    found = _places(submits)
    assert found["elsewhere"] == WRITERS.keys()
    assert {verb for verb in found["submit"] if verb.startswith("rooms/rooms:")} == found["_require_may_send"]


# Rules that are not the policy's: who asks them, and why there. A listing or a door that comes new is not one of these.
BY_HAND: Mapping[str, Mapping[str, str]] = {
    "is_blocked": {"rooms/admission:_blocked": "every way into a room"},
    "FROM blocked_rooms": {
        "modules/administration/__init__:standing": "what `is_blocked` is",
        "modules/administration/__init__:block": "how it ends",
        "modules/administration/__init__:blocked_by": "what administrators are shown",
        "agency/console/views:": "what administrators are shown",
    },
    "require_may_meet": {
        "rooms/admission:_boundaries": "every way into a room",
        "rooms/membership:_require_may_stay": "who is in a room of other servers is known once one is in it",
    },
    "require_may_enter": {
        "actions/receive_edus:_room": "what is fleeting, that another server sends",
        "rooms/remote/inbox:_deliver_room": "events that another server sends",
        "rooms/admission:_boundaries": "every way into a room",
        "rooms/remote/residence:room": "whatever another server asks of a room",
        "rooms/rooms:__init__": "handed to `Sight.may_take_part`",
        "rooms/sight:__init__": "kept for it",
        "rooms/sight:may_take_part": "whatever another server is told of rooms",
    },
    "meets": {
        "actions/receive_edus:_hears": "messages to devices that another server sends",
        "app/parts:_build_remote_rooms": "handed to `Rooms`",
        "rooms/admission:_boundaries": "who invites whom",
        "rooms/rooms:require_may_meet": "the rule",
        "rooms/rooms:require_may_enter": "the rule",
        "modules/room_directory/__init__:list": "whose directory another server reads",
    },
    "boundaries.require": {
        "api/federation/authentication:__call__": "whatever another server asks",
        "outbound/federation/client:request": "whatever another server is asked",
        "outbound/federation/client:stream": "the same, for files",
        "outbound/federation/client:post_unsigned": "the same, for another server's keys",
    },
    "boundaries.allows": {  # what would be refused there is not even tried
        "actions/ask_servers:people": "whose people are found here",
        "outbound/federation/outbox:add": "who is written to",
        "outbound/federation/probe:probe": "what an operator is told of a server",
        "senders/federation/fan_out:_changed_devices": "who hears of devices",
        "senders/federation/fan_out:_destinations": "who hears of events",
        "senders/federation/fan_out:servers": "who hears of an event that another server brought in",
        "senders/federation/sender:allowed": "who hears of typing and presence",
    },
    "boundaries.require_keys": {
        "outbound/federation/client:get_unsigned": "where no name is needed: keys, versions, tokens"
    },
    "boundaries.allows_keys": {"api/federation/keys_query:_document": "whose keys are looked up for others"},
    "boundaries.is_alone": {"senders/federation/sender:run": "whether anything is ever sent"},
    "require_allowed_by_acl": {
        "rooms/remote/residence:room": "whatever another server asks of a room",
        "rooms/sight:may_take_part": "whatever another server is told of rooms",
        "rooms/remote/inbox:_deliver_room": "events that another server sends",
        "rooms/remote/membership:invited": "an invitation that another server sends",
        "actions/receive_edus:_room": "what is fleeting, that another server sends",
    },
    "m.room.server_acl": {"rooms/server_acl:require_allowed_by_acl": "the rule"},
    "may_take_part": {
        "rooms/sight:knows_address": "what a room's address says",
        "rooms/sight:_server_knows": "what a room is",
        "modules/room_directory/__init__:_is_for": "what is listed",
    },
    "share_a_room": {
        "modules/user_directory/__init__:_known": "who is found",
        "agency/policy:hidden": "which guests are found",
        "agency/sponsors:take_over": "which guest an agent may answer for",
        "api/client/presence:get": "who is present, when asked",
        "sync/presence_section:_sharing": "who is present, in a sync",
    },
}


def test_who_asks_the_other_rules() -> None:
    def rule(node: ast.AST) -> str | None:
        if isinstance(node, ast.Constant) and type(node.value) is str and "FROM blocked_rooms" in node.value:
            return "FROM blocked_rooms"
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and ast.unparse(node.elts[0]) == "'m.room.server_acl'":
            return "m.room.server_acl"
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            return None
        if isinstance(node, ast.Name):
            return node.id if node.id in BY_HAND else None
        name = node.attr.removeprefix("_")
        if name in BY_HAND:
            return name
        return f"boundaries.{name}" if re.search(r"(^|_|\.)boundaries$", ast.unparse(node.value)) else None

    found = _places(rule)
    del found["boundaries.speaker"]  # in whose name a server is asked, not whether
    assert found == {name: set(where) for name, where in BY_HAND.items()}


# --------------------------------------------------------------------------------------------------------- the doors


async def _message(alice: Person, bob: Person, room: str) -> Act:
    return alice.say(await alice.create_room(), "Budget")


async def _state(alice: Person, bob: Person, room: str) -> Act:
    return alice.set_state(await alice.create_room(), "m.room.topic", {"topic": "Budget"})


async def _redacted_state(alice: Person, bob: Person, room: str) -> Act:
    own = await alice.create_room()
    return alice.redact(own, await alice.set_state(own, "m.room.topic", {"topic": "Budget"}))


async def _delayed(alice: Person, bob: Person, room: str) -> Act:
    path = f"/rooms/{segment(await alice.create_room())}/send/m.room.message/1"
    return await _to_be_sent(alice, path, {"msgtype": "m.text", "body": "Budget"})


async def _to_be_sent(alice: Person, path: str, content: Any) -> Act:
    made = await alice.call("PUT", path, content, **{"org.matrix.msc4140.delay": 60_000})
    return alice.call("POST", f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{made['delay_id']}/send", {})


async def _create(alice: Person, bob: Person, room: str) -> Act:
    return alice.create_room()


async def _upgrade(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("POST", f"/rooms/{segment(await alice.create_room())}/upgrade", {"new_version": "11"})


async def _create_listed(alice: Person, bob: Person, room: str) -> Act:
    return alice.create_room(visibility="public")


async def _list(alice: Person, bob: Person, room: str) -> Act:
    own = await alice.create_room(preset="public_chat")
    return alice.call("PUT", f"/directory/list/room/{segment(own)}", {"visibility": "public"})


async def _upgrade_listed(alice: Person, bob: Person, room: str) -> Act:
    own = await alice.create_room(visibility="public")
    return alice.call("POST", f"/rooms/{segment(own)}/upgrade", {"new_version": "11"})


def _by_address(alice: Person) -> dict[str, Any]:
    own = alice.server.config.server_name
    return {"id_server": own, "id_access_token": "x", "medium": "email", "address": "new@agents.example"}


async def _create_with_address(alice: Person, bob: Person, room: str) -> Act:
    return alice.create_room(invite_3pid=[_by_address(alice)])


async def _invite_address(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("POST", f"/rooms/{segment(await alice.create_room())}/invite", _by_address(alice))


async def _announced(alice: Person, bob: Person, room: str) -> Act:
    return alice.set_state(await alice.create_room(), "m.room.third_party_invite", ANOTHERS, "token")


async def _announced_later(alice: Person, bob: Person, room: str) -> Act:
    path = f"/rooms/{segment(await alice.create_room())}/state/m.room.third_party_invite/token"
    return await _to_be_sent(alice, path, ANOTHERS)


async def _create_with_announcement(alice: Person, bob: Person, room: str) -> Act:
    state = {"type": "m.room.third_party_invite", "state_key": "token", "content": ANOTHERS}
    return alice.create_room(initial_state=[state])


async def _at_identity_server(alice: Person) -> Person:
    openid = await alice.call("POST", f"/user/{segment(alice.id)}/openid/request_token", {})
    token = (await alice.call("POST", f"{IDENTITY}/account/register", openid))["token"]
    return Person(alice.server, {"user_id": alice.id, "device_id": "", "access_token": token})


async def _store_invite(alice: Person, bob: Person, room: str) -> Act:
    body = {"medium": "email", "address": "new@agents.example", "room_id": await alice.create_room()}
    me = await _at_identity_server(alice)
    return me.call("POST", f"{IDENTITY}/store-invite", {**body, "sender": alice.id})


async def _look_up(alice: Person, bob: Person, room: str) -> Act:
    me = await _at_identity_server(alice)
    pepper = (await me.call("GET", f"{IDENTITY}/hash_details"))["lookup_pepper"]
    body = {"addresses": ["x" * 43], "algorithm": "sha256", "pepper": pepper}
    return me.call("POST", f"{IDENTITY}/lookup", body)


async def _rooms(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("GET", "/publicRooms")


async def _people(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("POST", "/user_directory/search", {"search_term": "bob"})


async def _file(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("GET", f"/_matrix/client/v1/media/download/{await upload(bob, b'report')}")


async def _come_in(alice: Person, bob: Person, room: str) -> Act:
    return alice.join(room)


DOORS: Mapping[str, tuple[Door, ...]] = {
    "may_send": (_message, _state, _redacted_state, _delayed),
    "may_create_room": (_create, _upgrade),
    "may_publish": (_create_listed, _list, _upgrade_listed),
    "may_invite_address": (
        _create_with_address,
        _invite_address,
        _store_invite,
        _announced,
        _announced_later,
        _create_with_announcement,
    ),
    "reads": (_look_up, _rooms, _people, _file, _come_in),
}


@pytest.mark.parametrize(("question", "door"), [(q, door) for q, doors in DOORS.items() for door in doors])
async def test_every_door_asks_once(server: Server, alice: Person, bob: Person, question: str, door: Door) -> None:
    asked: list[Any] = []

    async def refuse(*question: Any) -> None:
        asked.append(question)
        raise Forbidden("by policy")

    act = await door(alice, bob, await bob.create_room(preset="public_chat"))
    server.node.policy.__dict__[question] = refuse
    with pytest.raises(Refused) as refusal:
        await act
    assert refusal.value.status == 403 and refusal.value.body["error"] == "by policy"
    assert len(asked) == 1 and asked[0][0] == alice.id


async def test_an_invitation_that_is_kept_is_announced_as_it_was_asked_about(server: Server, alice: Person) -> None:
    asked: list[str] = []

    async def ask(_user: Any, _room: Any, medium: str, address: str) -> None:
        asked.append(address)

    server.node.policy.__dict__["may_invite_address"] = ask
    room, me = await alice.create_room(), await _at_identity_server(alice)
    body = {"medium": "email", "address": "new@agents.example", "room_id": room, "sender": alice.id}
    kept = await me.call("POST", f"{IDENTITY}/store-invite", body)
    keys = {"public_keys": kept["public_keys"]}
    for content, also in ((keys, []), ({}, []), ({**keys, "public_key": "of another"}, [""])):
        await alice.set_state(room, "m.room.third_party_invite", content, kept["token"])
        assert asked == ["new@agents.example", *also]
