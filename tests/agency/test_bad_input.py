"""The layer's own routes, fed with what nobody should send: a 4xx with an errcode, never a 500; and nobody gets in without a token."""

from __future__ import annotations

import json

import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.console.scope import Actor
from chappe.homeserver.http.router import AUTH, SERVER_AUTH
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import account
from tests.homeserver.test_bad_input import RAW_BODIES, STRICT, VALUES, WRONG_PARAMS, Hostile, _fill, _paths
from tests.support import Server

FIELDS = [
    "user_id",
    "room_id",
    "device_id",
    "ends_ts",
    "to",
    "sponsor",
    "name",
    "called",
    "holders",
    "appointed",
    "server_name",
    "media_id",
    "report",
    "with_held",
    "authority",
    "reference",
    "hold",
    "reason",
    "text",
    "label",
    "home",
    "addresses",
    "by_invitation",
    "colour",
    "guests",
    "forums",
    "guest_days",
    "code",
    "approve",
    "address",
    "purpose",
    "files",
    "expiration_ts",
]


@pytest_asyncio.fixture
async def hostile(ministry: Server) -> Hostile:
    """Somebody who administers an organisation, and the whole server besides."""
    node = ministry.node
    assert isinstance(node, AgencyServer)
    root = await account(ministry, "root")
    await node.accounts.change(root.id, is_admin=True)
    await node.scope.grant(Actor("x", "culture"), UserId(root.id))
    room = await root.create_room(name="R")
    event = await root.say(room, "x")
    values = {
        "roomId": room,
        "eventId": event,
        "userId": root.id,
        "organisation": "culture",
        "view": "people",
        "action": "lock",
        "request": "1",
        "package": "none",
        "serverName": "localhost",
        "mediaId": "x",
    }
    return Hostile(ministry, root, values)


def own(server: Server) -> list[tuple[str, str]]:
    return [(m, p) for m, p, auth in _paths(server) if p.startswith("/_chappe/") and auth != SERVER_AUTH]


def filled(hostile: Hostile, path: str) -> list[str]:
    """Of the console's action route one path for each action."""
    if "{action}" not in path:
        return [_fill(path, hostile.values)]
    assert isinstance(hostile.server.node, AgencyServer)
    names = sorted(hostile.server.node.actions.all)
    return [_fill(path, {**hostile.values, "action": name, "organisation": at}) for name in names for at in ("culture", "all")]


async def test_bodies_that_are_none(hostile: Hostile) -> None:
    for method, path in own(hostile.server):
        if method == "GET":
            continue
        for where in filled(hostile, path):
            for what, body in RAW_BODIES.items():
                status, raw = await hostile.ask(method, where, body, what)
                reads = "/actions/" in path or "/requests/" in path or path.endswith(("/guests", "/files/{eventId}"))
                assert not (what in STRICT and reads and status == 200), (where, what, raw)


async def test_wrong_fields(hostile: Hostile) -> None:
    for method, path in own(hostile.server):
        if method == "GET":
            continue
        for where in filled(hostile, path):
            for value in VALUES:
                body = json.dumps(dict.fromkeys(FIELDS, value)).encode()
                await hostile.ask(method, where, body, f"fields {value!r}")


async def test_wrong_paths_and_queries(hostile: Hostile) -> None:
    for method, path in own(hostile.server):
        body = b"{}" if method != "GET" else None
        for at in range(path.count("{")):
            for wrong in WRONG_PARAMS:
                await hostile.ask(method, _fill(path, hostile.values, wrong, at), body, f"parameter {wrong!r}")
        for value in ("x", "-1", "999999999999999999999999", "%00", "%ff", ""):
            query = "&".join(f"{name}={value}" for name in ("from", "limit", "search", "before", "address"))
            await hostile.ask(method, f"{_fill(path, hostile.values)}?{query}", body, value)


async def test_nobody_gets_in_without_a_token(ministry: Server) -> None:
    for method, path, auth in _paths(ministry):
        if path.startswith("/_chappe/") and auth == AUTH:
            for token in (None, "wrong"):
                status, raw, _ = await ministry.raw(method, _fill(path, {}), b"{}", token)
                assert status == 401, (method, path, raw)
