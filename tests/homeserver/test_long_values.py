"""A value longer than an index of the database holds (2,704 bytes that do not compress) is refused like another bad one: no 500."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from tests.support import PASSWORD, Person, Refused, segment

LONG = secrets.token_hex(8000)
SESSION = {"first_message_index": 0, "forwarded_count": 0, "is_verified": True, "session_data": {}}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/rooms/{room}/send/m.room.message/{long}", {"msgtype": "m.text", "body": "x"}),
        ("PUT", "/rooms/{room}/send/{long}/t", {}),
        ("PUT", "/rooms/{room}/state/x.y/{long}", {}),
        ("PUT", "/rooms/{room}/redact/{event}/{long}", {}),
        ("PUT", "/rooms/{room}/delayed_event/x.y/{long}", {"delay_ms": 3_600_000, "content": {}}),
        ("PUT", "/sendToDevice/x.y/{long}", {"messages": {}}),
        ("PUT", "/sendToDevice/{long}/t", {"messages": {}}),
        ("PUT", "/user/{me}/account_data/{long}", {}),
        ("PUT", "/user/{me}/rooms/{room}/account_data/{long}", {}),
        ("PUT", "/user/{me}/rooms/{room}/tags/{long}", {}),
        ("PUT", "/room_keys/keys/{room}/{long}?version={version}", "session"),
        ("PUT", "/room_keys/keys/{long}/s?version={version}", "session"),
        ("POST", "/rooms/{room}/receipt/m.read/{event}", {"thread_id": "$" + LONG}),
        ("POST", "/rooms/{room}/receipt/m.read/${long}", {}),
        ("PUT", "/profile/{me}/{long}", {}),
        ("POST", "/keys/upload", {"one_time_keys": {"signed_curve25519:" + LONG: "x"}}),
        ("POST", "/keys/upload", {"fallback_keys": {"signed_curve25519:" + LONG: "x"}}),
        ("PUT", "/devices/{long}", {"display_name": "x"}),
        (
            "POST",
            "/pushers/set",
            {"kind": "http", "app_id": "x", "pushkey": LONG, "data": {"url": "https://x.example/_matrix/push/v1/notify"}},
        ),
        ("PUT", "/pushrules/global/override/{long}", {"actions": [], "conditions": []}),
        ("POST", "/user/{me}/filter", {"room": {"rooms": ["!" + LONG]}}),
        ("POST", "/rooms/{room}/report/${long}", {"reason": "x"}),
        ("POST", "/login", {"type": "m.login.token", "token": LONG}),
        ("POST", "/join/%23{long}:localhost", {}),
        ("PUT", "/directory/room/%23{long}:localhost", {"room_id": "{room}"}),
        ("PUT", "/room_keys/keys?version={version}", {"rooms": {"!x:localhost": {"sessions": {LONG: SESSION}}}}),
        ("PUT", "/room_keys/keys?version={version}", {"rooms": {"!" + LONG: {"sessions": {"x": SESSION}}}}),
        ("PUT", "/room_keys/keys/{room}?version={version}", {"sessions": {LONG: SESSION}}),
        ("POST", "/keys/signatures/upload", {"{me}": {LONG: {"signatures": {}}}}),
        ("POST", "/keys/claim", {"one_time_keys": {"@a:localhost": {LONG: "signed_curve25519"}}}),
        ("PUT", "/sendToDevice/x.y/t", {"messages": {"@a:localhost": {LONG: {}}}}),
        ("POST", "/keys/query", {"device_keys": {"@a:localhost": [LONG]}}),
        ("POST", "/delete_devices", {"devices": [LONG]}),
        ("POST", "/rooms/{room}/read_markers", {"m.fully_read": "$" + LONG, "m.read": "$" + LONG}),
        ("POST", "/rooms/{room}/invite", {"id_server": "localhost", "medium": "email", "address": LONG + "@x.example"}),
        ("POST", "/register?kind=user", {"username": LONG, "password": "x" * 20, "auth": {"type": "m.login.dummy"}}),
        (
            "POST",
            "/login",
            {
                "type": "m.login.password",
                "device_id": LONG,
                "password": PASSWORD,
                "identifier": {"type": "m.id.user", "user": "{me}"},
            },
        ),
        (
            "PUT",
            "/rooms/{room}/send/m.reaction/t",
            {"m.relates_to": {"rel_type": "m.annotation", "event_id": "{event}", "key": LONG}},
        ),
        ("PUT", "/rooms/{room}/send/m.room.message/t", {"m.relates_to": {"rel_type": LONG, "event_id": "{event}"}}),
        ("PUT", "/rooms/{room}/send/m.room.message/t", {"m.relates_to": {"rel_type": "m.thread", "event_id": "$" + LONG}}),
        ("PUT", "/rooms/{room}/send/m.room.redaction/t", {"redacts": "$" + LONG}),
        ("PUT", "/rooms/{room}/state/m.room.canonical_alias/", {"alias": "#" + LONG + ":localhost"}),
        ("PUT", "/rooms/{room}/state/m.space.child/!x:localhost", {"via": [LONG], "order": LONG}),
        ("POST", "/user/{me}/openid/request_token", {LONG: LONG}),
        (
            "PUT",
            "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device",
            {
                "device_id": "x",
                "device_data": {"a": LONG},
                "device_keys": {"user_id": "{me}", "device_id": "x", "algorithms": [], "keys": {"ed25519:" + LONG: "k"}},
            },
        ),
    ],
)
async def test_no_500(alice: Person, method: str, path: str, body: Any) -> None:
    room = await alice.create_room()
    event = await alice.say(room, "x")
    names = {"room": segment(room), "me": segment(alice.id), "long": LONG, "event": segment(event)}
    if "version" in path:
        made = {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "x"}}
        names["version"] = (await alice.call("POST", "/room_keys/version", made))["version"]
    if body == "session":
        body = SESSION
    raw = {"{me}": alice.id, "{event}": event, "{room}": room}
    text = json.dumps(body)
    for name, value in raw.items():
        text = text.replace(name, value)
    try:
        await alice.call(method, path.format(**names), json.loads(text))
    except Refused as refused:
        assert 400 <= refused.status < 500, (refused.status, refused.body)
