"""One door for membership: every verb by which somebody comes into a room, times every question that is asked there."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import chappe
from chappe.homeserver.matrix.errors import Forbidden
from chappe.homeserver.rooms.admission import RULES
from chappe.homeserver.rooms.create_event import Draft
from tests.support import Person, Refused, Server, segment

SOURCES = Path(chappe.__file__).parent
MEMBER = "m.room.member"


# ------------------------------------------------------------------------------------------------------------- doors


async def _join(who: Person, host: Person, room: str) -> None:
    await who.join(room)


async def _put_join(who: Person, host: Person, room: str) -> None:
    await who.set_state(room, MEMBER, {"membership": "join"}, who.id)


async def _administrator(who: Person, host: Person, room: str) -> None:
    await host.call("POST", f"/_synapse/admin/v1/join/{segment(room)}", {"user_id": who.id})


async def _knock(who: Person, host: Person, room: str) -> None:
    await who.call("POST", f"/knock/{segment(room)}", {})


async def _put_knock(who: Person, host: Person, room: str) -> None:
    await who.set_state(room, MEMBER, {"membership": "knock"}, who.id)


async def _invite(who: Person, host: Person, room: str) -> None:
    await host.invite(room, who)


async def _put_invite(who: Person, host: Person, room: str) -> None:
    await host.set_state(room, MEMBER, {"membership": "invite"}, who.id)


async def _delayed_invite(who: Person, host: Person, room: str) -> None:
    path = f"/rooms/{segment(room)}/state/{MEMBER}/{segment(who.id)}"
    made = await host.call("PUT", path, {"membership": "invite"}, **{"org.matrix.msc4140.delay": 60_000})
    await host.call("POST", f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{made['delay_id']}/send", {})


DOORS: dict[str, tuple[str, Callable[[Person, Person, str], Awaitable[None]]]] = {
    "join": ("join", _join), "PUT state, join": ("join", _put_join), "an administrator's join": ("join", _administrator),
    "knock": ("knock", _knock), "PUT state, knock": ("knock", _put_knock), "invite": ("invite", _invite),
    "PUT state, invite": ("invite", _put_invite), "delayed event, invite": ("invite", _delayed_invite),
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- rules


async def _is_blocked(server: Server, who: Person, host: Person, room: str) -> None:
    await server.node.administration.block(room, host.id, True)


async def _is_guest(server: Server, who: Person, host: Person, room: str) -> None:
    await server.node.database.execute("UPDATE users SET is_guest = true WHERE user_id = $1", who.id)


async def _has_scope(server: Server, who: Person, host: Person, room: str) -> None:
    await server.node.database.execute(
        "UPDATE users SET kind = 'bot', scope = '{!other:localhost}' WHERE user_id = $1", who.id
    )


def _refuses(question: str) -> Callable[[Server, Person, Person, str], Awaitable[None]]:
    async def attach(server: Server, who: Person, host: Person, room: str) -> None:
        async def refuse(*_: Any) -> None:
            raise Forbidden("by policy")

        server.node.policy.__dict__[question] = refuse

    return attach


async def _may_not_meet(server: Server, who: Person, host: Person, room: str) -> None:
    server.node.rooms.meets = lambda _server, _own: False
    server.node.rooms.other_servers = lambda _room: frozenset(("far.example",))  # type: ignore[method-assign]


async def _declines(server: Server, who: Person, host: Person, room: str) -> None:
    content = {"default_action": "block"}
    await who.call("PUT", f"/user/{who.id}/account_data/m.invite_permission_config", content)


async def _is_restricted(server: Server, who: Person, host: Person, room: str) -> None:
    await host.set_state(room, "m.room.join_rules", {"join_rule": "restricted", "allow": []})


SCENES: dict[str, Callable[[Server, Person, Person, str], Awaitable[None]]] = {
    "blocked room": _is_blocked, "guest access": _is_guest, "bot's scope": _has_scope, "who may meet": _may_not_meet,
    "who may join": _refuses("may_join"), "who may invite": _refuses("may_invite"), "who accepts invitations": _declines,
    "read guard": _refuses("reads"), "restricted room": _is_restricted,
}  # fmt: skip
ELSEWHERE = {  # rules that refuse nobody who comes in; each has a test of its own below, or where it is named
    "voucher": "test_who_vouches_is_not_the_clients_to_say", "names": "test_names_are_not_chosen_in_member_events",
    "notices": "tests/homeserver/test_services.py", "last administrator": "tests/agency/test_refusals.py",
}  # fmt: skip
CELLS = [
    (door, rule.name) for door, (to, _) in DOORS.items() for rule in RULES if to in rule.to and rule.name in SCENES
]


def test_every_rule_has_a_scene() -> None:
    assert {rule.name for rule in RULES} == SCENES.keys() | ELSEWHERE.keys()
    assert len(CELLS) == 3 * 7 + 2 * 5 + 3 * 4, "a cell was taken out"


@pytest.mark.parametrize(("door", "rule"), CELLS)
async def test_every_door_asks_every_question(server: Server, alice: Person, bob: Person, door: str, rule: str) -> None:
    to, act = DOORS[door]
    join_rule = "knock" if to == "knock" else "invite" if to == "invite" else "public"
    rules = {"type": "m.room.join_rules", "content": {"join_rule": join_rule}}
    room = await alice.create_room(preset="private_chat", initial_state=[rules])
    await alice.set_state(room, "m.room.guest_access", {"guest_access": "forbidden"})
    await server.node.accounts.change(alice.id, is_admin=True)  # type: ignore[arg-type]
    await SCENES[rule](server, bob, alice, room)
    with pytest.raises(Refused) as refused:
        await act(bob, alice, room)
    assert refused.value.status == 403, refused.value
    live = await server.node.rooms.require(room)
    assert live.membership(bob.id) == "leave"


@pytest.fixture(autouse=True)
def _as_before(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests share a server: what a scene changes of it is put back."""
    for owner in (server.node.policy, server.node.rooms, server.node.admission):
        monkeypatch.setattr(owner, "__dict__", dict(owner.__dict__))


# ----------------------------------------------------------------------------------------------------- what is written


async def test_who_vouches_is_not_the_clients_to_say(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    for content in ({"membership": "join"}, {"membership": "join", "reason": "again"}):
        await bob.set_state(room, MEMBER, {**content, "join_authorised_via_users_server": alice.id}, bob.id)
        assert "join_authorised_via_users_server" not in await alice.state(room, MEMBER, bob.id)


async def test_names_are_not_chosen_in_member_events(server: Server, alice: Person, bob: Person) -> None:
    """Whom one invites one does not name; what one is called in a room is one's own affair, where names are free."""
    room = await alice.create_room(preset="public_chat")
    await alice.set_state(room, MEMBER, {"membership": "invite", "displayname": "A fool"}, bob.id)
    assert (await alice.state(room, MEMBER, bob.id))["displayname"] == bob.id[1:].split(":")[0]
    await bob.set_state(room, MEMBER, {"membership": "join", "displayname": "Bobby"}, bob.id)
    assert (await alice.state(room, MEMBER, bob.id))["displayname"] == "Bobby"
    server.node.policy.fixed_fields = frozenset(("displayname",))
    await bob.set_state(room, MEMBER, {"membership": "join", "displayname": "Premier ministre"}, bob.id)
    assert (await alice.state(room, MEMBER, bob.id))["displayname"] == bob.id[1:].split(":")[0]
    path = f"/rooms/{segment(room)}/state/{MEMBER}/{segment(bob.id)}"
    delay = {"org.matrix.msc4140.delay": 60_000}
    made = await bob.call("PUT", path, {"membership": "join", "displayname": "Premier ministre", "n": 1}, **delay)
    await bob.call("POST", f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{made['delay_id']}/send", {})
    assert (await alice.state(room, MEMBER, bob.id))["displayname"] == bob.id[1:].split(":")[0]


# ----------------------------------------------------------------------------------------------- what is no more so


@pytest.mark.parametrize("way_out", ["leave", "kick"])
async def test_a_change_of_name_brings_nobody_back(server: Server, alice: Person, bob: Person, way_out: str) -> None:
    """They are gone between the look at their membership and the event that carries their name."""
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    admission = server.node.admission
    profile_of, gone = admission._profile_of, []

    async def goes_meanwhile(user_id: str) -> Any:
        profile = await profile_of(user_id)
        if user_id == bob.id and not gone:
            gone.append(user_id)
            await (bob.leave(room) if way_out == "leave" else alice.act("kick", room, bob))
        return profile

    admission._profile_of = goes_meanwhile
    await bob.call("PUT", f"/profile/{bob.id}/displayname", {"displayname": "Robert"})
    await server.node.set_profile_field.wait()
    assert gone and (await server.node.rooms.require(room)).membership(bob.id) == "leave"


async def test_leaves_and_names_at_once(server: Server, alice: Person, bob: Person) -> None:
    for number in range(25):
        room = await alice.create_room(preset="public_chat")
        await bob.join(room)
        out = bob.leave(room) if number % 2 else alice.act("kick", room, bob)
        rename = bob.call("PUT", f"/profile/{bob.id}/displayname", {"displayname": f"Bob {number}"})
        await asyncio.gather(rename, out)
        await server.node.set_profile_field.wait()
        assert (await server.node.rooms.require(room)).membership(bob.id) == "leave", number


async def test_a_kick_does_not_lift_a_ban(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await asyncio.gather(
        alice.act("ban", room, bob), *(alice.act("kick", room, bob) for _ in range(5)), return_exceptions=True
    )
    live = await server.node.rooms.require(room)
    assert live.membership(bob.id) == "ban"


async def test_guests_go_however_the_room_is_closed_to_them(server: Server, alice: Person) -> None:
    public = {"type": "m.room.join_rules", "content": {"join_rule": "public"}}
    room = await alice.create_room(preset="private_chat", initial_state=[public])
    _, raw, _ = await server.raw("POST", "/_matrix/client/v3/register?kind=guest", {})
    guest = Person(server, json.loads(raw))
    await guest.join(room)
    path, delay = f"/rooms/{segment(room)}/state/m.room.guest_access", {"org.matrix.msc4140.delay": 60_000}
    made = await alice.call("PUT", path, {"guest_access": "forbidden"}, **delay)
    await alice.call("POST", f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{made['delay_id']}/send", {})
    assert (await alice.state(room, MEMBER, guest.id))["membership"] == "leave"


# ------------------------------------------------------------------------------------------------------- in the code


def test_nobody_else_writes_membership() -> None:
    """Only `Admission` makes the token; what comes without one is not written, whatever verb forgets it."""
    makers = {
        path.name for path in SOURCES.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Admitted"
    }  # fmt: skip
    assert makers == {"admission.py"}
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Draft":
                first = ast.unparse(node.args[0])
                assert first not in ("MEMBER", "'m.room.member'") or path.name == "admission.py", (
                    f"{path}:{node.lineno}"
                )


async def test_what_was_not_admitted_is_not_written(server: Server, alice: Person, bob: Person) -> None:
    room = await server.node.rooms.require(await alice.create_room(preset="public_chat"))
    with pytest.raises(RuntimeError):
        await server.node.rooms.submit(room, [Draft(MEMBER, bob.id, {"membership": "join"}, bob.id)])


# Who asks the questions about membership: one function each. `shape_room` and the like are not of this list.
ASKERS = {"may_join": 1, "may_invite": 1, "leaves": 1}


@pytest.mark.parametrize(("question", "askers"), ASKERS.items())
def test_one_function_asks(question: str, askers: int) -> None:
    found = {
        f"{path.name}:{node.lineno}" for path in SOURCES.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == question
        and ast.unparse(node.func.value).endswith("policy")
    }  # fmt: skip
    assert len(found) == askers, found
