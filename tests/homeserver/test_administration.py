"""The administration API; `synadm`, unmodified, does the work of an administrator."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import PASSWORD, Person, Refused, Server, bodies, segment

SYNAPSE = "/_synapse/admin/v1"


@pytest.fixture
async def admin(server: Server) -> Person:
    person = await server.person()
    await server.node.accounts.change(person.id, is_admin=True)
    return person


class Synadm:
    def __init__(self, config: Path) -> None:
        self.config = config

    async def __call__(self, *arguments: str) -> Any:
        """What a command prints, read as JSON."""
        program = str(Path(sys.executable).parent / "synadm")
        process = await asyncio.create_subprocess_exec(
            program,
            "--batch",
            "-o",
            "json",
            "-c",
            str(self.config),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, (arguments, out, err)
        text = out.decode()
        start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
        return json.JSONDecoder().raw_decode(text[start:])[0] if start >= 0 else text


@pytest.fixture
async def synadm(server: Server, admin: Person, tmp_path: Path) -> Synadm:
    config = tmp_path / "synadm.yaml"
    config.write_text(
        json.dumps(
            {
                "user": admin.id,
                "token": admin.token,
                "base_url": server.base,
                "admin_path": "/_synapse/admin",
                "matrix_path": "/_matrix",
                "timeout": 30,
                "server_discovery": "well-known",
                "homeserver": "localhost",
                "format": "json",
                "ssl_verify": False,
            }
        )
    )
    return Synadm(config)


@pytest.mark.slow
async def test_synadm(server: Server, synadm: Synadm, admin: Person, alice: Person) -> None:
    assert "Chappe" in (await synadm("version"))["server_version"]
    local = alice.id[1:].split(":")[0]
    found, created = await asyncio.gather(
        synadm("user", "list", "-n", local),
        synadm("user", "modify", "-n", "Made By Synadm", "-P", "long password", "@made:localhost"),
    )
    assert [u["name"] for u in found["users"]] == [alice.id]
    made = await synadm("user", "details", "@made:localhost")
    assert made["displayname"] == "Made By Synadm", created
    details = await synadm("user", "details", alice.id)
    assert details["name"] == alice.id and details["admin"] is False
    room = await alice.create_room(name="Bureau", preset="public_chat")
    event = await alice.say(room, "à effacer")
    membership = await synadm("user", "membership", "--ids", alice.id)
    assert membership["joined_rooms"] == [room]
    assert (await synadm("user", "whois", alice.id))["user_id"] == alice.id
    rooms = await synadm("room", "search", "Bureau")
    assert rooms["rooms"][0]["room_id"] == room
    assert (await synadm("room", "details", room))["name"] == "Bureau"
    assert (await synadm("room", "members", room))["members"] == [alice.id]
    assert any(e["type"] == "m.room.create" for e in (await synadm("room", "state", room))["state"])
    await synadm("room", "make-admin", room, "--user-id", admin.id)
    await admin.join(room)
    assert (await admin.state(room, "m.room.power_levels"))["users"][admin.id] == 100
    status, raw, _ = await server.raw("POST", "/_matrix/media/v3/upload", b"picture", alice.token)
    media = json.loads(raw)["content_uri"].rsplit("/", 1)[1]
    assert (await synadm("user", "media", alice.id))["media"][0]["media_id"] == media
    await synadm("media", "quarantine", "-s", "localhost", "-i", media)
    path = f"/_matrix/client/v1/media/download/localhost/{media}"
    assert (await server.raw("GET", path, None, alice.token))[0] == 404
    await synadm("media", "unquarantine", "-s", "localhost", "-i", media)
    assert (await server.raw("GET", path, None, alice.token))[0] == 200
    await synadm("media", "delete", "-i", media)
    assert (await server.raw("GET", path, None, alice.token))[0] == 404
    token = await synadm("regtok", "new", "-n", "welcome", "-u", "3")
    assert token["uses_allowed"] == 3
    assert (await synadm("regtok", "details", "welcome"))["completed"] == 0
    assert any(t["token"] == "welcome" for t in (await synadm("regtok", "list"))["registration_tokens"])
    await synadm("regtok", "delete", "welcome")
    await synadm("room", "block", room)
    with pytest.raises(Refused) as refused:
        await (await server.person()).join(room)
    assert refused.value.errcode == "M_FORBIDDEN"
    await synadm("user", "redact", alice.id)
    assert "redacted_because" in (await alice.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}"))["unsigned"]
    await synadm("room", "delete", room)
    assert (await alice.call("GET", "/joined_rooms"))["joined_rooms"] == []
    await synadm("user", "password", "-p", "another password", alice.id)
    login = {"type": "m.login.password", "user": alice.id, "password": "another password"}
    assert (await server.raw("POST", "/_matrix/client/v3/login", login))[0] == 200
    await synadm("user", "deactivate", alice.id)
    assert (await server.raw("POST", "/_matrix/client/v3/login", login))[0] == 403


async def test_only_administrators(server: Server, alice: Person) -> None:
    for route in server.node.routes():
        endpoint = route.endpoint
        if endpoint.api == "admin" and "/register" not in endpoint.path and endpoint.auth != "none":
            path = "/".join("x" if p.startswith("{") else p for p in endpoint.path.split("/"))
            assert (await server.raw(endpoint.method, path, {}, alice.token))[0] == 403, path
            assert (await server.raw(endpoint.method, path, {}))[0] == 401, path


async def test_an_account_is_given_the_kinds_that_can_be_taken_back(server: Server, admin: Person, alice: Person) -> None:
    """An account of a function is nobody's for ever: it is made with its organisation, and nowhere else."""
    login = {"type": "m.login.password", "user": alice.id, "password": PASSWORD}
    for user_id in (alice.id, f"@new-{alice.id[1:]}"):
        path = f"/_synapse/admin/v2/users/{segment(user_id)}"
        for kind in ("function", "Bot", ""):
            with pytest.raises(Refused) as refused:
                await admin.call("PUT", path, {"user_type": kind, "displayname": "Robot"})
            assert (refused.value.status, refused.value.errcode) == (400, "M_INVALID_PARAM"), kind
        assert user_id == alice.id or await server.node.accounts.store.find_user(user_id) is None
    path = f"/_synapse/admin/v2/users/{segment(alice.id)}"
    assert (await admin.call("GET", path))["displayname"] != "Robot"
    assert (await admin.call("PUT", path, {"user_type": "bot"}))["user_type"] == "bot"
    assert (await server.raw("POST", "/_matrix/client/v3/login", login))[0] == 403
    assert (await admin.call("PUT", path, {"user_type": None}))["user_type"] is None
    assert (await server.raw("POST", "/_matrix/client/v3/login", login))[0] == 200


async def test_changing_an_account(server: Server, admin: Person, alice: Person) -> None:
    path = f"/_synapse/admin/v2/users/{segment(alice.id)}"
    changes = {
        "displayname": "Alice",
        "threepids": [{"medium": "email", "address": "a@example.org"}],
        "locked": True,
        "external_ids": [{"auth_provider": "proconnect", "external_id": "42"}],
        "user_type": "support",
    }
    answer = await admin.call("PUT", path, changes)
    assert answer["displayname"] == "Alice" and answer["locked"] and answer["threepids"][0]["address"] == "a@example.org"
    assert await admin.call("GET", f"{SYNAPSE}/auth_providers/proconnect/users/42") == {"user_id": alice.id}
    assert await admin.call("GET", f"{SYNAPSE}/threepid/email/users/a@example.org") == {"user_id": alice.id}
    await admin.call("PUT", path, {"locked": False, "threepids": []})
    await alice.call("GET", "/account/whoami")
    assert (await admin.call("GET", f"{SYNAPSE}/users/{alice.id}/admin")) == {"admin": False}
    await admin.call("PUT", f"{SYNAPSE}/users/{alice.id}/admin", {"admin": True})
    for own in ({"admin": False}, {"deactivated": True}):
        with pytest.raises(Refused):
            await admin.call("PUT", f"/_synapse/admin/v2/users/{segment(admin.id)}", own)
    devices = await admin.call("GET", f"{path}/devices")
    assert devices["total"] == 1
    token = (await admin.call("POST", f"{SYNAPSE}/users/{alice.id}/login", {}))["access_token"]
    seen = (await alice.call("GET", "/devices"))["devices"]
    assert any("Administrator" in (d["display_name"] or "") for d in seen)  # its owner sees it
    assert (await server.raw("GET", "/_matrix/client/v3/account/whoami", None, token))[0] == 200
    await admin.call("DELETE", f"{path}/devices/{alice.device}")
    with pytest.raises(Refused):
        await alice.call("GET", "/account/whoami")


async def test_what_was_said_long_ago_goes(server: Server, admin: Person, alice: Person, bob: Person) -> None:
    """`purge_history`: up to an event or a time; what was said here only where the request says so; state never."""
    room = await alice.create_room(preset="public_chat", name="x")
    await bob.join(room)
    said = [await who.say(room, text) for who, text in ((alice, "one"), (bob, "two"), (alice, "three"), (bob, "four"))]
    path = f"{SYNAPSE}/purge_history/{segment(room)}"

    async def left() -> list[str]:
        return bodies((await alice.messages(room))["chunk"])[::-1]

    for wrong, status in (({}, 400), ({"purge_up_to_event_id": "$none"}, 404), ({"purge_up_to_ts": "x"}, 400)):
        with pytest.raises(Refused) as refused:
            await admin.call("POST", path, wrong)
        assert refused.value.status == status
    await admin.call("POST", path, {"purge_up_to_event_id": said[3]})
    assert await left() == ["one", "two", "three", "four"]
    purge = await admin.call("POST", f"{path}/{segment(said[2])}", {"delete_local_events": True})
    assert await left() == ["three", "four"]
    assert await admin.call("GET", f"{SYNAPSE}/purge_history_status/{purge['purge_id']}") == {"status": "complete"}
    with pytest.raises(Refused) as refused:
        await admin.call("GET", f"{SYNAPSE}/purge_history_status/{'0' * 16}")
    assert refused.value.errcode == "M_NOT_FOUND"
    everything = {"delete_local_events": True, "purge_up_to_ts": server.node.now_ms() + 60_000}
    await admin.call("POST", path, everything)
    assert await left() == [] and (await alice.state(room, "m.room.name")) == {"name": "x"}
    for event in said:
        with pytest.raises(Refused) as refused:
            await bob.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}")
        assert refused.value.errcode == "M_NOT_FOUND"
    assert b"three" not in b"".join(
        bytes(row["json"]) for row in await server.node.database.fetch("SELECT json FROM events WHERE event_id = ANY($1)", said)
    )


async def test_reports_notices_and_figures(server: Server, admin: Person, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    event = await bob.say(room, "insulte")
    await alice.call("POST", f"/rooms/{segment(room)}/report/{segment(event)}", {"reason": "insulte"})
    found = await admin.call("GET", f"{SYNAPSE}/event_reports", room_id=room)
    assert found["total"] == 1 and found["event_reports"][0]["sender"] == bob.id
    number = found["event_reports"][0]["id"]
    assert (await admin.call("GET", f"{SYNAPSE}/event_reports/{number}"))["event_json"]["content"]["body"] == "insulte"
    secret = await bob.create_room(preset="private_chat")
    for unknown in (secret, "!nothing:localhost"):
        with pytest.raises(Refused) as refused:
            await alice.call("POST", f"/rooms/{segment(unknown)}/report", {"reason": "x"})
        assert refused.value.status == 404, "whether there is such a room is not told"
    await bob.invite(secret, alice)
    await alice.call("POST", f"/rooms/{segment(secret)}/leave", {})
    await alice.call("POST", f"/rooms/{segment(secret)}/report", {"reason": "what they wrote to me"})
    await admin.call("DELETE", f"{SYNAPSE}/event_reports/{number}")
    with pytest.raises(Refused):
        await admin.call("GET", f"{SYNAPSE}/event_reports/{number}")
    await admin.call(
        "POST", f"{SYNAPSE}/send_server_notice", {"user_id": alice.id, "content": {"msgtype": "m.text", "body": "Bonjour"}}
    )
    notice = {"user_id": alice.id, "content": {"msgtype": "m.text", "body": "Au revoir"}}
    put = [(await admin.call("PUT", f"{SYNAPSE}/send_server_notice/{txn}", notice))["event_id"] for txn in ("a", "a", "b")]
    assert put[0] == put[1] != put[2]  # asked again, it is the same notice
    figures = await admin.call("GET", "/_chappe/admin/v1/statistics")
    assert figures["accounts"] >= 3 and figures["active_1d"] >= 0 and figures["waiting"]["reports"] >= 0
    assert alice.id not in json.dumps(figures)
    assert (await server.raw("GET", "/_chappe/admin/v1/openapi.json"))[0] == 401
    description = await admin.call("GET", "/_chappe/admin/v1/openapi.json")
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(description["components"]["responses"]["error"]["content"]["application/json"]["schema"])
    described = {(m.upper(), p) for p, operations in description["paths"].items() for m in operations}
    routed = {
        (r.endpoint.method, r.endpoint.path)
        for r in server.node.routes()
        if r.endpoint.api == "admin" and "/admin/" in r.endpoint.path
    }
    assert described == routed and PASSWORD not in json.dumps(description)
