"""Every route, fed with what nobody should send: a 4xx with the specification's errcode, never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chappe.homeserver.http.router import LOCAL_AUTH, NO_AUTH, SERVER_AUTH
from tests.support import Person, Server, segment

# The APIs may be asked by scripts of any site, the pages not.
_FOR_ANY_ORIGIN = (
    "/_matrix/",
    "/_synapse/",
    "/_chappe/",
    "/.well-known/",
    "/oauth2/token",
    "/oauth2/revoke",
    "/oauth2/registration",
    "/oauth2/device",
    "/health",
)
DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
RAW_BODIES = {
    "empty": b"",
    "not JSON": b"{",
    "bad UTF-8": b'{"a":"\xff"}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "duplicate keys": b'{"a":1,"a":2}',
    "10,000 deep": DEEP,
    "250 deep": b'{"a":' * 250 + b"1" + b"}" * 250,
    "an array": b"[]",
    "a number": b"7",
    "null": b"null",
    "a string": b'"x"',
}
STRICT = {"not JSON", "bad UTF-8", "a lone surrogate", "NaN", "Infinity", "duplicate keys", "10,000 deep", "250 deep"}
WRONG_PARAMS = [
    "nonsense",
    "%00",
    "%ff",
    "!unknown:localhost",
    "$unknown",
    "@nobody:localhost",
    "x" * 300,
    "%2F..%2F",
    "%C3%A9",
    "m.room.member",
]
VALUES = [None, True, 0, -1, 2**53, 1.5, "", "x", "\u0000", [], {}, [None], {"a": None}, [[]], {"": ""}]
FIELDS = [
    "type",
    "user",
    "identifier",
    "password",
    "username",
    "device_id",
    "auth",
    "session",
    "user_id",
    "reason",
    "event_id",
    "room_id",
    "timeout",
    "typing",
    "devices",
    "display_name",
    "displayname",
    "avatar_url",
    "new_password",
    "logout_devices",
    "messages",
    "device_keys",
    "one_time_keys",
    "fallback_keys",
    "master_key",
    "self_signing_key",
    "algorithm",
    "auth_data",
    "version",
    "rooms",
    "sessions",
    "first_message_index",
    "m.read",
    "m.fully_read",
    "thread_id",
    "name",
    "topic",
    "invite",
    "preset",
    "visibility",
    "room_version",
    "creation_content",
    "initial_state",
    "power_level_content_override",
    "is_direct",
    "room_alias_name",
    "invite_3pid",
    "refresh_token",
    "nonce",
    "mac",
    "admin",
    "membership",
    "actions",
    "enabled",
    "conditions",
    "pattern",
    "order",
    "tags",
    "erase",
    "filter",
    "room",
    "content",
    "body",
    "msgtype",
]


def _paths(server: Server) -> list[tuple[str, str, str]]:
    """(method, path template, auth) of every route."""
    return [
        (r.endpoint.method, r.endpoint.path, r.endpoint.auth) for r in server.node.routes() if "/r0/" not in r.endpoint.path
    ]


def _fill(path: str, values: dict[str, str], wrong: str | None = None, at: int = -1) -> str:
    parts, n = [], 0
    for part in path.split("/"):
        if part.startswith("{"):
            good = values.get(part[1:-1], "x")
            parts.append(wrong if wrong is not None and n == at else segment(good))
            n += 1
        else:
            parts.append(part)
    return "/".join(parts)


class Hostile:
    """Asks, and checks that every answer is a proper one."""

    def __init__(self, server: Server, person: Person, values: dict[str, str]) -> None:
        self.server, self.person, self.values = server, person, values

    async def ask(self, method: str, path: str, body: bytes | None, what: str) -> tuple[int, Any]:
        status, raw, headers = await self.server.raw(method, path, body, self.person.token)
        assert status < 500, f"{method} {path[:200]} with {what}: {status} {raw[:300]!r}"
        if status >= 400 and headers["Content-Type"].startswith("text/html"):
            assert not path.startswith("/_matrix/client") or "/fallback/web" in path, path  # a page says it in words
            assert b'lang="' in raw and headers["Content-Security-Policy"]
        elif status >= 400 and path.startswith("/oauth2/"):
            answer = json.loads(raw)
            assert "errcode" in answer or (answer["error"] and answer["error_description"]), (path, answer)
        elif status >= 400:
            answer = json.loads(raw)
            is_named = answer.get("errcode", "M_").startswith(("M_", "MCS_"))  # MCS_: the content scanner's own
            assert is_named and (answer.get("error") or "flows" in answer), (path, answer)
            assert ("Access-Control-Allow-Origin" in headers) == path.startswith(_FOR_ANY_ORIGIN)
        return status, raw


@pytest.fixture
async def hostile(server: Server) -> Hostile:
    person = await server.person()
    room = await person.create_room()
    event = await person.say(room, "x")
    values = {
        "roomId": room,
        "eventId": event,
        "userId": person.id,
        "eventType": "m.room.message",
        "stateKey": "",
        "txnId": "t",
        "roomIdOrAlias": room,
        "receiptType": "m.read",
        "deviceId": "NOTMINE",
        "serverName": "localhost",
        "kind": "override",
        "type": "x.y",
        "keyName": "displayname",
        "roomAlias": "#x:localhost",
    }
    return Hostile(server, person, values)


ENDING = ("/logout", "/logout/all", "/account/deactivate", "/account/password")


async def test_bodies_that_are_no_json_objects(hostile: Hostile) -> None:
    for method, path, _ in _paths(hostile.server):
        if method == "GET" or path.endswith(ENDING):
            continue
        for what, body in RAW_BODIES.items():
            status, raw = await hostile.ask(method, _fill(path, hostile.values), body, what)
            if (
                what in STRICT
                and method in ("PUT", "POST")
                and "/upload" not in path.replace("keys/upload", "")
                and status == 200
            ):
                takes_none = path.endswith(("/leave", "/media/v1/create")) or "room_keys" in path  # they do not read it
                hint = "an endpoint without a body reads it all the same: `json_object(optional=True)`"
                assert takes_none, f"{method} {path} took {what} for an answer ({raw!r}): {hint}"


async def test_wrong_fields(hostile: Hostile) -> None:
    for method, path, _ in _paths(hostile.server):
        if method == "GET" or path.endswith(ENDING):
            continue
        for value in VALUES:
            body = json.dumps(dict.fromkeys(FIELDS, value)).encode()
            await hostile.ask(method, _fill(path, hostile.values), body, f"fields {value!r}")


async def test_wrong_path_parameters(hostile: Hostile) -> None:
    for method, path, _ in _paths(hostile.server):
        if path.endswith(ENDING):
            continue
        for at in range(path.count("{")):
            for wrong in WRONG_PARAMS:
                await hostile.ask(method, _fill(path, hostile.values, wrong, at), b"{}", f"parameter {wrong!r}")


async def test_wrong_queries(hostile: Hostile) -> None:
    names = [
        "since",
        "timeout",
        "filter",
        "full_state",
        "set_presence",
        "dir",
        "from",
        "to",
        "limit",
        "at",
        "membership",
        "not_membership",
        "format",
        "width",
        "height",
        "method",
        "animated",
        "version",
        "username",
        "kind",
        "token",
        "before",
        "after",
        "timeout_ms",
        "filename",
    ]
    for method, path, _ in _paths(hostile.server):
        if path.endswith(ENDING):
            continue
        for value in ("x", "-1", "999999999999999999999999", "%00", "%ff", "%7B", "%7B%22room%22:7%7D", ""):
            query = "&".join(f"{name}={value}" for name in names)
            await hostile.ask(method, _fill(path, hostile.values) + "?" + query, b"{}" if method != "GET" else None, value)


async def test_without_a_token_or_with_a_wrong_one(server: Server) -> None:
    for method, path, auth in _paths(server):
        if auth in (NO_AUTH, "optional", LOCAL_AUTH):
            continue
        missing, wrong = ("M_UNAUTHORIZED",) * 2 if auth == SERVER_AUTH else ("M_MISSING_TOKEN", "M_UNKNOWN_TOKEN")
        status, raw, _ = await server.raw(method, _fill(path, {}), b"{}" if method != "GET" else None)
        assert (status, json.loads(raw)["errcode"]) == (401, missing), path
        status, raw, _ = await server.raw(method, _fill(path, {}), b"{}" if method != "GET" else None, "wrong")
        assert (status, json.loads(raw)["errcode"]) == (401, wrong), path


async def test_rooms_that_are_not_ones_own(hostile: Hostile, bob: Person) -> None:
    """Members only: a stranger gets 403 or 404 on every route of a private room."""
    stranger = Hostile(hostile.server, bob, {**hostile.values, "userId": bob.id})
    for method, path, _ in _paths(hostile.server):
        if "/rooms/{roomId}" not in path or "account_data" in path or "/tags" in path or path.endswith("/report"):
            continue
        body = (
            b'{"user_id":"@x:localhost","typing":true,"new_version":"12","delay_ms":1,"content":{}}'
            if method != "GET"
            else None
        )
        status, _ = await stranger.ask(
            method, _fill(path, stranger.values) + ("?dir=b&ts=0" if method == "GET" else ""), body, "not a member"
        )
        if not path.endswith(("/forget", "/read_markers")):
            assert status in (403, 404), (method, path, status)


@pytest.mark.parametrize(
    ("content", "errcode"),
    [
        (b'{"n":9007199254740992}', "M_BAD_JSON"),
        (b'{"n":-9007199254740992}', "M_BAD_JSON"),
        (b'{"n":1.0}', "M_BAD_JSON"),
        (b'{"n":1e3}', "M_BAD_JSON"),
        (b'{"n":99999999999999999999999}', "M_BAD_JSON"),
        (b'{"n":NaN}', "M_NOT_JSON"),
        (b'{"a":1,"a":2}', "M_BAD_JSON"),
        (b'{"x":{"\\u0061":1,"a":2}}', "M_BAD_JSON"),
        (DEEP, "M_NOT_JSON"),
        (b"[]", "M_BAD_JSON"),
        (b'{"a":"\\udfff"}', "M_NOT_JSON"),
        (b"\xff", "M_NOT_JSON"),
        (b'{"a":' * 230 + b"1" + b"}" * 230, "M_BAD_JSON"),
    ],
)
async def test_event_content(hostile: Hostile, content: bytes, errcode: str) -> None:
    room = segment(hostile.values["roomId"])
    for path in (f"send/m.room.message/{errcode}", "state/x"):
        status, raw = await hostile.ask("PUT", f"/_matrix/client/v3/rooms/{room}/{path}", content, "content")
        assert (status, json.loads(raw)["errcode"]) == (400, errcode)


async def test_the_largest_integers_and_odd_strings_are_welcome(hostile: Hostile) -> None:
    content = {"n": 2**53 - 1, "m": -(2**53) + 1, "nul": "\u0000", "emoji": "🦊", "key\u0000": 1, "": {}}
    event = await hostile.person.send(hostile.values["roomId"], "x.odd", content)
    got = await hostile.person.call("GET", f"/rooms/{segment(hostile.values['roomId'])}/event/{segment(event)}")
    assert got["content"] == content


async def test_unknown_paths_and_methods(server: Server) -> None:
    for method, path, status in (
        ("GET", "/_matrix/client/v3/nothing", 404),
        ("PATCH", "/_matrix/client/v3/login", 405),
        ("GET", "/nothing", 404),
        ("DELETE", "/_matrix/client/v3/sync", 405),
        ("GET", "/_matrix/client/v3/rooms/a/b/c/d/e/f", 404),
    ):
        got, raw, headers = await server.raw(method, path)
        assert (got, json.loads(raw)["errcode"]) == (status, "M_UNRECOGNIZED")
        assert ("Access-Control-Allow-Origin" in headers) == path.startswith(_FOR_ANY_ORIGIN)
    status, _, headers = await server.raw("OPTIONS", "/_matrix/client/v3/anything")
    assert status in (200, 204) and "PUT" in headers["Access-Control-Allow-Methods"]


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: Server, alice: Person) -> None:
    room = await alice.create_room()
    path = f"/_matrix/client/v3/rooms/{segment(room)}/send/m.room.message/t"
    status, raw, _ = await server.raw("PUT", path, b"x" * (1 << 20), alice.token)
    assert (status, json.loads(raw)["errcode"]) == (413, "M_TOO_LARGE")
