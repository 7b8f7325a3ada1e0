"""Critical means critical at every door: administration APIs, console, command line ask for the same proofs."""

from __future__ import annotations

import json
from typing import Any

import pytest_asyncio

from tests.agency.conftest import account, age, code_of, enrol, refused
from tests.support import PASSWORD, Person, Server, segment

SYNAPSE, CHAPPE = "/_synapse/admin/v1", "/_chappe/admin/v1"
ALL = "/_chappe/console/v1/organisations/all"
HEADER = "Chappe-Second-Factor"


async def administrator(server: Server, name: str) -> Person:
    """Of the whole installation, for more than a day."""
    person = await account(server, name)
    await server.node.accounts.change(person.id, is_admin=True)
    await age(server, person)
    return person


async def ask(
    person: Person, method: str, path: str, body: Any = None, proof: str | None = None
) -> tuple[int, dict[str, Any]]:
    headers = {HEADER: proof} if proof is not None else None
    status, raw, _ = await person.server.raw(method, path, body, person.token, headers)
    return status, json.loads(raw) if raw else {}


@pytest_asyncio.fixture
async def root(ministry: Server) -> Person:
    return await administrator(ministry, "root")


@pytest_asyncio.fixture
async def second(ministry: Server) -> Person:
    second = await administrator(ministry, "second")
    await enrol(ministry, second)
    await age(ministry, second)
    return second


@pytest_asyncio.fixture
async def chloe(ministry: Server) -> Person:
    return await account(ministry, "chloe")


# ------------------------------------------------------------------------------------------- one administrator alone


async def test_one_administrator_alone_takes_nothing_over(
    ministry: Server, root: Person, second: Person, chloe: Person
) -> None:
    """Each step by which somebody with an administrator's session alone could become anybody, or two persons."""
    room = await chloe.create_room(name="À huis clos")
    status, raw, _ = await ministry.raw("POST", "/_matrix/media/v3/upload", b"picture", chloe.token)
    media = json.loads(raw)["content_uri"].removeprefix("mxc://")
    who = segment(chloe.id)
    steps: list[tuple[str, str, Any]] = [
        ("POST", f"{SYNAPSE}/users/{who}/login", {}),
        ("PUT", f"{SYNAPSE}/users/{who}/admin", {"admin": True}),
        ("PUT", f"/_synapse/admin/v2/users/{who}", {"admin": True}),
        ("PUT", f"/_synapse/admin/v2/users/{who}", {"password": "another password"}),
        (
            "PUT",
            f"/_synapse/admin/v2/users/{who}",
            {"threepids": [{"medium": "email", "address": "r@culture.example"}]},
        ),
        ("PUT", f"/_synapse/admin/v2/users/{who}", {"external_ids": [{"auth_provider": "p", "external_id": "1"}]}),
        ("PUT", f"/_synapse/admin/v2/users/{who}", {"deactivated": True, "erase": True}),
        ("PUT", "/_synapse/admin/v2/users/%40puppet%3Alocalhost", {"admin": True}),
        ("POST", f"{SYNAPSE}/reset_password/{who}", {"new_password": "another password"}),
        ("POST", f"{CHAPPE}/users/{who}/reset_second_factor", {}),
        ("POST", f"{CHAPPE}/users/{segment(second.id)}/reset_second_factor", {}),
        ("POST", f"{SYNAPSE}/deactivate/{who}", {"erase": True}),
        ("POST", f"{SYNAPSE}/rooms/{segment(room)}/make_room_admin", {"user_id": root.id}),
        ("DELETE", f"/_synapse/admin/v2/rooms/{segment(room)}", {}),
        ("DELETE", f"{SYNAPSE}/media/{media}", None),
        ("POST", f"{SYNAPSE}/media/unquarantine/{media}", {}),
        ("POST", f"{SYNAPSE}/send_server_notice", {"user_id": chloe.id, "content": {"body": "Votre mot de passe ?"}}),
    ]
    for method, path, body in steps:
        status, answer = await ask(root, method, path, body)
        assert (status, answer.get("errcode")) == (403, "M_FORBIDDEN"), (method, path, body, answer)
        assert type(answer["request"]) is int and answer["acts"] in answer["error"]
    assert (await chloe.call("GET", "/account/whoami"))["user_id"] == chloe.id
    assert (await ministry.node.second_factors.of(second.id)).totp
    assert await ministry.node.accounts.store.find_user("@puppet:localhost") is None
    login = {"type": "m.login.password", "user": chloe.id, "password": PASSWORD}
    assert (await ministry.raw("POST", "/_matrix/client/v3/login", login))[0] == 200


async def test_nobody_is_their_own_second_person(ministry: Server, root: Person, second: Person, chloe: Person) -> None:
    """Nor by an account of which they have just had the keys."""
    number = (await root.call("POST", f"{ALL}/actions/erase", {"user_id": chloe.id}))["request"]
    decision = {"approve": True, "code": "000000"}
    assert (await refused(root.call("POST", f"{ALL}/requests/{number}", decision))).status == 403
    await ministry.node.critical_acts.requests.opened(second.id, root.id)
    decision["code"] = await code_of(ministry, second)
    no = await refused(second.call("POST", f"{ALL}/requests/{number}", decision))
    assert no.status == 403 and "changed your account" in no.body["error"]
