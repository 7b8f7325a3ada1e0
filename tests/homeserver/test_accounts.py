"""Accounts over HTTP: registering, signing in and out, tokens, devices, passwords, profiles, hosted domains."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.config import Limit, Limits, Passwords, Registration
from tests.support import PASSWORD, Person, Refused, Server, joined, segment

V3 = "/_matrix/client/v3"
NewServer = Callable[..., Awaitable[Server]]


async def ask(
    server: Server, method: str, path: str, body: Any = None, token: str | None = None, host: str | None = None
) -> tuple[int, Any]:
    status, raw, _ = await server.raw(
        method, V3 + path if path[:2] not in ("/_", "/.") else path, body, token, {"Host": host} if host else None
    )
    return status, json.loads(raw)


async def test_registering_asks_for_authentication_then_signs_in(server: Server) -> None:
    body = {"username": "una", "password": PASSWORD}
    status, asked = await ask(server, "POST", "/register", body)
    assert status == 401 and asked["flows"] == [{"stages": ["m.login.dummy"]}]
    body["auth"] = {"type": "m.login.dummy", "session": asked["session"]}
    status, answer = await ask(server, "POST", "/register", body)
    assert status == 200 and answer["user_id"] == "@una:localhost" and answer["device_id"]
    assert (await ask(server, "GET", "/account/whoami", token=answer["access_token"]))[1]["user_id"] == "@una:localhost"
    assert await ask(server, "POST", "/register", body) == (200, answer)  # the answer was lost: it is given again
    for other in ({**body, "password": "another horse"}, {**body, "auth": {"type": "m.login.dummy"}}):
        assert (await ask(server, "POST", "/register", other))[1]["errcode"] == "M_USER_IN_USE"
    assert (await ask(server, "GET", "/register/available?username=una"))[1]["errcode"] == "M_USER_IN_USE"
    assert (await ask(server, "GET", "/register/available?username=free"))[1] == {"available": True}


async def test_registering_says_everything_each_time(server: Server) -> None:
    """Client-server API, "User-Interactive Authentication API": "resubmitting the same request with the addition of an `auth`
    key". No password is kept for a session to which it was said: whoever learns the session's name could use it."""
    said = {"username": "ulla", "password": PASSWORD, "device_id": "PHONE"}
    session = (await ask(server, "POST", "/register", said))[1]["session"]
    done = {"auth": {"type": "m.login.dummy", "session": session}}
    status, answer = await ask(server, "POST", "/register", done)
    assert (status, answer["errcode"]) == (400, "M_MISSING_PARAM")
    assert (await ask(server, "GET", "/register/available?username=ulla"))[1] == {"available": True}
    session = (await ask(server, "POST", "/register", said))[1]["session"]
    done = {"auth": {"type": "m.login.dummy", "session": session}}
    status, answer = await ask(server, "POST", "/register", {**said, **done})
    assert (status, answer["user_id"], answer["device_id"]) == (200, "@ulla:localhost", "PHONE")
    again, refused = await ask(server, "POST", "/register", done)  # who knows no more than the session gets no token
    assert (again, refused["errcode"]) == (400, "M_UNKNOWN")


@pytest.mark.parametrize(
    ("name", "errcode"),
    [
        ("Ünal", "M_INVALID_USERNAME"),
        ("a b", "M_INVALID_USERNAME"),
        ("@x:elsewhere.org", "M_INVALID_USERNAME"),
        ("x" * 300, "M_INVALID_USERNAME"),
    ],
)
async def test_names_that_cannot_be(server: Server, name: str, errcode: str) -> None:
    status, answer = await ask(
        server, "POST", "/register", {"username": name, "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
    )
    assert (status, answer["errcode"]) == (400, errcode)


async def test_names_know_no_capitals(server: Server) -> None:
    """Appendices, "User Identifiers": "it should be possible to reach `@user:matrix.org` as `@USER:matrix.org`"."""
    account = {"username": "Anne.Case", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
    status, answer = await ask(server, "POST", "/register", account)
    assert (status, answer["user_id"]) == (200, "@anne.case:localhost")
    assert (await ask(server, "GET", "/register/available?username=ANNE.case"))[1]["errcode"] == "M_USER_IN_USE"
    for typed in ("Anne.Case", "@Anne.CASE:localhost", " anne.case ", "@anne.case:localhost\n"):
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": typed}, "password": PASSWORD}
        status, answer = await ask(server, "POST", "/login", body)
        assert (status, answer["user_id"]) == (200, "@anne.case:localhost")


async def test_options_of_registration(server: Server) -> None:
    quiet = {"username": "quiet", "password": PASSWORD, "inhibit_login": True, "auth": {"type": "m.login.dummy"}}
    assert (await ask(server, "POST", "/register", quiet))[1] == {"user_id": "@quiet:localhost"}
    person = await server.person("named", device="DEV1", initial_device_display_name="Poste fixe")
    assert (await person.call("GET", "/devices/DEV1"))["display_name"] == "Poste fixe"
    status, nameless = await ask(server, "POST", "/register", {"password": PASSWORD, "auth": {"type": "m.login.dummy"}})
    assert status == 200 and nameless["user_id"].endswith(":localhost")


async def test_guests(server: Server, alice: Person) -> None:
    status, guest = await ask(server, "POST", "/register?kind=guest", {})
    assert status == 200
    assert (await ask(server, "GET", "/account/whoami", token=guest["access_token"]))[1]["is_guest"] is True
    token = guest["access_token"]
    assert (await ask(server, "POST", "/createRoom", {}, token))[1]["errcode"] == "M_GUEST_ACCESS_FORBIDDEN"
    closed = await alice.create_room(preset="public_chat")
    access = {"type": "m.room.guest_access", "content": {"guest_access": "can_join"}}
    opened = await alice.create_room(preset="public_chat", initial_state=[access])
    assert (await ask(server, "POST", f"/join/{segment(closed)}", {}, token))[1]["errcode"] == "M_GUEST_ACCESS_FORBIDDEN"
    assert (await ask(server, "POST", f"/join/{segment(opened)}", {}, token))[0] == 200


async def test_registration_is_closed_but_for_the_first_administrator(new_server: NewServer) -> None:
    server = await new_server(registration=Registration())
    first = await server.node.accounts.first_administrator_token()
    body = {"username": "chef", "password": PASSWORD, "auth": {"type": "m.login.registration_token", "token": "wrong"}}
    status, answer = await ask(server, "POST", "/register", body)
    assert status == 401 and answer["errcode"] == "M_UNAUTHORIZED" and answer["completed"] == []
    body["auth"] = {"type": "m.login.registration_token", "token": first}
    status, answer = await ask(server, "POST", "/register", body)
    assert status == 200
    user = await server.node.accounts.store.find_user("@chef:localhost")
    assert user is not None and user.is_admin
    body["username"] = "second"
    assert (await ask(server, "POST", "/register", body))[0] == 403


async def test_registration_tokens_are_used_up(new_server: NewServer) -> None:
    server = await new_server(registration=Registration(by_token=True))
    await server.node.accounts.register("@admin:localhost", PASSWORD, is_admin=True)  # type: ignore[arg-type]
    await server.node.accounts.registration_tokens.add("twice", 2, None)
    valid = "/_matrix/client/v1/register/m.login.registration_token/validity?token=twice"
    for name, expected in (("a", 200), ("b", 200), ("c", 401)):
        assert (await ask(server, "GET", valid))[1]["valid"] is (expected == 200)
        body = {"username": name, "password": PASSWORD, "auth": {"type": "m.login.registration_token", "token": "twice"}}
        assert (await ask(server, "POST", "/register", body))[0] == expected


async def test_registration_by_shared_secret(new_server: NewServer) -> None:
    server = await new_server(registration=Registration(shared_secret="s3cret"))
    path = "/_synapse/admin/v1/register"
    nonce = (await ask(server, "GET", path))[1]["nonce"]

    def mac(secret: str) -> str:
        return hmac.new(
            secret.encode(), b"\0".join([nonce.encode(), b"bot", b"pw-of-the-bot", b"admin"]), hashlib.sha1
        ).hexdigest()

    body = {"nonce": nonce, "username": "bot", "password": "pw-of-the-bot", "admin": True, "mac": mac("s3cret")}
    status, answer = await ask(server, "POST", path, body)
    assert status == 200 and answer["user_id"] == "@bot:localhost"
    assert (await ask(server, "POST", path, body))[0] == 400  # a nonce serves once
    nonce = (await ask(server, "GET", path))[1]["nonce"]
    assert (await ask(server, "POST", path, {**body, "nonce": nonce, "username": "bot2", "mac": mac("guess")}))[0] == 403


async def test_signing_in(server: Server, alice: Person) -> None:
    local = alice.id[1:].split(":")[0]
    for identifier in ({"type": "m.id.user", "user": local}, {"type": "m.id.user", "user": alice.id}):
        body = {"type": "m.login.password", "identifier": identifier, "password": PASSWORD}
        assert (await ask(server, "POST", "/login", body))[1]["user_id"] == alice.id
    assert (await ask(server, "POST", "/login", {"type": "m.login.password", "user": local, "password": PASSWORD}))[0] == 200
    await server.node.accounts.store.add_threepid(alice.id, "email", f"{local}@example.org", 1)
    mail = {"type": "m.id.thirdparty", "medium": "email", "address": f"{local.upper()}@example.org"}
    assert (await ask(server, "POST", "/login", {"type": "m.login.password", "identifier": mail, "password": PASSWORD}))[
        0
    ] == 200
    for user, password in ((local, "wrong password"), ("nobody", PASSWORD)):
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password}
        status, answer = await ask(server, "POST", "/login", body)
        assert (status, answer["errcode"]) == (403, "M_FORBIDDEN")
    assert (await ask(server, "POST", "/login", {"type": "m.login.sso"}))[1]["errcode"] == "M_UNKNOWN"
    assert (await ask(server, "GET", "/login"))[1]["flows"][0]["type"] == "m.login.password"


async def test_refreshing_tokens(server: Server, alice: Person) -> None:
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": alice.id},
        "password": PASSWORD,
        "refresh_token": True,
    }
    first = (await ask(server, "POST", "/login", body))[1]
    assert first["expires_in_ms"] > 0
    lost = (await ask(server, "POST", "/refresh", {"refresh_token": first["refresh_token"]}))[1]
    again = (await ask(server, "POST", "/refresh", {"refresh_token": first["refresh_token"]}))[1]  # the answer was lost
    assert (await ask(server, "GET", "/account/whoami", token=first["access_token"]))[0] == 200
    assert (await ask(server, "GET", "/account/whoami", token=lost["access_token"]))[0] == 401
    assert (await ask(server, "GET", "/account/whoami", token=again["access_token"]))[0] == 200
    assert (await ask(server, "GET", "/account/whoami", token=first["access_token"]))[0] == 401  # its successor was used
    status, answer = await ask(server, "POST", "/refresh", {"refresh_token": first["refresh_token"]})
    assert (status, answer["errcode"]) == (401, "M_UNKNOWN_TOKEN")


async def test_an_expired_token_is_a_soft_logout(new_server: NewServer) -> None:
    server = await new_server()
    alice = await server.person(refresh_token=True)
    server.node.sessions._now_ms = lambda: 2**45
    status, answer = await ask(server, "GET", "/account/whoami", token=alice.token)
    assert (status, answer["errcode"], answer["soft_logout"]) == (401, "M_UNKNOWN_TOKEN", True)


async def test_signing_out(server: Server, alice: Person) -> None:
    phone, tablet = await alice.another_device(), await alice.another_device()
    await phone.call("POST", "/logout", {})
    with pytest.raises(Refused) as refused:
        await phone.call("GET", "/account/whoami")
    assert refused.value.errcode == "M_UNKNOWN_TOKEN"
    assert {d["device_id"] for d in (await alice.call("GET", "/devices"))["devices"]} == {alice.device, tablet.device}
    await alice.call("POST", "/logout/all", {})
    with pytest.raises(Refused):
        await tablet.call("GET", "/account/whoami")


async def test_deleting_a_device_needs_the_password_of_its_owner(server: Server, alice: Person, bob: Person) -> None:
    phone = await alice.another_device()
    with pytest.raises(Refused) as refused:
        await alice.call("DELETE", f"/devices/{phone.device}", {})
    session = refused.value.body["session"]
    wrong = {
        "type": "m.login.password",
        "session": session,
        "identifier": {"type": "m.id.user", "user": bob.id},
        "password": PASSWORD,
    }
    with pytest.raises(Refused) as refused:
        await alice.call("DELETE", f"/devices/{phone.device}", {"auth": wrong})
    assert refused.value.status == 403 and refused.value.errcode == "M_FORBIDDEN"
    right = {**wrong, "identifier": {"type": "m.id.user", "user": alice.id}}
    with pytest.raises(Refused) as refused:  # proven for one device, asked for another
        await alice.call("DELETE", f"/devices/{alice.device}", {"auth": right})
    assert refused.value.status == 400
    await alice.call("DELETE", f"/devices/{phone.device}", {"auth": right})
    with pytest.raises(Refused):
        await phone.call("GET", "/account/whoami")
    with pytest.raises(Refused):
        await alice.call("GET", f"/devices/{phone.device}")


async def test_renaming_a_device(alice: Person) -> None:
    await alice.call("PUT", f"/devices/{alice.device}", {"display_name": "Téléphone"})
    assert (await alice.call("GET", f"/devices/{alice.device}"))["display_name"] == "Téléphone"
    with pytest.raises(Refused) as refused:
        await alice.call("PUT", "/devices/NONE", {"display_name": "x"})
    assert refused.value.status == 404


async def test_changing_the_password(server: Server, alice: Person) -> None:
    phone = await alice.another_device()
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.id}, "password": PASSWORD}
    with pytest.raises(Refused):
        await alice.call("POST", "/account/password", {"new_password": "a new one, longer"})
    await alice.call("POST", "/account/password", {"new_password": "a new one, longer", "auth": auth})
    await alice.call("GET", "/account/whoami")
    with pytest.raises(Refused):
        await phone.call("GET", "/account/whoami")
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.id}, "password": PASSWORD}
    assert (await ask(server, "POST", "/login", body))[0] == 403


async def test_deactivating(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await alice.sync()
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": bob.id}, "password": PASSWORD}
    await bob.call("POST", "/account/deactivate", {"auth": auth, "erase": True})
    with pytest.raises(Refused):
        await bob.call("GET", "/account/whoami")
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": bob.id}, "password": PASSWORD}
    assert (await ask(server, "POST", "/login", body))[1]["errcode"] in ("M_FORBIDDEN", "M_USER_DEACTIVATED")
    assert joined(await alice.sync(), room)["timeline"]["events"][-1]["content"]["membership"] == "leave"
    again = {"username": bob.id[1:].split(":")[0], "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
    assert (await ask(server, "POST", "/register", again))[1]["errcode"] == "M_USER_IN_USE"
    assert (await ask(server, "GET", f"/profile/{segment(bob.id)}"))[0] == 404


async def test_profiles(server: Server, alice: Person, bob: Person) -> None:
    path = f"/profile/{segment(alice.id)}"
    await alice.call("PUT", f"{path}/displayname", {"displayname": "Alice Dupont"})
    await alice.call("PUT", f"{path}/avatar_url", {"avatar_url": "mxc://localhost/x"})
    await alice.call("PUT", f"{path}/m.tz", {"m.tz": "Europe/Paris"})
    expected = {"displayname": "Alice Dupont", "avatar_url": "mxc://localhost/x", "m.tz": "Europe/Paris"}
    assert (await ask(server, "GET", path))[1] == expected
    await alice.call("DELETE", f"{path}/m.tz")
    assert (await ask(server, "GET", f"{path}/m.tz"))[0] == 404
    for attempt in (
        bob.call("PUT", f"{path}/displayname", {"displayname": "Eve"}),
        alice.call("PUT", f"{path}/displayname", {"displayname": 7}),
    ):
        with pytest.raises(Refused):
            await attempt
    await bob.call("PUT", f"/profile/{segment(bob.id)}/displayname", {"displayname": "Bob"})
    await server.node.accounts.change(bob.id, is_admin=True)
    root = await bob.another_device()
    for method in ("PUT", "DELETE"):  # others' profiles have a door of administration
        with pytest.raises(Refused) as no:
            await root.call(method, f"{path}/displayname", {"displayname": "Eve"})
        assert no.value.status == 403
    for who, name in ((alice, "Alice Dupont"), (bob, "Bob")):
        assert (await ask(server, "GET", f"/profile/{segment(who.id)}/displayname"))[1] == {"displayname": name}
    assert (await ask(server, "GET", "/profile/%40nobody%3Alocalhost"))[1]["errcode"] == "M_NOT_FOUND"


async def test_several_domains_live_together(new_server: NewServer) -> None:
    server = await new_server()
    await server.node.domains.add("culture.example")
    body = {"username": "alice", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
    here = (await ask(server, "POST", "/register", body))[1]
    there = (await ask(server, "POST", "/register", body, host="culture.example"))[1]
    assert (here["user_id"], there["user_id"]) == ("@alice:localhost", "@alice:culture.example")
    alice, other = Person(server, here), Person(server, there)
    room = await other.create_room(invite=[alice.id], room_version="11")
    assert room.endswith(":culture.example")
    await alice.join(room)
    await alice.say(room, "bonjour la culture")
    assert "bonjour la culture" in json.dumps(await other.sync())
    well_known = (await ask(server, "GET", "/.well-known/matrix/client", host="culture.example"))[1]
    assert well_known["m.homeserver"]["base_url"].endswith("culture.example")


async def test_limits_answer_with_the_time_to_wait(new_server: NewServer) -> None:
    server = await new_server(rate_limits_enabled=True, limits=Limits(message=Limit(0.5, 2)))
    alice = await server.person()
    room = await alice.create_room()
    await alice.say(room, "1")
    await alice.say(room, "2")
    with pytest.raises(Refused) as refused:
        await alice.say(room, "3")
    assert (refused.value.status, refused.value.errcode) == (429, "M_LIMIT_EXCEEDED")
    assert 0 < refused.value.body["retry_after_ms"] <= 2000
    path = f"{V3}/rooms/{segment(room)}/send/x/y"
    assert int((await server.raw("PUT", path, {}, alice.token))[2]["Retry-After"]) >= 1


async def test_guessing_passwords_is_slowed_down(new_server: NewServer) -> None:
    server = await new_server(rate_limits_enabled=True, limits=Limits(failed_login=Limit(0.01, 3)))
    alice = await server.person()
    wrong = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.id}, "password": "guess"}
    assert [(await ask(server, "POST", "/login", wrong))[0] for _ in range(4)] == [403, 403, 403, 429]


async def test_weak_passwords(new_server: NewServer) -> None:
    server = await new_server(passwords=Passwords(memory_kib=8, passes=1, minimum_length=8))
    body = {"username": "a", "password": "short", "auth": {"type": "m.login.dummy"}}
    assert (await ask(server, "POST", "/register", body))[1]["errcode"] == "M_WEAK_PASSWORD"


async def test_what_the_server_says_of_itself(server: Server, alice: Person) -> None:
    status, versions = await ask(server, "GET", "/_matrix/client/versions")
    assert status == 200 and {"r0.6.1", "v1.1", "v1.11"} <= set(versions["versions"])
    capabilities = (await alice.call("GET", "/capabilities"))["capabilities"]
    assert capabilities["m.room_versions"]["default"] == "12" and len(capabilities["m.room_versions"]["available"]) == 12
    assert (await server.raw("GET", "/health"))[0] == 200
    status, metrics, _ = await server.raw("GET", "/metrics")
    assert status == 200 and b"chappe_http_responses_total" in metrics
    assert (await server.raw("GET", "/"))[0] == 200


async def test_what_a_password_must_hold(new_server: Callable[..., Awaitable[Server]]) -> None:
    """With the codes that Synapse's and Tchap's clients know; without requirements the specification's."""
    settings = Passwords(memory_kib=8, passes=1, minimum_length=12, requires=["digit", "symbol", "lowercase", "uppercase"])
    server = await new_server(passwords=settings)
    policy = {f"m.require_{name}": True for name in ("digit", "symbol", "lowercase", "uppercase")}
    for version in ("v3", "r0"):
        status, raw, _ = await server.raw("GET", f"/_matrix/client/{version}/password_policy")
        assert (status, json.loads(raw)) == (200, {"m.minimum_length": 12, **policy})
    for password, code in (
        ("Short1!", "M_PASSWORD_TOO_SHORT"),
        ("No digit at all!", "M_PASSWORD_NO_DIGIT"),
        ("N0symbolatallhere", "M_PASSWORD_NO_SYMBOL"),
        ("NO LOWER CASE 1", "M_PASSWORD_NO_LOWERCASE"),
        ("no upper case 1", "M_PASSWORD_NO_UPPERCASE"),
    ):
        body = {"username": "zoe", "password": password, "auth": {"type": "m.login.dummy"}}
        status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register", body)
        assert (status, json.loads(raw)["errcode"]) == (400, code)
    body["password"] = "Quite a good 1!"
    assert (await server.raw("POST", "/_matrix/client/v3/register", body))[0] == 200
