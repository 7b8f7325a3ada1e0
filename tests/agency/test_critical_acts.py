"""Critical means critical at every door: administration APIs, console, command line ask for the same proofs."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.console.scope import Actor
from chappe.agency.console.targets import TargetKind
from chappe.config import AccountValidity, Administration, ReadGuard, Registration
from chappe.homeserver.accounts.registration_tokens import shared_secret_mac
from chappe.homeserver.http.router import ADMIN_AUTH, Endpoint
from chappe.homeserver.policy.acts import ACTS
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import a_ministry, account, age, agree, code_of, enrol
from tests.browser import Browser
from tests.homeserver.test_oauth import authorize, client_id, exchange, token
from tests.neighbours import Mailbox
from tests.support import PASSWORD, Person, Server, bodies, refused, segment

SYNAPSE, CHAPPE = "/_synapse/admin/v1", "/_chappe/admin/v1"
ALL = "/_chappe/console/v1/organisations/all"
VALIDITY = "/_synapse/client/email_account_validity"
HEADER = "Chappe-Second-Factor"


async def administrator(server: Server, name: str) -> Person:
    """Of the whole installation, for more than a day."""
    person = await account(server, name)
    await server.node.accounts.change(person.id, is_admin=True)
    await age(server, person)
    return person


async def ask(person: Person, method: str, path: str, body: Any = None, proof: str | None = None) -> tuple[int, dict[str, Any]]:
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
        ("PUT", f"/_synapse/admin/v2/users/{who}", {"threepids": [{"medium": "email", "address": "r@culture.example"}]}),
        ("PUT", f"/_synapse/admin/v2/users/{who}", {"external_ids": [{"auth_provider": "p", "external_id": "1"}]}),
        ("PUT", f"/_synapse/admin/v2/users/{who}", {"user_type": "bot"}),  # whose token alone brings the first keys
        ("PUT", f"/_synapse/admin/v2/users/{who}", {"user_type": None}),
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


# ------------------------------------------------------------------------------------------------------------ doors


def is_administration(endpoint: Endpoint) -> bool:
    """`whois` is for everybody, of themselves."""
    return "/admin" in endpoint.path and not re.fullmatch(r"/_matrix/client/(v3|r0)/admin/whois/\{userId\}", endpoint.path)


async def test_every_endpoint_of_administration_says_what_it_does(ministry: Server) -> None:
    routes = [route.endpoint for route in ministry.node.routes()]
    without = {e.path for e in routes if is_administration(e) and e.auth != ADMIN_AUTH}
    assert without <= {f"{SYNAPSE}/register", f"{SYNAPSE}/server_version", f"{CHAPPE}/openapi.json"}
    writing = [e for e in routes if e.auth == ADMIN_AUTH and e.method not in ("GET", "HEAD")]
    assert len(writing) > 30
    for endpoint in writing:
        for body in ({}, {"admin": True}, {"deactivated": True, "erase": True}, {"password": "x", "locked": False}):
            acts = [endpoint.does] if isinstance(endpoint.does, str) else endpoint.does(body, False)  # type: ignore[misc]
            assert acts and set(acts) <= set(ACTS), endpoint.path
    with pytest.raises(ValueError):
        Endpoint("POST", "/_chappe/admin/v1/new", auth=ADMIN_AUTH)


async def test_critical_acts_at_the_administration_apis_need_a_proof(ministry: Server, root: Person) -> None:
    """All that there are, with nothing in their body."""
    tried = set()
    for route in ministry.node.routes():
        endpoint = route.endpoint
        if endpoint.auth != ADMIN_AUTH or not isinstance(endpoint.does, str) or not ACTS[endpoint.does].critical:
            continue
        path = "/".join("%40x%3Ay" if p.startswith("{") else p for p in endpoint.path.split("/"))
        status, answer = await ask(root, endpoint.method, path, {})
        assert (status, answer.get("acts")) == (403, endpoint.does), (endpoint.path, answer)
        tried.add(endpoint.does)
    assert tried >= {
        "sign_in_as",
        "reset_password",
        "reset_second_factor",
        "appoint",
        "delete_room",
        "purge_history",
        "delete_file",
        "send_notice",
    }


# ------------------------------------------------------------------------------------- what is done to administrators

# What a body may say at the doors whose act depends on it, or that need one.
BODIES: dict[str, list[dict[str, Any]]] = {
    "/_synapse/admin/v2/users/{userId}": [
        {"locked": True},
        {"locked": False},
        {"suspended": True},
        {"suspended": False},
        {"expiration_ts": 1},
        {"expiration_ts": None},
        {"displayname": "Nobody"},
        {"avatar_url": "mxc://localhost/x"},
        {"user_type": "bot"},
        {"password": "another password"},
        {"threepids": []},
        {"external_ids": []},
        {"admin": True},
        {"admin": False},
        {"deactivated": True},
        {"deactivated": False},
    ],
    f"{SYNAPSE}/users/{{userId}}/admin": [{"admin": True}, {"admin": False}],
    f"{SYNAPSE}/suspend/{{userId}}": [{"suspend": True}, {"suspend": False}],
    "/_matrix/client/v1/admin/lock/{userId}": [{"locked": True}, {"locked": False}],
    "/_matrix/client/v1/admin/suspend/{userId}": [{"suspended": True}, {"suspended": False}],
    "/_synapse/admin/v2/users/{userId}/delete_devices": [{"devices": ["ABCDEF"]}],
    f"{VALIDITY}/admin": [{"expiration_ts": 1}],
}
# Where whom it is done to stands in the body.
IN_BODY = {
    f"{SYNAPSE}/join/{{roomIdOrAlias}}",
    f"{SYNAPSE}/rooms/{{roomId}}/make_room_admin",
    f"{SYNAPSE}/send_server_notice",
    f"{SYNAPSE}/send_server_notice/{{txnId}}",
    f"{VALIDITY}/admin",
}


def acts_on(server: Server, target: str) -> list[tuple[Endpoint, str, dict[str, Any]]]:
    """Every request of the administration APIs that does something to an account: (endpoint, path, body)."""
    found = []
    for route in server.node.routes():
        endpoint = route.endpoint
        if endpoint.does is None or ("{userId}" not in endpoint.path and endpoint.path not in IN_BODY):
            continue
        path = endpoint.path.replace("{userId}", segment(target))
        path = re.sub(r"\{\w+\}", "x", path)
        for body in BODIES.get(endpoint.path, [{}]):
            found.append((endpoint, path, {**body, "user_id": target} if endpoint.path in IN_BODY else body))
    return found


@pytest_asyncio.fixture
async def head(ministry: Server) -> Person:
    """Administers an organisation, and nothing else."""
    return await head_of_culture(ministry)


async def head_of_culture(server: Server) -> Person:
    head = await account(server, "head")
    await server.node.database.execute("INSERT INTO administrators VALUES ($1, 'culture', 'test', 1)", head.id)
    return head


async def test_what_is_done_to_an_administrator_is_critical_at_every_api(
    new_server: Callable[..., Awaitable[Server]], mailbox: Mailbox
) -> None:
    """Else who is alone with a stolen session has no colleague any more, who would refuse or look into the log."""
    ministry = await a_ministry(
        new_server, mailbox, account_validity=AccountValidity(period_days=90), read_guard=ReadGuard(True)
    )
    root, second = await administrator(ministry, "root"), await administrator(ministry, "second")
    chloe, head = await account(ministry, "chloe"), await head_of_culture(ministry)
    doors = set()
    for target in (chloe, second, head):
        for endpoint, path, body in acts_on(ministry, target.id):
            names = [endpoint.does] if isinstance(endpoint.does, str) else endpoint.does(body, False)  # type: ignore[misc]
            expected = target is not chloe or any(ACTS[name].critical for name in names)
            status, answer = await ask(root, endpoint.method, path, body)
            asked = status == 403 and answer.get("acts") == " + ".join(names)
            assert asked is expected, (endpoint.method, path, body, target.id, status, answer)
            doors.add(endpoint.path)
    assert doors >= {*BODIES, *IN_BODY, f"{CHAPPE}/read_guard/release/{{userId}}"}
    for one in (second, head):
        assert (await one.call("GET", "/account/whoami"))["user_id"] == one.id
        assert (await one.call("GET", "/devices"))["devices"]
        assert await ministry.node.profiles.of(one.id) == {"displayname": one.id[1:].split(":")[0]}


async def test_what_is_done_to_an_administrator_is_critical_in_the_console(
    ministry: Server, root: Person, second: Person, head: Person, chloe: Person
) -> None:
    assert isinstance(ministry.node, AgencyServer)
    values = {TargetKind.ORGANISATION: "culture", TargetKind.COLLEAGUE: chloe.id, TargetKind.PLAIN: "x"}
    tried = set()
    for one in ministry.node.actions.all.values():
        if TargetKind.PERSON not in one.kinds.values():
            continue
        for target in (second, head):
            arguments: dict[str, Any] = {}
            for name, kind in one.kinds.items():
                hint = get_type_hints(one.arguments)[name]
                value = target.id if kind is TargetKind.PERSON else values[kind]
                if hint not in (int, bool, int | None, bool | None):
                    arguments[name] = [value] if hint == list[str] else value
            answer = await root.call("POST", f"{ALL}/actions/{one.name}", arguments)
            assert answer["done"] is False and answer["request"], (one.name, target.id)
        tried.add(one.name)
    assert tried >= {"lock", "unlock", "sign_out", "remove_device", "renew", "deactivate", "end_guest", "move"}
    for name, arguments in (("lock", {}), ("unlock", {}), ("sign_out", {})):
        assert (await root.call("POST", f"{ALL}/actions/{name}", {"user_id": chloe.id, **arguments}))["done"] is True
    # agreed to by the other one, it is done
    number = (await root.call("POST", f"{ALL}/actions/lock", {"user_id": head.id}))["request"]
    assert (await agree(ministry, second, f"{ALL}/requests/{number}"))["done"] is True
    assert (await refused(head.call("GET", "/account/whoami"))).errcode == "M_USER_LOCKED"
    # with a code, at once
    done = await root.call("POST", f"{ALL}/actions/unlock", {"user_id": head.id, "code": await code_of(ministry, root)})
    assert done["done"] is True


async def test_what_is_done_to_an_administrator_is_critical_on_the_command_line(
    ministry: Server, second: Person, head: Person, chloe: Person
) -> None:
    """It asks whether it is meant (`--yes`)."""
    assert isinstance(ministry.node, AgencyServer)
    actions, actor = ministry.node.actions, Actor("command line", "all")
    for target, expected in ((second, True), (head, True), (chloe, False)):
        assert await actions.is_critical(actor, "lock", {"user_id": target.id}) is expected
        assert await actions.is_critical(actor, "erase", {"user_id": target.id}) is True


async def test_one_changes_ones_own_account_alone(ministry: Server, root: Person) -> None:
    """What is critical by itself stays so."""
    path = f"/_synapse/admin/v2/users/{segment(root.id)}"
    assert (await ask(root, "PUT", path, {"avatar_url": None}))[0] == 200
    assert (await ask(root, "PUT", path, {"password": "another password"}))[0] == 403


async def test_a_code_is_a_proof_once(ministry: Server, root: Person, chloe: Person) -> None:
    path = f"{SYNAPSE}/users/{segment(chloe.id)}/login"
    assert (await ask(root, "POST", path, {}, "000000"))[0] == 403
    code = await code_of(ministry, root)
    status, answer = await ask(root, "POST", path, {}, code)
    assert status == 200 and answer["access_token"]
    assert (await ask(root, "POST", path, {}, code))[0] == 403
    notices = (await chloe.sync())["rooms"]["join"].values()
    assert any(root.id in body for room in notices for body in bodies(room["timeline"]["events"])), "she is told"


async def test_wrong_codes_are_counted(ministry: Server, root: Person, chloe: Person) -> None:
    await enrol(ministry, root)
    path = f"{SYNAPSE}/users/{segment(chloe.id)}/login"
    assert [(await ask(root, "POST", path, {}, "000000"))[0] for _ in range(6)] == [403] * 5 + [429]
    assert (await ask(root, "POST", path, {}, await code_of(ministry, root)))[0] == 429


async def test_a_second_administrator_agrees_to_one_act(ministry: Server, root: Person, second: Person, chloe: Person) -> None:
    """What is asked again once it is agreed to is done: once, as it was asked, by who asked."""
    path, body = f"{SYNAPSE}/deactivate/{segment(chloe.id)}", {"erase": False}
    _, answer = await ask(root, "POST", path, body)
    number = answer["request"]
    assert (await ask(root, "POST", path, body))[1]["request"] == number, "the same is not asked twice"
    (waiting,) = (await second.call("GET", f"{ALL}/requests"))["items"]
    assert waiting["action"] == "deactivate" and waiting["arguments"]["userId"] == chloe.id
    assert (await refused(second.call("POST", f"{CHAPPE}/requests/{number}", {"approve": True}))).body["needs_code"]
    assert await agree(ministry, second, f"{ALL}/requests/{number}") == {"done": False, "agreed": True}
    assert (await ask(second, "POST", path, body))[0] == 403, "it was agreed to for another"
    assert (await ask(root, "POST", path, {"erase": True}))[0] == 403, "something else was agreed to"
    assert (await ask(root, "POST", path, body))[0] == 200
    assert (await ask(root, "POST", path, body))[0] == 403, "once"


async def test_agreeing_at_the_administration_api(ministry: Server, root: Person, second: Person, chloe: Person) -> None:
    path, body = f"{SYNAPSE}/users/{segment(chloe.id)}/admin", {"admin": True}
    number = (await ask(root, "PUT", path, body))[1]["request"]
    decision = f"{CHAPPE}/requests/{number}"
    assert (await ask(second, "POST", decision, {"approve": True}, await code_of(ministry, second)))[0] == 200
    assert (await ask(root, "PUT", path, body))[0] == 200
    number = (await ask(root, "POST", f"{SYNAPSE}/users/{segment(second.id)}/login", {}))[1]["request"]
    decision = f"{CHAPPE}/requests/{number}"
    code = await code_of(ministry, chloe)
    await ministry.node.database.execute("UPDATE totp_secrets SET confirmed_ts = 1")
    status, answer = await ask(chloe, "POST", decision, {"approve": True}, code)
    assert status == 403 and "24 hours" in answer["error"], "she has been an administrator for a moment"


@pytest.mark.parametrize("state", [{"locked": True}, {"suspended": True}, {"expires_ts": 1}])
async def test_whoever_may_not_act_asks_for_nothing_any_more(
    ministry: Server, root: Person, second: Person, chloe: Person, state: dict[str, Any]
) -> None:
    number = (await root.call("POST", f"{ALL}/actions/erase", {"user_id": chloe.id}))["request"]
    await ministry.node.accounts.set_state(root.id, **state)
    assert (await refused(agree(ministry, second, f"{ALL}/requests/{number}"))).status in (403, 404)
    await ministry.node.accounts.set_state(root.id, locked=False, suspended=False, expires_ts=0)
    assert (await refused(agree(ministry, second, f"{ALL}/requests/{number}"))).status == 404, "it is void"
    assert (await chloe.call("GET", "/account/whoami"))["user_id"] == chloe.id


async def test_two_persons_where_the_installation_wants_two(new_server: Callable[..., Awaitable[Server]]) -> None:
    """Also without the public-sector layer; and nothing is asked where nothing is set."""
    server = await new_server(administration=Administration(critical="two_persons", approver_hours=0))
    root, second = await administrator(server, "root"), await administrator(server, "second")
    chloe = await account(server, "chloe")
    path = f"{SYNAPSE}/users/{segment(chloe.id)}/login"
    status, answer = await ask(root, "POST", path, {}, await code_of(server, root))
    assert status == 403, "one's own code is not enough"
    decision = f"{CHAPPE}/requests/{answer['request']}"
    assert (await ask(second, "POST", decision, {"approve": True}, await code_of(server, second)))[0] == 200
    assert (await ask(root, "POST", path, {}))[0] == 200
    plain = await new_server()
    anybody, other = await administrator(plain, "root"), await account(plain, "chloe")
    assert (await ask(anybody, "POST", f"{SYNAPSE}/users/{segment(other.id)}/login", {}))[0] == 200


async def test_a_shared_secret_makes_no_administrator(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server(
        registration=Registration(shared_secret="hush"), administration=Administration(critical="second_factor")
    )
    for is_admin, expected in ((True, 403), (False, 200)):
        status, raw, _ = await server.raw("GET", f"{SYNAPSE}/register")
        nonce = json.loads(raw)["nonce"]
        body = {"nonce": nonce, "username": f"x{expected}", "password": PASSWORD, "admin": is_admin}
        body["mac"] = shared_secret_mac("hush", nonce, f"x{expected}", PASSWORD, is_admin, None)
        assert (await server.raw("POST", f"{SYNAPSE}/register", body))[0] == expected


# ----------------------------------------------------------------------------------------------------- applications


async def authorised(server: Server, person: Person, rights: str, device: str) -> tuple[Person, str]:
    """An application that somebody has authorised, and what the page said that it may do."""
    client = await client_id(server)
    scope = f"urn:matrix:client:api:* urn:matrix:client:device:{device} {rights}".strip()
    browser = Browser(server)
    await browser.sign_in(person.id, PASSWORD, authorize(client, scope=scope))
    page = browser.page
    await browser.submit("/oauth2/authorize")
    status, answer = await token(server, **exchange(client, browser.query["code"]))
    assert status == 200 and answer["scope"] == scope
    return Person(server, {"user_id": person.id, "device_id": device, "access_token": answer["access_token"]}), page


async def test_an_application_administers_only_where_its_scope_says_so(ministry: Server, root: Person) -> None:
    """Every endpoint of the administration APIs and of the console, by three applications of one administrator."""
    plain, page = await authorised(ministry, root, "", "PLAINPLAIN")
    assert "administer" not in page
    console, page = await authorised(ministry, root, "urn:chappe:console:*", "CONSOLECON")
    assert "manage in your place the accounts and rooms that you administer" in page
    full, page = await authorised(ministry, root, "urn:synapse:admin:*", "FULLFULLFU")
    assert "administer the whole service in your place" in page
    tried = 0
    for route in ministry.node.routes():
        endpoint = route.endpoint
        if not is_administration(endpoint) and not endpoint.path.startswith("/_chappe/console/"):
            continue
        if endpoint.auth == "none":
            continue
        assert endpoint.auth == ADMIN_AUTH or endpoint.is_console, endpoint.path
        path = "/".join("%40x%3Ay" if p.startswith("{") else p for p in endpoint.path.split("/"))
        for application, may in ((plain, False), (console, endpoint.is_console)):
            if not may:
                status, answer = await ask(application, endpoint.method, path, {})
                assert status == 403 and "dminist" in answer["error"] and "acts" not in answer, (path, answer)
        tried += 1
    assert tried > 60
    assert (await console.call("GET", f"{ALL}/people"))["items"] and (await console.call("GET", "/_chappe/console/v1/rights"))[
        "everywhere"
    ]
    assert (await full.call("GET", "/_synapse/admin/v2/users"))["users"] and (await full.call("GET", f"{ALL}/people"))["items"]
    assert (await root.call("GET", "/_synapse/admin/v2/users"))["users"], "a session of the old kind has no scope"


async def test_the_web_client_knows_what_is_critical(ministry: Server) -> None:
    """Its console asks for a code, or a colleague, where the server will."""
    source = (Path(__file__).parents[2] / "web/src/viewmodels/admin_views.ts").read_text()
    listed = re.search(r"CRITICAL = new Set\(\[(.*?)\]\)", source, re.DOTALL)
    assert listed is not None and isinstance(ministry.node, AgencyServer)
    critical = {one.name for one in ministry.node.actions.all.values() if one.critical}
    assert set(re.findall(r'"(\w+)"', listed[1])) == critical


async def test_every_command_says_what_it_does(ministry: Server) -> None:
    """In the words of the same table: what it does is in the log under that name."""
    assert isinstance(ministry.node, AgencyServer)
    known, found = {*ACTS, *ministry.node.actions.all}, set()
    for path in (Path(__file__).parents[2] / "src/chappe/cli").glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "with_node":
                (does,) = [keyword.value for keyword in call.keywords if keyword.arg == "does"]
                names = {node.value for node in ast.walk(does) if isinstance(node, ast.Constant) and node.value is not None}
                assert names <= known, (path.name, names)
                found |= names
    assert found >= {"make_administrator", "reset_password", "erase", "export_person", "send_notice"}


# ------------------------------------------------------------------------------------------- what one alone does not do


async def test_one_administrator_alone_destroys_nothing_that_was_said(ministry: Server, root: Person, chloe: Person) -> None:
    room = await chloe.create_room()
    await chloe.say(room, "kept")
    path = f"{SYNAPSE}/user/{segment(chloe.id)}/redact"
    for body in ({}, {"rooms": [room]}, {"limit": 1}):
        status, answer = await ask(root, "POST", path, body)
        assert (status, answer.get("acts")) == (403, "redact"), body
    assert "kept" in bodies((await chloe.messages(room))["chunk"])
    assert (await ask(root, "POST", path, {}, await code_of(ministry, root)))[0] == 200
    assert "kept" not in bodies((await chloe.messages(room))["chunk"])


async def test_a_new_account_is_nobody_elses_without_a_proof(ministry: Server, root: Person) -> None:
    """Its addresses and identities are those of whoever will be taken for its owner; what it is for says what is asked of it."""
    path = "/_synapse/admin/v2/users/%40prefet%3Alocalhost"
    address, identity = ({"medium": "email", "address": "prefet@culture.example"}, {"auth_provider": "p", "external_id": "1"})
    for more, act in (
        ({"threepids": [address]}, "set_addresses"),
        ({"external_ids": [identity]}, "set_identities"),
        ({"user_type": "bot"}, "set_kind"),
    ):
        status, answer = await ask(root, "PUT", path, {"password": PASSWORD, **more})
        assert (status, answer.get("acts")) == (403, f"add_account + {act}")
    assert await ministry.node.accounts.store.find_user("@prefet:localhost") is None
    body = {"password": PASSWORD, "threepids": [address], "external_ids": [], "displayname": "Le Préfet [Intérieur]"}
    status, answer = await ask(root, "PUT", path, body, await code_of(ministry, root))
    assert status == 201 and answer["displayname"] == "Le Préfet Intérieur [Culture]", answer
    plain = "/_synapse/admin/v2/users/%40plain%3Alocalhost"
    assert (await ask(root, "PUT", plain, {"password": PASSWORD, "threepids": [], "external_ids": []}))[0] == 201


@pytest.mark.parametrize(
    ("wanted", "of_culture", "of_nobody"),
    [
        ("Premier ministre [Matignon]", "Premier ministre Matignon [Culture]", "Premier ministre Matignon"),
        ("Premier ministre ［Matignon］", "Premier ministre Matignon [Culture]", "Premier ministre Matignon"),
        ("Chloé Roy [Culture]", "Chloé Roy [Culture]", "Chloé Roy Culture"),
        ("Chloé Roy", "Chloé Roy [Culture]", "Chloé Roy"),
        ("x [Culture] [Matignon]", "x Culture Matignon [Culture]", "x Culture Matignon"),
        ("", "Chloe Roy [Culture]", None),
        ("[Matignon]", "Matignon [Culture]", "Matignon"),
    ],
)
async def test_an_administrator_names_nobody_after_another_organisation(
    ministry: Server, root: Person, wanted: str, of_culture: str, of_nobody: str | None
) -> None:
    people = [await account(ministry, name) for name in ("chloe", "nobody")]
    await ministry.node.bind_threepid(UserId(people[0].id), "email", "chloe.roy@culture.example", 1)
    for person, expected in zip(people, (of_culture, of_nobody), strict=True):
        path = f"/_synapse/admin/v2/users/{segment(person.id)}"
        status, answer = await ask(root, "PUT", path, {"displayname": wanted})
        assert (status, answer["displayname"]) == (200, expected)
    path = "/_synapse/admin/v2/users/%40new%3Alocalhost"
    status, answer = await ask(root, "PUT", path, {"password": PASSWORD, "displayname": wanted})
    assert (status, answer["displayname"]) == (201, of_nobody or "new")


async def test_a_bot_keeps_the_name_that_says_what_it_is(ministry: Server, root: Person, chloe: Person) -> None:
    bot = await chloe.prove("/_chappe/client/v1/bots", {"name": "Météo", "purpose": "x"})
    path = f"/_synapse/admin/v2/users/{segment(bot['user_id'])}"
    assert (await ask(root, "PUT", path, {"displayname": "Premier ministre"}))[0] == 403
