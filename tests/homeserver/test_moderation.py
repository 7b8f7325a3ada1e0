"""Locked, suspended, expired and deactivated accounts (client-server API, "Account moderation")."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.browser import Browser
from tests.support import PASSWORD, Person, Server, refused, segment

NewServer = Callable[..., Awaitable[Server]]


@pytest.fixture
async def admin(server: Server) -> Person:
    person = await server.person()
    await server.node.accounts.change(person.id, is_admin=True)
    return person


async def test_a_locked_account_can_only_sign_out(server: Server, admin: Person, alice: Person) -> None:
    path = f"/_matrix/client/v1/admin/lock/{segment(alice.id)}"
    other = await alice.another_device()
    assert await admin.call("GET", path) == {"locked": False}
    assert await admin.call("PUT", path, {"locked": True}) == {"locked": True}
    assert await admin.call("GET", path) == {"locked": True}
    error = await refused(alice.call("GET", "/sync"))
    assert (error.status, error.errcode, error.body["soft_logout"]) == (401, "M_USER_LOCKED", True)
    await other.call("POST", "/logout")
    login = {"type": "m.login.password", "user": alice.id, "password": PASSWORD}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", login)
    assert status == 401 and b"M_USER_LOCKED" in raw
    assert "locked" in (await Browser(server).sign_in(alice.id, PASSWORD)).page
    await admin.call("PUT", path, {"locked": False})
    await alice.call("GET", "/sync")  # nothing was lost
    for body in ({}, {"locked": "yes"}):
        assert (await refused(admin.call("PUT", path, body))).status == 400
    assert (await refused(alice.call("PUT", path, {"locked": True}))).errcode == "M_FORBIDDEN"
    assert (
        await refused(admin.call("PUT", f"/_matrix/client/v1/admin/lock/{admin.id}", {"locked": True}))
    ).errcode == "M_FORBIDDEN"
    assert (await refused(admin.call("GET", "/_matrix/client/v1/admin/lock/@nobody:localhost"))).errcode == "M_NOT_FOUND"


async def test_who_may_lock_and_suspend_knows_it(admin: Person, alice: Person) -> None:
    """Client-server API, "Server Administration", `m.account_moderation`: left out where both would be false."""
    told = [(await who.call("GET", "/capabilities"))["capabilities"] for who in (admin, alice)]
    assert told[0]["m.account_moderation"] == {"suspend": True, "lock": True} and "m.account_moderation" not in told[1]


async def test_a_suspended_account_reads_but_does_not_act(server: Server, admin: Person, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    own, other = await alice.say(room, "mine"), await bob.say(room, "his")
    elsewhere = await bob.create_room(preset="public_chat")
    await bob.invite(await bob.create_room(), alice)
    path = f"/_matrix/client/v1/admin/suspend/{segment(alice.id)}"
    await admin.call("PUT", path, {"suspended": True})
    assert (await admin.call("GET", path)) == {"suspended": True}
    for work in (
        alice.say(room, "x"),
        alice.join(elsewhere),
        alice.invite(room, bob),
        alice.create_room(),
        alice.redact(room, other),
        alice.call("PUT", f"/profile/{alice.id}/displayname", {"displayname": "x"}),
        alice.set_state(room, "m.room.topic", {"topic": "x"}),
        alice.call("POST", f"/knock/{segment(elsewhere)}", {}),
        alice.act("kick", room, bob),
        alice.call("PUT", f"/rooms/{segment(room)}/send/m.room.redaction/t9", {"redacts": other}),
        alice.call("POST", "/_matrix/media/v3/upload", {"x": 1}),
        alice.set_state(room, "m.room.member", {"membership": "join"}, alice.id),
    ):
        error = await refused(work)
        assert (error.status, error.errcode) == (403, "M_USER_SUSPENDED")
    await alice.sync()
    await alice.messages(room)
    await alice.receipt(room, other)
    await alice.another_device()
    await alice.redact(room, own)
    await alice.leave(room)
    await admin.call("PUT", path, {"suspended": False})
    await alice.join(room)


async def test_an_expired_account(server: Server, alice: Person) -> None:
    await server.node.accounts.set_state(alice.id, expires_ts=1)
    assert (await refused(alice.call("GET", "/sync"))).errcode == "ORG_MATRIX_EXPIRED_ACCOUNT"
    await server.node.accounts.set_state(alice.id, expires_ts=0)
    await alice.call("GET", "/sync")
    await alice.call("POST", "/logout")
