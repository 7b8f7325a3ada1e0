"""What deployed clients, bots and tools rely on, beside what the specification asks for. Each case names who relies on it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from chappe.config import Limit, Limits, Registration, UrlPreviews
from tests.clients.watched import Watched
from tests.neighbours import Mailbox
from tests.process import free_port
from tests.provider import Provider
from tests.support import PASSWORD, Person, Refused, Server, segment, until

NewServer = Callable[..., Awaitable[Server]]


# --------------------------------------------------------------------------------------------- before somebody signs in

FLAGS = {  # of `unstable_features`: which client asks for it, and for what
    "org.matrix.e2e_cross_signing": "Element Web and Tchap until 2024 (MatrixChat, CrossSigningPanel): keys are set up at the sign-in",
    "org.matrix.msc3827.stable": "Element Web (usePublicRoomDirectory, SpaceCreateMenu): the directory can be searched for spaces",
    "org.matrix.msc2432": "Element Web and Android until 2022: aliases that a room's administrators have not listed are not shown",
    "fi.mau.msc2659.stable": "mautrix bridges: the way from the server to the bridge is tried at the start",
    "org.matrix.msc3773": "Element Web: unread counts of threads",
    "org.matrix.msc4155": "Element: whose invitations are let through",
}


async def test_flags_that_clients_of_two_years_still_read(server: Server) -> None:
    _, raw, _ = await server.raw("GET", "/_matrix/client/versions")
    features = json.loads(raw)["unstable_features"]
    assert not [f"{flag}: {why}" for flag, why in FLAGS.items() if features.get(flag) is not True]


@pytest.mark.parametrize("has_provider", [False, True])
async def test_no_client_hides_the_password_form_where_nothing_else_signs_in(new_server: NewServer, has_provider: bool) -> None:
    """A client that knows `oauth_aware_preferred` "MUST only offer this flow" (definitions/sso_login_flow.yaml); Tchap, which
    knows it by its old name, then offers none at all."""
    providers = [Provider().settings()] if has_provider else []
    server = await new_server(identity_providers=providers)
    _, raw, _ = await server.raw("GET", "/_matrix/client/v3/login")
    flows = {flow["type"]: flow for flow in json.loads(raw)["flows"]}
    assert {"m.login.password", "m.login.sso", "m.login.token"} <= flows.keys()
    sso = flows["m.login.sso"]
    assert len(sso["identity_providers"]) == len(providers)
    for name in ("oauth_aware_preferred", "org.matrix.msc3824.delegated_oidc_compatibility"):
        assert sso.get(name, False) is has_provider


async def test_a_client_that_waits_for_the_mail_to_be_read_is_told_nothing_is_wrong(
    new_server: NewServer, mailbox: Mailbox
) -> None:
    """Element and Tchap ask every two seconds until the link is opened. They show any errcode but M_UNAUTHORIZED as a failure
    (InteractiveAuthEntryComponents); and each of these requests would count as a registration, and as a wrong guess, of the whole network."""
    server = await new_server(
        email=mailbox.settings(),
        registration=Registration(email_required=True),
        rate_limits_enabled=True,
        limits=Limits(register=Limit(0.001, 5), failed_login_network=Limit(0.001, 3)),
    )
    asked = {"client_secret": "s", "email": "zoe@example.org", "send_attempt": 1}
    _, raw, _ = await server.raw("POST", "/_matrix/client/v3/register/email/requestToken", asked)
    proof = {"sid": json.loads(raw)["sid"], "client_secret": "s"}
    auth: dict[str, Any] = {"type": "m.login.email.identity", "threepid_creds": proof}
    body = {"username": "zoe", "password": PASSWORD, "auth": auth}
    for _ in range(8):
        status, raw, _ = await server.raw("POST", "/_matrix/client/v3/register", body)
        answer = json.loads(raw)
        assert (status, answer["errcode"]) == (401, "M_UNAUTHORIZED"), answer
        auth["session"] = answer["session"]
    auth["threepid_creds"] = {**proof, "sid": "made-up"}
    statuses = [(await server.raw("POST", "/_matrix/client/v3/register", body))[0] for _ in range(8)]
    assert statuses.count(401) == 3 and statuses.count(429) == 5, "what is not right is a guess"


async def test_browsers_find_a_picture_beside_every_page(server: Server) -> None:
    status, raw, headers = await server.raw("GET", "/favicon.ico")
    assert status == 200 and headers["Content-Type"] == "image/svg+xml" and raw.startswith(b"<svg") and b"#0d6478" in raw


# ------------------------------------------------------------------------------------------------------ signed in


async def test_what_is_not_known_of_a_device_is_null(server: Server, alice: Person) -> None:
    """matrix-nio refuses the whole list where a key is missing; Synapse always sends the four."""
    bare = {"device_id": alice.device, "display_name": None, "last_seen_ip": None, "last_seen_ts": None}
    (listed,) = (await alice.call("GET", "/devices"))["devices"]
    alone = await alice.call("GET", f"/devices/{alice.device}")
    assert listed.keys() == alone.keys() == bare.keys() and listed["display_name"] is None


async def test_files_are_shown_without_an_antivirus(server: Server, alice: Person) -> None:
    """Tchap asks the scanner's routes about every file, and shows none where they are missing."""
    base = "/_matrix/media_proxy/unstable"
    status, raw, _ = await server.raw("GET", f"{base}/public_key")
    assert status == 200 and json.loads(raw)["public_key"]
    _, raw, _ = await server.raw("POST", "/_matrix/media/v3/upload", b"a file", alice.token)
    name = json.loads(raw)["content_uri"].removeprefix("mxc://")
    verdict = await alice.call("GET", f"{base}/scan/{name}")
    assert verdict == {"clean": True, "info": "Not scanned: this server has no antivirus"}
    status, raw, _ = await server.raw("GET", f"{base}/download/{name}", None, alice.token)
    assert (status, raw) == (200, b"a file")
    key = {"alg": "A256CTR", "ext": True, "k": "A" * 43, "key_ops": ["encrypt", "decrypt"], "kty": "oct"}
    file = {"v": "v2", "url": f"mxc://{name}", "key": key, "iv": "A" * 22, "hashes": {"sha256": "A" * 43}}
    assert (await alice.call("POST", f"{base}/scan_encrypted", {"file": file}))["clean"] is True
    assert (await server.raw("GET", f"{base}/scan/{name}"))[0] == 401, "to nobody else than the file itself is"


async def test_who_is_in_a_room_that_the_world_may_read_is_told_to_those_who_look_at_it(alice: Person, bob: Person) -> None:
    """matrix-rust-sdk shows a room before it is entered (`RoomPreview`), and asks this where it has no summary."""
    visibility = {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}
    shown, other = await alice.create_room(initial_state=[visibility]), await alice.create_room()
    assert (await bob.call("GET", f"/rooms/{segment(shown)}/joined_members"))["joined"].keys() == {alice.id}
    with pytest.raises(Refused) as refused:
        await bob.call("GET", f"/rooms/{segment(other)}/joined_members")
    assert refused.value.status == 403


async def test_an_administrator_sees_the_aliases_of_every_room(server: Server, alice: Person, bob: Person) -> None:
    """synadm reads them (`user membership`)."""
    room = await alice.create_room(room_alias_name="secrets-of-alice")
    await server.node.accounts.change(bob.id, is_admin=True)
    administrator = await bob.another_device()
    path = f"/rooms/{segment(room)}/aliases"
    assert (await administrator.call("GET", path))["aliases"] == ["#secrets-of-alice:localhost"]
    with pytest.raises(Refused):
        await (await server.person()).call("GET", path)


# ------------------------------------------------------------------------------------------------------ from the server


async def test_others_are_told_what_asks_them(new_server: NewServer, tmp_path: Any) -> None:
    """Firewalls and the logs of bridges tell link previews from what the server itself asks."""
    port, agents = free_port(), dict[str, set[str]]()

    async def note(request: web.Request) -> web.Response:
        agents.setdefault(request.path.split("/")[1], set()).add(request.headers["User-Agent"])
        return (
            web.Response(text="<title>a page</title>", content_type="text/html")
            if request.path == "/page"
            else web.json_response({})
        )

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", note)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    registration = tmp_path / "service.yaml"
    registration.write_text(
        f"id: one\nurl: http://127.0.0.1:{port}\nas_token: aaaaaaaaaaaaaaaa\nhs_token: hhhhhhhhhhhhhhhh\nsender_localpart: one\n"
        "namespaces: {users: [{regex: '@one_.*', exclusive: true}], aliases: [], rooms: []}\n"
    )
    try:
        server = await new_server(
            application_services=[str(registration)], url_previews=UrlPreviews(allowed_private_hosts=["127.0.0.1"])
        )
        alice = await server.person()
        await alice.call("GET", "/_matrix/client/v1/media/preview_url", url=f"http://127.0.0.1:{port}/page")
        await alice.create_room(invite=["@one_ghost:localhost"])
        await until(lambda: "_matrix" in agents)
        assert agents == {"page": {"Chappe (link preview)"}, "_matrix": {"Chappe"}}
    finally:
        await runner.cleanup()


# ------------------------------------------------------------------------------------------------------ how it is watched


async def test_the_proxy_passes_everything_on_and_notes_what_was_refused(server: Server, alice: Person) -> None:
    watched = await Watched(server, "test").start()
    try:
        room = await alice.create_room(name="été")
        status, raw, _ = await watched.raw(
            "GET", f"/_matrix/client/v3/rooms/{segment(room)}/state/m.room.name", None, alice.token
        )
        assert status == 200 and json.loads(raw) == {"name": "été"} and not watched.refused
        await watched.raw("GET", f"/_matrix/client/v3/rooms/{segment(room)}/state/x.none", None, alice.token)
        await watched.raw("GET", "/nothing/here?x=1")
        assert {str(refusal) for refusal in watched.refused} == {
            "GET /_matrix/client/v3/rooms/{roomId}/state/{eventType} 404 M_NOT_FOUND",
            "GET /nothing/here 404 M_UNRECOGNIZED",
        }
        _, raw, _ = await watched.raw("GET", "/.well-known/openid-configuration")
        assert json.loads(raw)["issuer"] == f"{watched.base}/", "clients stay with the proxy"
    finally:
        await watched.stop()
