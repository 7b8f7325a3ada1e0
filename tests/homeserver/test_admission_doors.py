"""One door for membership: every way into a room, times every question that is asked there. Both are found in the code."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

import chappe
from chappe.homeserver.rooms.admission import RULES, Admission
from tests.doors import APPSERVICE, CALLERS, DOORS, ELSEWHERE, LOCAL, SCENES, Ghost, as_before, cells, come_to, room_for
from tests.support import Person, Refused, Server

SOURCES = Path(chappe.__file__).parent
LEADS_IN = {"Admission": None, "MembershipChanges": None, "JoinRoom": None, "ThirdPartyInvites": ("invite", "redeem")}


def _callers() -> set[str]:
    """The functions that use an object which leads into rooms, by the types of what their class is given."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        for owner in ast.parse(path.read_text()).body:
            if not isinstance(owner, ast.ClassDef):
                continue
            functions = [f for f in owner.body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)]
            given = {
                f"self._{a.arg}": LEADS_IN[kind]
                for f in functions
                if f.name == "__init__"
                for a in f.args.args
                if a.annotation is not None and (kind := ast.unparse(a.annotation)) in LEADS_IN
            }
            for function in functions:
                for node in ast.walk(function) if function.name != "__init__" else ():
                    if isinstance(node, ast.Call) and ast.unparse(node.func) in given:
                        found.add(f"{owner.name}.{function.name}")
                    if isinstance(node, ast.Attribute) and (of := ast.unparse(node.value)) in given:
                        if (only := given[of]) is None or node.attr in only:
                            found.add(f"{owner.name}.{function.name}")
    return found


def _mentions() -> list[str]:
    """Who asks for something that leads into rooms otherwise than a class's `__init__`, or a part's function that hands it to a class."""
    found = []
    for path in SOURCES.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            asked = [a for a in _arguments(function) if a.annotation is not None and ast.unparse(a.annotation) in LEADS_IN]
            if getattr(function, "name", "") == "__init__":
                continue
            if path.name in ("part.py", "parts.py"):
                asked = [a for a in asked if not _only_hands_over(function, a)]
            found += [f"{path.relative_to(SOURCES)}: {a.arg}" for a in asked]
    return found


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[ast.arg]:
    of = function.args
    return [*of.posonlyargs, *of.args, *of.kwonlyargs]


def _only_hands_over(function: ast.AST, asked: ast.arg) -> bool:
    """Whether a function gives an argument to constructors of classes, and does nothing with it that leads into rooms."""
    leads_in = LEADS_IN[ast.unparse(asked.annotation)] if asked.annotation is not None else None
    uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == asked.arg]
    given = [
        argument
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id[0].isupper()
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
    ]
    harmless = [n.value for n in ast.walk(function) if isinstance(n, ast.Attribute) and leads_in and n.attr not in leads_in]
    return all(any(use is one for one in (*given, *harmless)) for use in uses)


def test_every_door_of_the_code_is_in_the_table() -> None:
    assert _callers() == CALLERS.keys()
    assert _mentions() == [], "what leads into rooms is given to classes, where it is found"
    tried = {door for doors in CALLERS.values() if not isinstance(doors, str) for door in doors}
    assert tried == DOORS.keys()


def test_every_rule_has_a_cell_at_every_door() -> None:
    asks = {name for name, value in vars(Admission).items() if name.startswith("_") and hasattr(value, "__code__")}
    helpers = {"__init__", "_before", "_asked_about", "_require_knows_conditions"}
    assert asks - helpers == {rule.ask.__name__ for rule in RULES}, "a question that RULES does not hold is never asked"
    assert {rule.name for rule in RULES} == SCENES.keys() | ELSEWHERE.keys()
    for name, door in DOORS.items():
        asked = {rule.name for rule in RULES if door.to in rule.to} - ELSEWHERE.keys()
        assert asked == {rule for at, rule in cells(DOORS) if at == name} | (asked & door.not_asked.keys())
        assert all(door.not_asked.values()) and door.not_asked.keys() <= asked, name


@pytest.mark.parametrize("door", LOCAL)
async def test_every_door_opens(server: Server, alice: Person, bob: Person, door: str) -> None:
    await server.node.accounts.change(alice.id, is_admin=True)  # type: ignore[arg-type]
    room = await room_for(LOCAL[door], bob, alice)
    before = await come_to(server, bob.id, LOCAL[door].to)
    await LOCAL[door].act(bob, alice, room)
    assert await come_to(server, bob.id, LOCAL[door].to) - before


@pytest.mark.parametrize(("door", "rule"), cells(LOCAL))
async def test_every_door_asks_every_question(server: Server, alice: Person, bob: Person, door: str, rule: str) -> None:
    await server.node.accounts.change(alice.id, is_admin=True)  # type: ignore[arg-type]
    await _is_refused(server, bob, alice, door, rule)


async def _is_refused(server: Server, who: Person, host: Person, door: str, rule: str) -> None:
    way = DOORS[door]
    room = await room_for(way, who, host)
    before = await come_to(server, who.id, way.to)
    with as_before(server):
        await SCENES[rule](server, who, host, room)
        try:
            await way.act(who, host, room)
            assert not way.says, (door, rule)
        except Refused as refused:
            assert refused.status == 403, (door, rule, refused)
    assert await come_to(server, who.id, way.to) <= before, (door, rule)


async def test_application_services_are_asked_the_same(new_server: Any, tmp_path: Path) -> None:
    registration = tmp_path / "sms.yaml"
    registration.write_text(
        json.dumps(
            {
                "id": "sms",
                "url": None,
                "as_token": "as",
                "hs_token": "hs",
                "sender_localpart": "smsbot",
                "namespaces": {"users": [{"regex": "@sms_.*", "exclusive": True}]},
            }
        )
    )
    server = await new_server(application_services=[str(registration)])
    alice = await server.person("alice")
    for number, (door, rule) in enumerate(cells(APPSERVICE)):
        await _is_refused(server, await Ghost.of(server, f"sms_{number}", "as"), alice, door, rule)
    for number, way in enumerate(APPSERVICE.values()):
        ghost = await Ghost.of(server, f"sms_in_{number}", "as")
        room = await room_for(way, ghost, alice)
        await way.act(ghost, alice, room)
        assert await come_to(server, ghost.id, "join") == {room}


async def test_nothing_is_kept_of_an_invitation_that_was_refused(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": "kept@agents.example"}
    count = "SELECT count(*) FROM third_party_invites WHERE address = 'kept@agents.example'"
    with pytest.raises(Refused) as refused:
        await bob.call("POST", f"/rooms/{room}/invite", body)
    assert refused.value.status == 403 and await server.node.database.fetchval(count) == 0
    submit = server.node.rooms.submit
    with as_before(server):

        async def fails(*arguments: Any, **options: Any) -> str:
            assert await server.node.database.fetchval(count) == 0, "kept before it was allowed"
            await submit(*arguments, **options)
            raise RuntimeError("the process dies")

        server.node.rooms.submit = fails  # type: ignore[method-assign]
        with pytest.raises(Refused):
            await alice.call("POST", f"/rooms/{room}/invite", body)
    assert await server.node.database.fetchval(count) == 1, "it stands in the room: it is kept with its event"
