"""What an application service may do to an account that it has not made, though the name is of its namespace: nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from chappe.matrix.identifiers import UserId
from tests.process import free_port
from tests.support import PASSWORD, Person, Server, segment, until

NewServer = Callable[..., Awaitable[Server]]
V3 = "/_matrix/client/v3"
SERVICE_LOGIN = {"type": "m.login.application_service"}
KEYS = [base64.b64encode(letter * 32).decode().rstrip("=") for letter in (b"a", b"b")]
_first, _other = ({"usage": ["master"], "keys": {f"ed25519:{key}": key}} for key in KEYS)


def registration(folder: Path, name: str, **changes: Any) -> str:
    """Of a service whose namespace holds everybody's name, as those that act for people have."""
    file = folder / f"{name}.json"
    file.write_text(
        json.dumps(
            {
                "id": name,
                "url": None,
                "as_token": name,
                "hs_token": f"hs {name}",
                "sender_localpart": f"{name}bot",
                "rate_limited": False,
                "namespaces": {"users": [{"regex": "@.*:localhost", "exclusive": False}]},
                **changes,
            }
        )
    )
    return str(file)


@pytest_asyncio.fixture
async def server(new_server: NewServer, tmp_path: Path) -> Server:
    services = [registration(tmp_path, "wide"), registration(tmp_path, "other")]
    return await new_server(application_services=services)


# by what an account is read, acted for, entered, changed or ended; in this order each works for an account that the service made
DOORS: dict[str, tuple[str, str, Any]] = {
    "who it is": ("GET", "/account/whoami", None),
    "reading": ("GET", "/sync", None),
    "making a room": ("POST", "/createRoom", {}),
    "a name": ("PUT", "/profile/{user}/displayname", {"displayname": "of the service"}),
    "a device": ("PUT", "/devices/MADE", {}),
    "first keys": ("POST", "/keys/device_signing/upload", {"master_key": _first}),
    "other keys": ("POST", "/keys/device_signing/upload", {"master_key": _other}),
    "a device's end": ("DELETE", "/devices/MADE", {}),
    "several devices' end": ("POST", "/delete_devices", {"devices": ["MADE"]}),
    "letting a device in": ("POST", "/_matrix/client/v1/login/get_token", {}),
    "an address": ("POST", "/account/3pid/delete", {"medium": "email", "address": "nobody@example.org"}),
    "a password": ("POST", "/account/password", {"new_password": "a new one of the bridge", "logout_devices": False}),
    "signing out everywhere": ("POST", "/logout/all", {}),
    "the end": ("POST", "/account/deactivate", {"erase": True}),
}


async def through(server: Server, door: str, user_id: str) -> int:
    method, path, body = DOORS[door]
    path = path.format(user=segment(user_id))
    if door.endswith("keys"):
        body = {"master_key": {**body["master_key"], "user_id": user_id}}
    base = "" if path.startswith("/_matrix") else V3
    status, _, _ = await server.raw(method, f"{base}{path}?user_id={segment(user_id)}", body, "wide")
    return status


async def sign_in(server: Server, user_id: str, token: str = "wide") -> tuple[int, Any]:
    body = {**SERVICE_LOGIN, "identifier": {"type": "m.id.user", "user": user_id}}
    status, raw, _ = await server.raw("POST", f"{V3}/login", body, token)
    return status, json.loads(raw)


async def made_by(server: Server, token: str, name: str) -> str:
    body = {**SERVICE_LOGIN, "username": name, "inhibit_login": True}
    status, raw, _ = await server.raw("POST", f"{V3}/register", body, token)
    assert status == 200, raw
    return str(json.loads(raw)["user_id"])


async def everything_of(server: Server, user_id: str) -> list[str]:
    """What an account is and is entered by."""
    found = []
    for table, columns in (
        ("users", "password_hash, deactivated, profile"),
        ("devices", "device_id"),
        ("access_tokens", "token_hash"),
        ("cross_signing_keys", "*"),
        ("threepids", "address"),
        ("login_tokens", "*"),
    ):
        rows = await server.node.database.fetch(f"SELECT {columns} FROM {table} WHERE user_id = $1", user_id)
        found += sorted(f"{table} {dict(row)}" for row in rows)
    return found


@pytest.mark.parametrize("whose", ["a person's", "an administrator's", "another service's", "another service's own"])
async def test_an_account_that_a_service_has_not_made(server: Server, whose: str) -> None:
    if whose.startswith("another"):
        user_id = "@otherbot:localhost" if whose.endswith("own") else await made_by(server, "other", "ghost")
        assert (await sign_in(server, user_id, "other"))[0] == 200, "it is known to be another's"
        status, _, _ = await server.raw("GET", f"{V3}/account/whoami?user_id={segment(user_id)}", None, "other")
        assert status == 200
    else:
        user_id = (await server.person("alice")).id
        await server.node.accounts.change(user_id, is_admin=whose.startswith("an admin"))
    before = await everything_of(server, user_id)
    for door in DOORS:
        assert await through(server, door, user_id) == 403, door
        assert await everything_of(server, user_id) == before, door
    assert (await sign_in(server, user_id))[0] == 403
    assert (await sign_in(server, user_id[1:].partition(":")[0]))[0] == 403
    assert await everything_of(server, user_id) == before


async def test_an_account_that_a_service_has_made(server: Server) -> None:
    ghost = await made_by(server, "wide", "ghost")
    assert (await sign_in(server, ghost))[0] == 200
    for door in DOORS:
        assert await through(server, door, ghost) in (200, 201), door
    assert (await sign_in(server, ghost))[0] == 403, "it has ended"


async def test_a_service_answers_for_nobody_who_administers(server: Server) -> None:
    """Though it made the account: whoever administers shows a second factor."""
    ghost = await made_by(server, "wide", "ghost")
    await server.node.accounts.change(ghost, is_admin=True)
    for door in ("letting a device in", "a password", "the end"):
        assert await through(server, door, ghost) == 403, door
    assert (await sign_in(server, ghost))[0] == 403
    assert await through(server, "making a room", ghost) == 200


async def test_a_name_of_a_service_that_a_person_had_before_is_the_persons(server: Server) -> None:
    await server.node.database.execute("UPDATE users SET appservice = NULL WHERE user_id = '@widebot:localhost'")
    for query in ("", "?user_id=%40widebot%3Alocalhost"):
        status, _, _ = await server.raw("GET", f"{V3}/account/whoami{query}", None, "wide")
        assert status == 403
    assert (await sign_in(server, "widebot"))[0] == 403


async def test_a_person_lets_a_service_act_for_them(server: Server) -> None:
    """With their own word: a login token of theirs makes it a device among their devices, which they end like any other."""
    alice = await server.person("alice")
    path = "/_matrix/client/v1/login/get_token"
    status, raw, _ = await server.raw("POST", path, {}, alice.token)
    proof = {
        "type": "m.login.password",
        "session": json.loads(raw)["session"],
        "password": PASSWORD,
        "identifier": {"type": "m.id.user", "user": alice.id},
    }
    status, raw, _ = await server.raw("POST", path, {"auth": proof}, alice.token)
    assert status == 200, raw
    body = {"type": "m.login.token", "token": json.loads(raw)["login_token"], "initial_device_display_name": "the bridge"}
    status, raw, _ = await server.raw("POST", f"{V3}/login", body)
    assert status == 200, raw
    puppet = Person(server, json.loads(raw))
    room = await puppet.create_room()
    assert await puppet.say(room, "as alice") and room in (await alice.sync())["rooms"]["join"]
    assert "the bridge" in [d.get("display_name") for d in (await alice.call("GET", "/devices"))["devices"]]
    await server.node.sessions.remove_devices(alice.id, [puppet.device])
    assert (await server.raw("GET", f"{V3}/account/whoami", None, puppet.token))[0] == 401


# --------------------------------------------------------------------------------------- what is for somebody's devices


class Listening:
    """A service that takes everything, and vouches for everybody's keys."""

    def __init__(self) -> None:
        self.transactions: list[Any] = []
        self.asked: list[Any] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        if "/transactions/" in request.path:
            self.transactions.append(body)
            return web.json_response({})
        if "/keys/" in request.path:
            self.asked.append(body)
        users = body.get("device_keys", body)
        forged = {user: {"FORGED": {"user_id": user, "device_id": "FORGED", "keys": {}}} for user in users}
        return web.json_response({"device_keys": forged} if "device_keys" in body else forged)

    async def start(self, port: int) -> web.AppRunner:
        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", self.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for body in self.transactions for event in body["events"]]

    def members(self, user_id: str) -> list[dict[str, Any]]:
        """The memberships of a user that it was told, in order."""
        return [e for e in self.events if e["type"] == "m.room.member" and e["state_key"] == user_id]

    def texts(self) -> list[str]:
        return [e["content"].get("body") for e in self.events if e["type"] == "m.room.message"]


@pytest_asyncio.fixture
async def listening() -> AsyncIterator[tuple[Listening, int]]:
    service, port = Listening(), free_port()
    runner = await service.start(port)
    yield service, port
    await runner.cleanup()


async def test_what_is_for_a_persons_devices_is_theirs(
    new_server: NewServer, tmp_path: Path, listening: tuple[Listening, int]
) -> None:
    """Messages to devices, counts of keys, and questions about keys: of accounts that the service made, and no others."""
    service, port = listening
    wide = registration(
        tmp_path, "wide", url=f"http://127.0.0.1:{port}", **{"receive_ephemeral": True, "org.matrix.msc3202": True}
    )
    server = await new_server(application_services=[wide])
    alice, bob = await server.person("alice"), await server.person("bob")
    ghost = await made_by(server, "wide", "ghost")
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    status, _, _ = await server.raw("PUT", f"{V3}/devices/GHOST?user_id={segment(ghost)}", {}, "wide")
    assert status == 201
    messages = {alice.id: {alice.device: {"for": "alice"}}, ghost: {"GHOST": {"for": "the ghost"}}}
    await bob.call("PUT", "/sendToDevice/m.room_key_request/t1", {"messages": messages})

    def taken() -> list[str]:
        return [one["to_user_id"] for body in service.transactions for one in body.get("to_device", ())]

    await until(lambda: ghost in taken())  # both are of one commit
    assert taken() == [ghost]
    assert [e["content"] for e in (await alice.sync())["to_device"]["events"]] == [{"for": "alice"}]
    assert alice.id not in json.dumps([body.get("device_one_time_keys_count") for body in service.transactions])
    answer = await bob.call("POST", "/keys/query", {"device_keys": {alice.id: [], bob.id: []}})
    assert "FORGED" not in json.dumps(answer)
    claim = {"one_time_keys": {alice.id: {alice.device: "signed_curve25519"}}}
    assert "FORGED" not in json.dumps(await bob.call("POST", "/keys/claim", claim))
    assert service.asked == [], "of people nothing is asked"


# ------------------------------------------------------------------------------------------- what a bridge has from before

_NAMES = {"namespaces": {"users": [{"regex": "@(_irc_|notices).*:localhost", "exclusive": True}]}}


async def acts(server: Server, token: str, localpart: str) -> bool:
    path = f"{V3}/account/whoami?user_id={segment(f'@{localpart}:localhost')}"
    return (await server.raw("GET", path, None, token))[0] == 200


async def restarted(new_server: NewServer, server: Server, *services: str) -> Server:
    await server.stop()
    return await new_server(server.url, application_services=list(services))


async def test_a_bridge_keeps_its_users_when_its_registration_has_another_id(new_server: NewServer, tmp_path: Path) -> None:
    old = registration(tmp_path, "old", **_NAMES, sender_localpart="ircbot")
    new = registration(tmp_path, "new", **_NAMES, sender_localpart="ircbot")
    server = await new_server(application_services=[old])
    for name in ("_irc_zoe", "_irc_max", "_irc_person", "_irc_admin"):
        await made_by(server, "old", name)
    assert (await sign_in(server, "@_irc_zoe:localhost", "old"))[0] == 200, "with a device of its own"
    accounts = server.node.accounts
    await accounts.change("@_irc_person:localhost", password=PASSWORD)
    await accounts.change("@_irc_admin:localhost", is_admin=True)
    server = await restarted(new_server, server, new)
    for name in ("ircbot", "_irc_zoe", "_irc_max"):
        assert await acts(server, "new", name), name
    for name in ("_irc_person", "_irc_admin"):
        assert not await acts(server, "new", name), name
    assert (await sign_in(server, "@_irc_zoe:localhost", "new"))[0] == 200
    server = await restarted(new_server, server, old, registration(tmp_path, "other", **_NAMES))
    assert not await acts(server, "old", "_irc_zoe"), "two have the name for themselves: nobody says whose it is"
    server = await restarted(new_server, server, old)
    assert await acts(server, "old", "_irc_zoe")


async def test_accounts_that_services_have_are_taken_by_no_wide_namespace(new_server: NewServer, tmp_path: Path) -> None:
    old = registration(tmp_path, "old", **_NAMES)
    server = await new_server(application_services=[old])
    await made_by(server, "old", "_irc_zoe")
    wide = registration(tmp_path, "wide")
    server = await restarted(new_server, server, old, wide)
    assert await acts(server, "old", "_irc_zoe") and not await acts(server, "wide", "_irc_zoe")
    server = await restarted(new_server, server, wide)
    assert not await acts(server, "wide", "_irc_zoe"), "it is not the one that has the name for itself"


# what is put beside an account that nobody can sign in to, and may be a bridge's: by it a person can, or could once
PERSONS = {
    "nothing": None,
    "a password": "UPDATE users SET password_hash = 'x' WHERE user_id = $1",
    "administration": "UPDATE users SET is_admin = true WHERE user_id = $1",
    "an end": "UPDATE users SET deactivated = true WHERE user_id = $1",
    "a kind": "UPDATE users SET kind = 'function' WHERE user_id = $1",
    "an owner": "UPDATE users SET owner = $1 WHERE user_id = $1",
    "being a guest": "UPDATE users SET is_guest = true WHERE user_id = $1",
    "a device": "INSERT INTO devices (user_id, device_id, created) VALUES ($1, 'D', now())",
    "a browser": "INSERT INTO known_browsers VALUES ($1, 'b', 1)",
    "an address": "INSERT INTO threepids VALUES ('email', 'z@example.org', $1, 1, 1)",
    "a provider": "INSERT INTO upstream_links VALUES ('pc', 'zoe', $1, 1)",
    "a passkey": "INSERT INTO passkeys VALUES ('c', $1, 'k', 0, 'key', 1, NULL)",
}


@pytest.mark.parametrize("beside", PERSONS)
async def test_accounts_of_nobody_in_a_bridge_s_own_namespace(new_server: NewServer, tmp_path: Path, beside: str) -> None:
    """Such as an operator made for it through the administration API."""
    server = await new_server()
    for name in ("_irc_zoe", "notices"):  # the latter speaks for the server
        await server.node.accounts.register(UserId(f"@{name}:localhost"), None)
    statement = PERSONS[beside]
    if statement is not None:
        await server.node.database.execute(statement, "@_irc_zoe:localhost")
    server = await restarted(new_server, server, registration(tmp_path, "old", **_NAMES))
    taken = await server.node.database.fetch("SELECT user_id FROM users WHERE appservice = 'old' ORDER BY 1")
    own = ["@_irc_zoe:localhost"] if beside == "nothing" else []
    assert [row["user_id"] for row in taken] == [*own, "@oldbot:localhost"]
    assert await acts(server, "old", "_irc_zoe") == (beside == "nothing") and not await acts(server, "old", "notices")
