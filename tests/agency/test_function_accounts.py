"""A duty officer's account: several may hold it, one at a time, and it is known who did when."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.function_accounts import FunctionAccounts
from chappe.homeserver.matrix.errors import BadRequest, MatrixError, NotFound
from chappe.homeserver.matrix.identifiers import UserId
from tests.agency.conftest import refused
from tests.support import Person, Refused, Server, segment, until

PATH = "/_chappe/client/v1/function_accounts"
DUTY = UserId("@permanence:localhost")


@pytest_asyncio.fixture
async def functions(ministry: Server, alice: Person, bob: Person) -> FunctionAccounts:
    assert isinstance(ministry.node, AgencyServer)
    for who in (alice, bob):
        await ministry.node.bind_threepid(UserId(who.id), "email", f"{who.id[1:4]}@culture.example", 1)
    functions = ministry.node.functions
    assert await functions.add("culture", "permanence", " Permanence  [du cabinet]") == DUTY
    await functions.set_holders(DUTY, [alice.id, bob.id])
    return functions


async def take(person: Person) -> Person:
    token = (await person.call("POST", f"{PATH}/{segment(DUTY)}/take", {}))["login_token"]
    status, raw, _ = await person.server.raw(
        "POST", "/_matrix/client/v3/login", {"type": "m.login.token", "token": token}
    )
    assert status == 200, raw
    return Person(person.server, json.loads(raw))


async def mine(person: Person) -> list[Any]:
    return list((await person.call("GET", PATH))["accounts"])


async def test_held_in_turn(ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person) -> None:
    (one,) = await mine(alice)
    assert one == {"user_id": DUTY, "display_name": "Permanence du cabinet [Culture]", "holder": None, "since_ts": None}
    first = await take(alice)
    room = await first.create_room(name="Crise")
    assert first.id == DUTY and (await mine(bob))[0]["holder"] == alice.id
    second = await take(bob)
    with pytest.raises(Refused) as out:
        await first.call("GET", "/account/whoami")
    assert out.value.status == 401
    await second.say(room, "The room is still there")
    assert [(t["holder"], t["ended_ts"] is None) for t in await functions.turns(DUTY, 10)] == [
        (bob.id, True), (alice.id, False)
    ]  # fmt: skip
    assert (await refused(alice.call("POST", f"{PATH}/{segment(DUTY)}/hand_back", {}))).status == 403
    await bob.call("POST", f"{PATH}/{segment(DUTY)}/hand_back", {})
    assert (await mine(bob))[0]["holder"] is None
    assert all(t["ended_ts"] for t in await functions.turns(DUTY, 10))
    with pytest.raises(Refused):
        await second.call("GET", "/account/whoami")


async def test_who_signs_out_hands_it_back(functions: FunctionAccounts, alice: Person) -> None:
    held = await take(alice)
    await held.call("POST", "/logout", {})
    await until(lambda: _nobody(alice))
    assert (await functions.turns(DUTY, 1))[0]["ended_ts"] is not None


async def _nobody(person: Person) -> bool:
    return (await mine(person))[0]["holder"] is None


async def test_strangers_do_not_see_it(functions: FunctionAccounts, ministry: Server, gaston: Person) -> None:
    assert await mine(gaston) == []
    for path in ("take", "hand_back"):
        no = await refused(gaston.call("POST", f"{PATH}/{segment(DUTY)}/{path}", {}))
        assert (no.status, no.errcode) == (404, "M_NOT_FOUND")


async def test_nobody_signs_in_to_it_with_a_password(functions: FunctionAccounts, ministry: Server) -> None:
    body = {"type": "m.login.password", "user": DUTY, "password": ""}
    assert (await ministry.raw("POST", "/_matrix/client/v3/login", body))[0] == 403


async def test_two_at_the_same_moment(functions: FunctionAccounts, alice: Person, bob: Person) -> None:
    path = f"{PATH}/{segment(DUTY)}/take"
    answers = await asyncio.gather(
        *(who.call("POST", path, {}) for who in (alice, bob, alice, bob)), return_exceptions=True
    )
    assert any(isinstance(answer, dict) for answer in answers)
    assert all(isinstance(a, dict) or (isinstance(a, Refused) and a.status == 403) for a in answers)
    holder = (await mine(alice))[0]["holder"]
    open_turns = [t for t in await functions.turns(DUTY, 10) if t["ended_ts"] is None]
    assert [t["holder"] for t in open_turns] == [holder]


async def test_who_is_no_holder_any_more_is_signed_out(functions: FunctionAccounts, alice: Person, bob: Person) -> None:
    held = await take(alice)
    await functions.set_holders(DUTY, [bob.id])
    with pytest.raises(Refused):
        await held.call("GET", "/account/whoami")
    assert await mine(alice) == [] and len(await mine(bob)) == 1


async def test_a_holder_who_leaves(ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person) -> None:
    held = await take(alice)
    await ministry.node.deactivate_account(UserId(alice.id), False)
    with pytest.raises(Refused):
        await held.call("GET", "/account/whoami")
    assert (await functions.all("culture"))[0]["holders"] == [bob.id]


async def test_what_is_no_function_account(functions: FunctionAccounts, alice: Person, gaston: Person) -> None:
    for bad in ([gaston.id], ["@nobody:localhost"], [DUTY], [f"@a{n}:localhost" for n in range(101)], ["alice"]):
        with pytest.raises(BadRequest):
            await functions.set_holders(DUTY, bad)
    with pytest.raises(NotFound):
        await functions.set_holders(UserId(alice.id), [])
    for organisation, name, called in (
        ("nowhere", "x", "X"), ("culture", "permanence", "X"), ("culture", "bad name", "X"), ("culture", "x", " [] "),
        ("culture", "x", "X" * 101), ("elsewhere", "x", "X"),
    ):  # fmt: skip
        with pytest.raises(MatrixError):
            await functions.add(organisation, name, called)
