"""Everything by which an account acts × everything that happens to an account, over HTTP, as `ways_to_act` declares it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chappe.agency.tables import ALL
from chappe.config import Push
from chappe.homeserver.accounts.tokens import hash_token
from chappe.homeserver.accounts.ways_to_act import DOES_NOT_ACT, SIGNS_IN, WAYS, AccountState, Effect
from chappe.homeserver.database.embedded import EmbeddedPostgres
from chappe.matrix.identifiers import UserId
from tests.conftest import new_database_of
from tests.neighbours import Gateway, Mailbox
from tests.support import PASSWORD, Person, Server, refused, segment, until
from tests.support import test_config as config_for_tests
from tests.ways import CHAPPE, WAYS_OF_THE_ENGINE, Scene, happens, lifted, table

# Judged where they wait, or with the traffic of a bridge: tests of their own, below, in test_services.py and
# test_calls_end.py.
APART = {"long polls", "application services", "calls"}


@pytest.fixture
async def admin(server: Server) -> Person:
    person = await server.person()
    await server.node.accounts.change(person.id, is_admin=True)
    return await person.another_device()


# ------------------------------------------------------------------------------------------------------- states × ways


def test_every_way_is_walked_over() -> None:
    """A new way has a cell for each state (or the list does not load), and a test that makes it."""
    assert {way.name for way in WAYS if not way.is_of_layer} == WAYS_OF_THE_ENGINE.keys() | APART
    for way in WAYS:
        assert set(way.on) == set(AccountState)
        assert way.note


def test_what_becomes_a_session_ends_before_the_sessions_are_read() -> None:
    names = [way.name for way in WAYS]
    assert tuple(names[: len(SIGNS_IN) + 1]) == (*SIGNS_IN, "access tokens")


def test_the_documentation_shows_the_list() -> None:
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
    assert table() in text
    for way in WAYS:
        assert f"- **{way.name}**: {way.note}." in text


@pytest.fixture(scope="module")
async def post(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Server, Mailbox]]:
    mailbox = Mailbox().start()
    url = postgres.url_of(await new_database_of(postgres))
    running = await Server(config_for_tests(email=mailbox.settings()), tmp_path_factory.mktemp("ways"), url).start()
    yield running, mailbox
    await running.stop()
    mailbox.stop()


@pytest.mark.parametrize("name", WAYS_OF_THE_ENGINE)
async def test_what_each_state_does(post: tuple[Server, Mailbox], name: str) -> None:
    server, mailbox = post
    way = next(way for way in WAYS if way.name == name)
    root = await server.person()
    await server.node.accounts.change(root.id, is_admin=True)
    for state, effect in way.on.items():
        root = await root.another_device()
        scene = Scene(server, root, mailbox, await server.person())
        serves = await WAYS_OF_THE_ENGINE[name](scene)
        await happens(scene, state)
        expected = effect in (Effect.STAYS, Effect.READS)
        assert await serves() is expected, f"{name}, {state.value}: {effect.value}"
        if state in (AccountState.LOCKED, AccountState.SUSPENDED, AccountState.EXPIRED):
            await lifted(scene, state)
            if effect is not Effect.STAYS and name not in ("OAuth codes and device codes", "login tokens"):
                assert await serves() is not (effect is Effect.ENDS), f"{name}, after it was {state.value}"


async def test_every_table_that_names_somebody_acts_or_says_why_not(postgres: EmbeddedPostgres) -> None:
    listed = {column for way in WAYS for column in way.columns}
    named = {f"{table.name}.{column}" for table in ALL for column in table.person}
    assert listed - {"users.password_hash", "users.appservice"} <= named
    missing = {column for column in named - listed if column not in DOES_NOT_ACT}
    assert not missing, f"by these one acts, or does not, because …: {sorted(missing)}"
    assert not DOES_NOT_ACT.keys() - (named - listed), "what acts, or is gone, leaves the list"
    assert all(DOES_NOT_ACT.values())


# -------------------------------------------------------------------------------------------------- a lock, a suspension


async def test_a_waiting_sync_is_judged_again(server: Server, admin: Person) -> None:
    """Nothing that comes after a lock or a sign-out is answered, and whoever waits hears of it at once."""

    async def lock(who: Person, locked: bool = True) -> None:
        await admin.call("PUT", f"/_matrix/client/v1/admin/lock/{segment(who.id)}", {"locked": locked})

    async def sign_out(who: Person) -> None:
        await admin.call("DELETE", f"/_synapse/admin/v2/users/{segment(who.id)}/devices/{who.device}")

    bob = await server.person()
    sliding = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
    for act, errcode, soft in ((lock, "M_USER_LOCKED", True), (sign_out, "M_UNKNOWN_TOKEN", False)):
        person = await server.person()
        room = await bob.create_room(preset="public_chat")
        await person.join(room)
        await person.sync()
        body = {"lists": {"all": {"ranges": [[0, 9]], "timeline_limit": 5, "required_state": []}}}
        pos = (await person.call("POST", sliding, body))["pos"]
        waiting = [
            asyncio.create_task(refused(person.call("GET", "/sync", since=person.since, timeout=30_000))),
            asyncio.create_task(refused(person.call("POST", sliding, body, pos=pos, timeout=30_000))),
        ]
        await until(lambda: len(server.node.notifier.waiters._waiting.get(person.id, ())) == 2)  # noqa: B023
        await act(person)
        await bob.say(room, "after")
        for no in await asyncio.wait_for(asyncio.gather(*waiting), 20):
            assert (no.status, no.errcode, no.body.get("soft_logout")) == (401, errcode, soft)
        if act is lock:
            assert (await refused(person.call("GET", "/sync"))).errcode == "M_USER_LOCKED"
            await lock(person, False)
            assert "after" in str(await person.sync())  # the session has outlived the lock


async def test_being_judged_again_costs_no_statement(server: Server) -> None:
    alice, bob = await server.person(), await server.person()
    room = await bob.create_room(preset="public_chat")
    await alice.join(room)
    await alice.sync()
    cache, token = server.node.sessions._cache, hash_token(alice.token)
    known = cache[token]
    waiting = asyncio.create_task(alice.call("GET", "/sync", since=alice.since, timeout=30_000))
    await until(lambda: len(server.node.notifier.waiters._waiting.get(alice.id, ())) == 1)
    await bob.say(room, "news")
    assert "news" in str(await waiting)
    assert cache[token] is known  # as it was when the request came: nothing is read anew
    assert server.node.sessions.is_current(known[0])


async def test_what_a_suspended_account_may_still_do(server: Server, admin: Person, bob: Person) -> None:
    """Client-server API, "Account suspension": it reads, leaves, verifies its own devices, reports; nobody sees it act."""
    alice = await server.person()
    other = await alice.another_device()
    room, left = await bob.create_room(preset="public_chat"), await bob.create_room(preset="public_chat")
    for one in (room, left):
        await alice.join(one)
    own, theirs = await alice.say(room, "mine"), await bob.say(room, "his")
    await admin.call("PUT", f"/_matrix/client/v1/admin/suspend/{segment(alice.id)}", {"suspended": True})
    at, me = f"/rooms/{segment(room)}", segment(alice.id)
    text = {"msgtype": "m.text", "body": "x"}
    refused_ones = [
        ("PUT", f"{at}/send/m.room.message/s1", text),
        ("PUT", f"{at}/state/m.room.name", {"name": "x"}),
        ("PUT", f"{at}/delayed_event/m.room.message/s2", {"delay_ms": 1, "content": text}),
        ("PUT", f"{at}/delayed_event/m.room.name/s3", {"delay_ms": 1, "content": {"name": "x"}, "state_key": ""}),
        ("PUT", f"{at}/send/m.room.message/s4?org.matrix.msc4140.delay=1000", text),
        ("PUT", f"{at}/redact/{segment(theirs)}/s5", {}),
        ("PUT", f"{at}/typing/{me}", {"typing": True}),
        ("POST", f"{at}/invite", {"user_id": bob.id}),
        ("POST", f"/join/{segment(left)}", {}),
        ("POST", "/createRoom", {}),
        ("PUT", f"/presence/{me}/status", {"presence": "online", "status_msg": "x"}),
        ("PUT", f"/profile/{me}/displayname", {"displayname": "x"}),
        ("POST", f"/user/{me}/openid/request_token", {}),
        ("POST", "/_matrix/media/v1/create", {}),
        ("PUT", "/sendToDevice/m.x/s6", {"messages": {bob.id: {"*": {}}}}),
        ("POST", f"{CHAPPE}/bots", {"name": "x", "purpose": "x"}),
        ("POST", f"{CHAPPE}/rooms/{segment(room)}/webhooks", {"direction": "incoming", "name": "x", "purpose": "x"}),
    ]
    for method, path, body in refused_ones:
        no = await refused(alice.call(method, path, body))
        assert (no.status, no.errcode) == (403, "M_USER_SUSPENDED"), path
    allowed = [
        ("GET", "/sync", None),
        ("GET", f"{at}/messages?dir=b", None),
        ("POST", f"{at}/receipt/m.read/{segment(theirs)}", {}),
        ("PUT", "/sendToDevice/m.key.verification.request/a1", {"messages": {alice.id: {other.device: {}}}}),
        ("PUT", f"{at}/redact/{segment(own)}/a2", {}),
        ("POST", f"/rooms/{segment(left)}/leave", {}),
        ("POST", f"{at}/report/{segment(theirs)}", {"reason": "x"}),
        ("POST", "/keys/query", {"device_keys": {alice.id: []}}),
        ("POST", "/logout", {}),
    ]
    for method, path, body in allowed:
        await alice.call(method, path, body)


async def test_a_delayed_event_of_somebody_locked_is_refused_when_it_is_due(server: Server, admin: Person) -> None:
    alice, bob = await server.person(), await server.person()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    for who in (alice, bob):
        body = {"delay_ms": 600, "content": {"msgtype": "m.text", "body": f"of {who.id}"}}
        await who.call("PUT", f"/rooms/{segment(room)}/delayed_event/m.room.message/1", body)
    await admin.call("PUT", f"/_matrix/client/v1/admin/lock/{segment(alice.id)}", {"locked": True})

    async def sent() -> bool:
        return f"of {bob.id}" in str(await bob.messages(room))

    await until(sent)

    async def decided() -> Any:
        return await server.node.database.fetchrow(
            "SELECT * FROM delayed_events WHERE user_id = $1 AND finalised_ts IS NOT NULL", alice.id
        )

    row = await until(decided)
    assert row["outcome"] == "cancel" and b"M_USER_LOCKED" in row["error"]
    assert f"of {alice.id}" not in str(await bob.messages(room))


async def test_whoever_signs_out_everywhere_is_in_no_call_and_says_nothing_more(server: Server, bob: Person) -> None:
    """A call is left at once; whatever else was to be said or set is not; the session that goes on keeps its own."""
    alice = await server.person()
    kept = await alice.another_device()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    call = "org.matrix.msc3401.call.member"
    in_it = {"application": "m.call", "call_id": "", "foci_active": [], "device_id": alice.device}
    state_key = f"_{alice.id}_{alice.device}"
    await alice.set_state(room, call, in_it, state_key)
    later = f"/rooms/{segment(room)}/delayed_event"
    wanted: list[tuple[Person, str, dict[str, Any]]] = [
        (alice, f"{call}/leave", {"state_key": state_key, "content": {}}),
        (alice, f"{call}/again", {"state_key": f"_{alice.id}_GHOST", "content": in_it}),
        (alice, "m.room.message/one", {"content": {"msgtype": "m.text", "body": "later"}}),
        (alice, "m.room.name/two", {"state_key": "", "content": {"name": "later"}}),
        (kept, "m.room.message/three", {"content": {"msgtype": "m.text", "body": "of the one that goes on"}}),
    ]
    ids = [
        (await who.call("PUT", f"{later}/{path}", {"delay_ms": 3_600_000, **body}))["delay_id"] for who, path, body in wanted
    ]
    await bob.sync()
    new = {"new_password": "another horse", "auth": None, "logout_devices": True}
    session = (await refused(kept.call("POST", "/account/password", {**new, "auth": {}}))).body["session"]
    proof = {"type": "m.login.password", "user": alice.id, "password": PASSWORD, "session": session}
    await kept.call("POST", "/account/password", {**new, "auth": proof})

    async def left() -> bool:
        return await bob.state(room, call, state_key) == {}

    async def has_only_its_own() -> bool:
        waiting = await kept.call("GET", "/_matrix/client/v1/delayed_events")
        return [one["delay_id"] for one in waiting["delayed_events"]] == [ids[4]]

    await until(left)
    await until(has_only_its_own)  # what was sent leaves the list after it can be seen
    for delay in ids[:4]:  # nobody who knows the id brings it back
        path = f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delay}/restart"
        assert (await server.raw("POST", path))[0] == 404
    heard = str(await bob.sync())
    assert "later" not in heard and "GHOST" not in heard


# ------------------------------------------------------------------------------------------------------------- sessions


async def _session(server: Server, person: Person) -> dict[str, Any]:
    who = {"type": "m.id.user", "user": person.id}
    body = {"type": "m.login.password", "identifier": who, "password": PASSWORD, "refresh_token": True}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
    assert status == 200
    return dict(json.loads(raw))


async def _refresh(server: Server, refresh_token: str) -> tuple[int, dict[str, Any]]:
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/refresh", {"refresh_token": refresh_token})
    return status, json.loads(raw)


async def test_a_refresh_token_that_is_used_twice_ends_the_session_for_both(server: Server, alice: Person) -> None:
    first = await _session(server, alice)
    _, stolen = await _refresh(server, first["refresh_token"])
    thief = Person(server, {**first, "access_token": stolen["access_token"]})
    await thief.call("GET", "/account/whoami")
    status, answer = await _refresh(server, first["refresh_token"])  # its owner, later
    assert (status, answer["errcode"], answer["soft_logout"]) == (401, "M_UNKNOWN_TOKEN", True)
    assert (await refused(thief.call("GET", "/account/whoami"))).errcode == "M_UNKNOWN_TOKEN"
    assert (await _refresh(server, stolen["refresh_token"]))[0] == 401
    assert first["device_id"] in str(await alice.call("GET", "/devices"))  # the device, and its keys, are still there
    await alice.call("GET", "/account/whoami")  # and so are the others


async def test_an_answer_that_was_lost_is_asked_for_again(server: Server, alice: Person) -> None:
    """The old refresh token is good until one of the new tokens is used."""
    first = await _session(server, alice)
    lost = (await _refresh(server, first["refresh_token"]))[1]
    status, second = await _refresh(server, first["refresh_token"])
    assert status == 200
    at_once = await asyncio.gather(*(_refresh(server, second["refresh_token"]) for _ in range(4)))
    assert {status for status, _ in at_once} == {200}
    living = [one for _, one in at_once if (await server.raw("GET", _WHO, None, one["access_token"]))[0] == 200]
    assert len(living) == 1  # one pair, whoever was last
    assert (await _refresh(server, living[0]["refresh_token"]))[0] == 200
    assert (await server.raw("GET", _WHO, None, lost["access_token"]))[0] == 401


_WHO = "/_matrix/client/v3/account/whoami"


async def test_what_is_heard_while_a_token_is_read_is_not_overwritten(server: Server) -> None:
    """A sign-out that is heard between the reading of a token and its keeping."""
    alice, sessions = await server.person(), server.node.sessions
    store, token = server.node.accounts.store.sessions, hash_token(alice.token)
    sessions._drop_user(alice.id)
    read = asyncio.Event()
    found = store.find_access_token

    async def slowly(token_hash: bytes) -> Any:
        row = await found(token_hash)
        if token_hash == token and not read.is_set():
            read.set()
            await alice_goes
        return row

    store.find_access_token = slowly  # type: ignore[method-assign]
    try:
        alice_goes = asyncio.create_task(sessions.remove_devices(alice.id, [alice.device]))
        assert (await refused(alice.call("GET", "/account/whoami"))).errcode == "M_UNKNOWN_TOKEN"
        assert token not in sessions._cache
    finally:
        del store.find_access_token


# ----------------------------------------------------------------------------------------- pushes, application services


async def test_nothing_is_pushed_to_somebody_who_is_locked(new_server: Any, gateway: Gateway) -> None:
    server = await new_server(push=Push(allowed_private_hosts=["127.0.0.1"]))
    alice, bob, carol = [await server.person() for _ in range(3)]
    room = await bob.create_room(preset="public_chat")
    for who in (alice, carol):
        await who.join(room)
        data = {
            "kind": "http",
            "app_id": "a",
            "pushkey": who.id,
            "app_display_name": "A",
            "device_display_name": "P",
            "lang": "fr",
            "data": {"url": gateway.url},
        }
        await who.call("POST", "/pushers/set", data)
    await server.node.accounts.set_state(alice.id, locked=True)
    for n in range(3):
        await bob.say(room, f"after the lock {n}")
    await until(lambda: "after the lock 2" in str(gateway.got))
    waiting = "SELECT count(*) FROM push_queue"

    async def empty() -> bool:
        return not await server.node.database.fetchval(waiting)

    await until(empty)
    assert carol.id in str(gateway.got) and alice.id not in str(gateway.got)


async def test_an_application_service_acts_as_its_users_may(new_server: Any, tmp_path: Path) -> None:
    registration = tmp_path / "sms.yaml"
    registration.write_text(
        json.dumps(
            {
                "id": "sms",
                "url": None,
                "as_token": "as",
                "hs_token": "hs",
                "sender_localpart": "smsbot",
                "namespaces": {"users": [{"regex": "@sms_.*", "exclusive": True}]},
            }
        )
    )
    server = await new_server(application_services=[str(registration)])
    body = {"type": "m.login.application_service", "username": "sms_1"}
    assert (await server.raw("POST", "/_matrix/client/v3/register", body, "as"))[0] == 200
    who = "@sms_1:localhost"

    async def whoami(user_id: str, path: str = _WHO, method: str = "GET") -> tuple[int, Any]:
        status, raw, _ = await server.raw(method, f"{path}?user_id={segment(user_id)}", None if method == "GET" else {}, "as")
        return status, json.loads(raw).get("errcode")

    assert await whoami(who) == (200, None)
    room = "/_matrix/client/v3/createRoom"
    for change, refusal in (
        ({"locked": True}, (401, "M_USER_LOCKED")),
        ({"locked": False, "suspended": True}, (403, "M_USER_SUSPENDED")),
        ({"suspended": False, "expires_ts": 1}, (403, "ORG_MATRIX_EXPIRED_ACCOUNT")),
    ):
        await server.node.accounts.set_state(who, **change)
        assert await whoami(who, room, "POST") == refusal
    await server.node.accounts.set_state(who, expires_ts=0)
    assert await whoami(who) == (200, None)
    await server.node.deactivate_account(UserId(who), False)
    assert await whoami(who) == (403, "M_USER_DEACTIVATED")
    for path in (_WHO, "/_matrix/client/v3/rooms/x/register"):
        assert (await whoami("@sms_2:elsewhere.example", path))[0] in (403, 404)
    alice = await server.person()
    bot = {"name": "x", "purpose": "x", "localpart": "sms_06-bot"}
    assert (await refused(alice.prove(f"{CHAPPE}/bots", bot))).errcode == "M_EXCLUSIVE"
