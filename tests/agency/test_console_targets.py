"""Every argument of every action says what it names; nothing of another organisation is reached through any of them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from chappe.agency.console.actions import action, actions_of
from chappe.agency.console.scope import Actor
from chappe.agency.console.targets import Plain, TargetKind
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import UserId
from tests.agency.test_console import act, admin, anne, code_of, node_of, root, sam
from tests.agency.test_sponsors import invite, open_room
from tests.support import Person, Server, refused

__all__ = ["admin", "anne", "root", "sam"]


class Undeclared(msgspec.Struct):
    user_id: Annotated[str, TargetKind.PERSON]
    successor: str


class TwoKinds(msgspec.Struct):
    user_id: Annotated[Plain[str], TargetKind.PERSON]


class Alone(msgspec.Struct):
    appointed: Annotated[str, TargetKind.MEMBER]


@pytest.mark.parametrize("arguments", [Undeclared, TwoKinds, Alone])
def test_an_argument_that_does_not_say_what_it_names_is_not_loaded(arguments: type[msgspec.Struct]) -> None:
    async def run(self: object, actor: Actor, wanted: Any) -> None: ...

    run.__annotations__ = {"actor": Actor, "wanted": arguments, "return": None}
    owner = type("Owner", (), {"lock_all": action(critical=False)(run)})()
    with pytest.raises(TypeError, match=arguments.__name__):
        actions_of(owner)


async def _targets(
    ministry: Server, own: Person, other: Person, root: Person
) -> tuple[dict[TargetKind, Any], dict[TargetKind, Any]]:
    """What each kind may be: of the administrator's own organisation, and of another."""
    result = []
    for person in (own, other):
        room = await person.create_room(name="Salon")
        uri = (await person.call("POST", "/_matrix/media/v3/upload", b"text"))["content_uri"]
        host, media = uri.removeprefix("mxc://").split("/")
        await person.call("POST", f"/_matrix/client/v3/rooms/{room}/report", {"reason": "x"})
        report = await ministry.node.database.fetchval("SELECT max(report_id) FROM reports WHERE reporter = $1", person.id)
        hold = await node_of(ministry).holds.place(person.id, "a", "b", root.id)
        forum = await open_room(person)
        await invite(person, forum, address := f"{person.id[1:4]}@elsewhere.example")
        result.append(
            {
                TargetKind.PERSON: person.id,
                TargetKind.ADMINISTRATOR: person.id,
                TargetKind.COLLEAGUE: person.id,
                TargetKind.MEMBER: person.id,
                TargetKind.ROOM: room,
                TargetKind.FILE: media,
                TargetKind.FILE_HOST: host,
                TargetKind.REPORT: report,
                TargetKind.HOLD: hold,
                TargetKind.AWAITED: address,
            }
        )
    result[0][TargetKind.ORGANISATION], result[1][TargetKind.ORGANISATION] = "culture", "sante"
    return result[0], result[1]


async def test_no_argument_reaches_another_organisation(
    ministry: Server, admin: Person, anne: Person, sam: Person, root: Person
) -> None:
    """With and without a code: what is refused is not even asked for."""
    await node_of(ministry).scope.grant(Actor("@root:localhost", "culture"), UserId(anne.id))
    await node_of(ministry).scope.grant(Actor("@root:localhost", "sante"), UserId(sam.id))
    own, others = await _targets(ministry, anne, sam, root)
    tried = set()
    for name, one in node_of(ministry).actions.all.items():
        hints = {field.name: field for field in msgspec.structs.fields(one.arguments)}
        for wrong, kind in one.kinds.items():
            if kind in (TargetKind.PLAIN, TargetKind.FILE_HOST):
                continue
            arguments: dict[str, Any] = {}
            for field, its in one.kinds.items():
                value = (others if field == wrong else own).get(its)
                if its is TargetKind.PLAIN:
                    if not hints[field].required:
                        continue
                    value = "x"
                arguments[field] = [value] if its is TargetKind.COLLEAGUE and field == "holders" else value
            no = await refused(act(admin, name, **arguments))
            assert no.status in (400, 403, 404) and no.errcode not in ("M_BAD_JSON", "M_MISSING_PARAM"), (name, wrong)
            tried.add(kind)
    assert tried == set(TargetKind) - {TargetKind.PLAIN, TargetKind.FILE_HOST}
    assert await node_of(ministry).actions.requests("culture") == []


async def test_a_hold_that_one_may_not_see_is_as_one_that_is_not(
    ministry: Server, admin: Person, sam: Person, root: Person
) -> None:
    """One's own, one of another organisation, one on who administers everything, one that was lifted, a number never given."""
    holds = node_of(ministry).holds
    room = await sam.create_room(name="Salon")
    numbers = [await holds.place(target, "Tribunal", "4711", root.id) for target in (admin.id, sam.id, root.id, room)]
    numbers.append(await holds.place(admin.id, "Tribunal", "4711", root.id))
    await holds.lift(numbers[-1], "over", root.id)
    answers = set()
    for number in (*numbers, 77):
        for code in ({}, {"code": await code_of(ministry, admin)}):
            answers.add(str(await refused(act(admin, "lift_hold", hold=number, reason="x", **code))))
    assert len(answers) == 1 and "404" in answers.pop()


async def test_an_empty_name_is_refused_whatever_it_names(ministry: Server, root: Person) -> None:
    node = node_of(ministry)
    for name, one in node.actions.all.items():
        for field, kind in one.kinds.items():
            if kind in (TargetKind.PLAIN, TargetKind.REPORT, TargetKind.HOLD):
                continue
            parsed = one.arguments(**{its.name: "x" for its in msgspec.structs.fields(one.arguments) if its.required})
            setattr(parsed, field, [""] if field == "holders" else "")
            with pytest.raises(BadRequest, match=field):
                await node.actions._targets.require(Actor(root.id, "all"), {field: kind}, parsed)
            assert name
