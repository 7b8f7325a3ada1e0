"""A duty officer's account: several may hold it, one at a time, and it is known who did when."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.function_accounts import FunctionAccounts
from chappe.agency.organisations import Organisation
from chappe.homeserver.accounts.session_store import SessionStore
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.database.pool import Database
from chappe.homeserver.outbound.mail.texts import TEXTS
from chappe.matrix.errors import BadRequest, MatrixError, NotFound
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import agency
from tests.neighbours import Mailbox
from tests.support import PASSWORD, Person, Refused, Server, refused, segment, until

PATH = "/_chappe/client/v1/function_accounts"
DUTY = UserId("@permanence:localhost")
Happens = Callable[[Server, Person], Awaitable[None]]
TAKE = f"{PATH}/{segment(DUTY)}/take"


@pytest_asyncio.fixture
async def functions(ministry: Server, alice: Person, bob: Person) -> FunctionAccounts:
    assert isinstance(ministry.node, AgencyServer)
    for who in (alice, bob):
        await ministry.node.bind_threepid(UserId(who.id), "email", f"{who.id[1:4]}@culture.example", 1)
    functions = ministry.node.functions
    assert await functions.add("culture", "permanence", " Permanence  [du cabinet]") == DUTY
    await functions.set_holders(DUTY, [alice.id, bob.id])
    return functions


def agency_of(server: Server) -> AgencyServer:
    assert isinstance(server.node, AgencyServer)
    return server.node


async def take(person: Person) -> Person:
    return await use(person.server, await token_of(person))


async def token_of(person: Person) -> str:
    return str((await person.prove(TAKE, {}))["login_token"])


async def use(server: Server, token: str) -> Person:
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", {"type": "m.login.token", "token": token})
    if status != 200:
        raise Refused(status, json.loads(raw))
    return Person(server, json.loads(raw))


async def mine(person: Person) -> list[Any]:
    return list((await person.call("GET", PATH))["accounts"])


async def test_held_in_turn(ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person) -> None:
    (one,) = await mine(alice)
    assert one == {"user_id": DUTY, "display_name": "Permanence du cabinet [Culture]", "holder": None, "since_ts": None}
    first = await take(alice)
    room = await first.create_room(name="Crise")
    assert first.id == DUTY and (await mine(bob))[0]["holder"] == alice.id
    second = await take(bob)
    with pytest.raises(Refused) as out:
        await first.call("GET", "/account/whoami")
    assert out.value.status == 401
    await second.say(room, "The room is still there")
    assert [(t["holder"], t["ended_ts"] is None) for t in await functions.turns(DUTY, 10)] == [
        (bob.id, True),
        (alice.id, False),
    ]
    assert (await refused(alice.call("POST", f"{PATH}/{segment(DUTY)}/hand_back", {}))).status == 403
    await bob.call("POST", f"{PATH}/{segment(DUTY)}/hand_back", {})
    assert (await mine(bob))[0]["holder"] is None
    assert all(t["ended_ts"] for t in await functions.turns(DUTY, 10))
    with pytest.raises(Refused):
        await second.call("GET", "/account/whoami")


async def test_who_signs_out_hands_it_back(functions: FunctionAccounts, alice: Person) -> None:
    held = await take(alice)
    await held.call("POST", "/logout", {})
    await until(lambda: _nobody(alice))
    assert (await functions.turns(DUTY, 1))[0]["ended_ts"] is not None


async def _nobody(person: Person) -> bool:
    return (await mine(person))[0]["holder"] is None


def told(mailbox: Mailbox, kind: str) -> list[str]:
    """To whom a letter of some kind went."""
    subjects = tuple(subject for subject, _, _ in TEXTS[kind].values())
    return [str(mail["To"]) for mail in mailbox.mails if mail["Subject"].startswith(subjects)]


async def test_a_token_alone_takes_nothing(
    ministry: Server, mailbox: Mailbox, functions: FunctionAccounts, alice: Person, bob: Person
) -> None:
    held = await take(bob)
    await until(lambda: _told(mailbox, "post_taken", ["bob@culture.example"]))
    wrong = {"type": "m.login.password", "user": alice.id, "password": "wrong"}
    no = await refused(alice.call("POST", TAKE, {}))
    assert no.status == 401 and no.body["flows"] == [{"stages": ["m.login.password"]}]
    for auth in (wrong, wrong | {"session": no.body["session"]}, {"session": no.body["session"]}):
        assert (await refused(alice.call("POST", TAKE, {"auth": auth}))).status == 401
    other = await functions.add("culture", "secours", "Secours")
    await functions.set_holders(other, [alice.id])
    right = wrong | {"password": PASSWORD, "session": no.body["session"]}
    no = await refused(alice.call("POST", f"{PATH}/{segment(other)}/take", {"auth": right}))
    assert no.status == 400, "what was begun for one account is no proof for another"
    assert (await held.call("GET", "/account/whoami"))["user_id"] == DUTY
    assert told(mailbox, "post_lost") == []
    await take(alice)
    await until(lambda: _told(mailbox, "post_taken", ["ali@culture.example", "bob@culture.example"]))
    await until(lambda: _told(mailbox, "post_lost", ["bob@culture.example"]))
    await take(alice)  # on another device, say: nobody has lost it
    await until(lambda: _told(mailbox, "post_taken", ["ali@culture.example"] * 2 + ["bob@culture.example"]))
    assert told(mailbox, "post_lost") == ["bob@culture.example"]


async def _told(mailbox: Mailbox, kind: str, whom: list[str]) -> bool:
    return sorted(told(mailbox, kind)) == whom


async def signs_out(server: Server, holder: Person) -> None:
    await holder.call("POST", "/logout", {})


async def is_signed_out(server: Server, holder: Person) -> None:
    other = await holder.another_device()
    await other.prove("/delete_devices", {"devices": [holder.device]})


async def signs_in_anew(server: Server, holder: Person) -> None:
    await holder.another_device(holder.device)


async def is_signed_out_by_the_provider(server: Server, holder: Person) -> None:
    await server.node.sessions.end_of_browser(b"browser")


async def token_in_two_hands(server: Server, holder: Person) -> None:
    first = holder.session["refresh_token"]
    for _ in range(2):
        status, raw, _ = await server.raw("POST", "/_matrix/client/v3/refresh", {"refresh_token": first})
        if status == 200:
            holder.token = json.loads(raw)["access_token"]
            await holder.call("GET", "/account/whoami")


async def another_device_signs_out(server: Server, holder: Person) -> None:
    await (await holder.another_device()).call("POST", "/logout", {})


async def renames_its_device(server: Server, holder: Person) -> None:
    await holder.call("PUT", f"/devices/{holder.device}", {"display_name": "Poste 3"})


ENDS = [signs_out, is_signed_out, signs_in_anew, is_signed_out_by_the_provider, token_in_two_hands]


@pytest.mark.parametrize("happens", [*ENDS, another_device_signs_out, renames_its_device])
@pytest.mark.parametrize("is_used", [True, False])
async def test_it_is_held_by_a_session(
    ministry: Server, functions: FunctionAccounts, alice: Person, happens: Happens, is_used: bool
) -> None:
    """Ended with the session that took it, wherever that ends; whether the token for it has been used yet or not."""
    body = {"type": "m.login.password", "user": alice.id, "password": PASSWORD, "refresh_token": True}
    _, raw, _ = await ministry.raw("POST", "/_matrix/client/v3/login", body)
    holder = Person(ministry, json.loads(raw))
    await ministry.node.database.execute("UPDATE devices SET browser = 'browser' WHERE device_id = $1", holder.device)
    token = await token_of(holder)
    held = await use(ministry, token) if is_used else None
    await happens(ministry, holder)
    ends = happens in ENDS
    try:
        held = held or await use(ministry, token)
        await held.call("GET", "/account/whoami")
    except Refused as no:
        assert ends and no.status in (401, 403)
    else:
        assert not ends
    if is_used:
        assert ((await mine(alice))[0]["holder"] is None) is ends
        assert ((await functions.turns(DUTY, 1))[0]["ended_ts"] is not None) is ends


DEHYDRATED = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"


async def hands_it_back(server: Server, holder: Person) -> None:
    await holder.call("POST", f"{PATH}/{segment(DUTY)}/hand_back", {})


async def signs_out_there(server: Server, holder: Person) -> None:
    await server.node.sessions.remove_all_devices(DUTY, but="KEPT")


async def signs_out_everywhere(server: Server, holder: Person) -> None:
    await server.node.account_states.enter(holder.id, AccountState.SIGNED_OUT_EVERYWHERE)


async def has_no_right_any_more(server: Server, holder: Person) -> None:
    await agency_of(server).functions.set_holders(DUTY, [])


async def is_locked_out(server: Server, holder: Person) -> None:
    await server.node.accounts.set_state(holder.id, locked=True)


TURN_ENDS = [*ENDS, hands_it_back, signs_out_there, signs_out_everywhere, has_no_right_any_more, is_locked_out]


@pytest.mark.parametrize("happens", TURN_ENDS)
async def test_a_dehydrated_device_holds_nothing(
    ministry: Server, functions: FunctionAccounts, alice: Person, happens: Happens
) -> None:
    """It has no session, and goes with the turn: no keys come to it for whoever held the post before."""
    body = {"type": "m.login.password", "user": alice.id, "password": PASSWORD, "refresh_token": True}
    _, raw, _ = await ministry.raw("POST", "/_matrix/client/v3/login", body)
    holder = Person(ministry, json.loads(raw))
    await ministry.node.database.execute("UPDATE devices SET browser = 'browser' WHERE device_id = $1", holder.device)
    held = await take(holder)
    keys = {"user_id": DUTY, "device_id": "KEPT", "algorithms": [], "keys": {"ed25519:KEPT": "k"}, "signatures": {}}
    data = {"device_id": "KEPT", "device_data": {"algorithm": "m.dehydration.v2"}, "device_keys": keys}
    await held.call("PUT", DEHYDRATED, data)
    await happens(ministry, holder)
    assert await held_by(ministry) is None
    assert (await functions.turns(DUTY, 1))[0]["ended_ts"] is not None
    assert await ministry.node.accounts.store.sessions.devices(DUTY) == []


async def held_by(server: Server) -> str | None:
    sql = "SELECT holder FROM function_accounts WHERE user_id = $1"
    holder: str | None = await server.node.database.fetchval(sql, DUTY)
    return holder


async def test_what_is_held_by_no_session_is_handed_back(ministry: Server, functions: FunctionAccounts, alice: Person) -> None:
    database = ministry.node.database
    await token_of(alice)
    await functions.end_unused_turns()
    assert await held_by(ministry) == alice.id, "the token may be used yet"
    await database.execute("UPDATE function_accounts SET since_ts = since_ts - 3600000")
    await functions.end_unused_turns()
    assert await held_by(ministry) == alice.id
    await database.execute("DELETE FROM login_tokens")  # as they are when their time is over
    await functions.end_unused_turns()
    assert await held_by(ministry) is None and (await functions.turns(DUTY, 1))[0]["ended_ts"] is not None
    held = await take(alice)
    await database.execute("UPDATE function_accounts SET since_ts = since_ts - 3600000")
    await functions.end_unused_turns()
    assert await held_by(ministry) == alice.id and (await held.call("GET", "/account/whoami"))["user_id"] == DUTY
    # as for a token used twice
    await database.execute("UPDATE access_tokens SET expires_ts = 1 WHERE user_id = $1", DUTY)
    await functions.end_unused_turns()
    assert await held_by(ministry) is None and await ministry.node.accounts.store.sessions.devices(DUTY) == []


async def test_its_keys_are_its_holders(ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person) -> None:
    """Whoever held it before keeps a copy of what vouched for it: so who takes it may replace that, and later nobody."""
    path = "/keys/device_signing/upload"
    held = await take(alice)
    await held.call("POST", path, keys_of(DUTY))
    await grown_old(ministry, held)
    assert (await refused(held.call("POST", path, keys_of(DUTY, "b")))).status == 401, "a session of this morning"
    held = await take(bob)
    await held.call("POST", path, keys_of(DUTY, "b"))
    shown = (await bob.call("POST", "/keys/query", {"device_keys": {DUTY: []}}))["master_keys"][DUTY]
    assert shown["keys"] == keys_of(DUTY, "b")["master_key"]["keys"]
    await grown_old(ministry, held)
    assert (await refused(held.call("POST", path, keys_of(DUTY, "c")))).status == 401
    await bob.call("POST", path, keys_of(bob.id))
    no = await refused(bob.call("POST", path, keys_of(bob.id, "b")))
    assert no.status == 401, "people prove it themselves"


def keys_of(user_id: str, letter: str = "a") -> dict[str, Any]:
    key = base64.b64encode(letter.encode() * 32).decode().rstrip("=")
    return {"master_key": {"user_id": user_id, "usage": ["master"], "keys": {f"ed25519:{key}": key}}}


async def grown_old(server: Server, person: Person) -> None:
    sql = "UPDATE devices SET created = now() - interval '1 hour' WHERE device_id = $1"
    await server.node.database.execute(sql, person.device)


async def test_strangers_do_not_see_it(functions: FunctionAccounts, ministry: Server, gaston: Person) -> None:
    assert await mine(gaston) == []
    for path in ("take", "hand_back"):
        no = await refused(gaston.call("POST", f"{PATH}/{segment(DUTY)}/{path}", {}))
        assert (no.status, no.errcode) == (404, "M_NOT_FOUND")


async def test_nobody_signs_in_to_it_with_a_password(functions: FunctionAccounts, ministry: Server) -> None:
    body = {"type": "m.login.password", "user": DUTY, "password": ""}
    assert (await ministry.raw("POST", "/_matrix/client/v3/login", body))[0] == 403


async def test_two_at_the_same_moment(functions: FunctionAccounts, alice: Person, bob: Person) -> None:
    answers = await asyncio.gather(*(who.prove(TAKE, {}) for who in (alice, bob, alice, bob)), return_exceptions=True)
    assert any(isinstance(answer, dict) for answer in answers)
    assert all(isinstance(a, dict) or (isinstance(a, Refused) and a.status == 403) for a in answers)
    holder = (await mine(alice))[0]["holder"]
    open_turns = [t for t in await functions.turns(DUTY, 10) if t["ended_ts"] is None]
    assert [t["holder"] for t in open_turns] == [holder]


async def test_more_at_once_than_the_database_has_connections(
    ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person
) -> None:
    """Whoever waits for a post to change hands holds no connection that those need who are at it."""
    await take(alice)
    back = f"{PATH}/{segment(DUTY)}/hand_back"
    answers = await asyncio.gather(*(alice.call("POST", back, {}) for _ in range(24)), return_exceptions=True)
    assert all(answer == {} or (isinstance(answer, Refused) and answer.status == 403) for answer in answers)
    assert {} in answers and await _nobody(bob)
    answers = await asyncio.gather(*((alice, bob)[n % 2].prove(TAKE, {}) for n in range(16)), return_exceptions=True)
    assert [answer for answer in answers if not isinstance(answer, dict)] == []
    assert await ministry.node.database.fetchval("SELECT 1") == 1


Withdraws = Callable[[Server, FunctionAccounts, Person], Awaitable[None]]


async def no_right(server: Server, functions: FunctionAccounts, alice: Person) -> None:
    await functions.set_holders(DUTY, [])


async def moves(server: Server, functions: FunctionAccounts, alice: Person) -> None:
    assert isinstance(server.node, AgencyServer)
    await agency(server).organisations.add(Organisation("travail", "Travail", "localhost", False, ["travail.example"]))
    await server.node.people.assign(UserId(alice.id), "travail", "@admin:localhost")


async def leaves(server: Server, functions: FunctionAccounts, alice: Person) -> None:
    await server.node.deactivate_account(UserId(alice.id), False)


async def is_locked(server: Server, functions: FunctionAccounts, alice: Person) -> None:
    await server.node.accounts.set_state(UserId(alice.id), locked=True)


async def is_suspended(server: Server, functions: FunctionAccounts, alice: Person) -> None:
    await server.node.accounts.set_state(UserId(alice.id), suspended=True)


async def session_ends(server: Server, functions: FunctionAccounts, alice: Person) -> None:
    await server.node.sessions.remove_devices(UserId(alice.id), [alice.device])


async def must_sign_in_again(server: Server, functions: FunctionAccounts, alice: Person) -> None:
    """The device stays."""
    await server.node.account_states.enter(alice.id, AccountState.CHALLENGED)


async def post_is_locked(server: Server, functions: FunctionAccounts, alice: Person) -> None:
    await server.node.accounts.set_state(DUTY, locked=True)


async def post_ends(server: Server, functions: FunctionAccounts, alice: Person) -> None:
    await server.node.deactivate_account(DUTY, False)


WITHDRAWN = [no_right, moves, leaves, is_locked, is_suspended, session_ends, must_sign_in_again, post_is_locked, post_ends]


@pytest.mark.parametrize("happens", WITHDRAWN)
async def test_withdrawn_while_it_is_being_taken(
    ministry: Server, functions: FunctionAccounts, alice: Person, happens: Withdraws
) -> None:
    """Everything has been asked and proven, and the taker is at the post's row when the right goes, or the session, or the account."""
    database = ministry.node.database
    async with nobody_gets_by(database):
        taking = asyncio.create_task(alice.prove(TAKE, {}))
        await until(lambda: _waiting(database, 1))
        withdrawing = asyncio.ensure_future(happens(ministry, functions, alice))

        async def is_withdrawn_or_waits() -> bool:
            return withdrawing.done() or await _waiting(database, 2)

        await until(is_withdrawn_or_waits)
    await withdrawing
    with contextlib.suppress(Refused):
        await use(ministry, (await taking)["login_token"])
    assert await functions.all("culture") == [] or (await functions.all("culture"))[0]["holder"] is None
    assert [turn for turn in await functions.turns(DUTY, 10) if turn["ended_ts"] is None] == []
    assert await database.fetchval("SELECT owner FROM users WHERE user_id = $1", DUTY) is None
    assert await database.fetchval("SELECT count(*) FROM access_tokens WHERE user_id = $1", DUTY) == 0


async def test_what_is_not_given_after_all_is_held_by_nobody(
    ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person
) -> None:
    """Bob was signed out of it when Alice turned out to have no right any more."""
    await take(bob)
    database = ministry.node.database
    async with nobody_gets_by(database):
        taking = asyncio.create_task(alice.prove(TAKE, {}))
        await until(lambda: _waiting(database, 1))
        await database.execute("DELETE FROM function_holders WHERE holder = $1", alice.id)
    assert (await refused(taking)).status == 404
    assert await held_by(ministry) is None and await ministry.node.accounts.store.sessions.devices(DUTY) == []
    assert [turn["ended_ts"] is not None for turn in await functions.turns(DUTY, 10)] == [True]
    assert await database.fetchval("SELECT owner FROM users WHERE user_id = $1", DUTY) is None


async def test_another_process_hands_it_over_at_the_same_time(
    ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person
) -> None:
    """Whichever process is asked: while it changes hands in one, no other ends the turn that comes of it."""
    await take(alice)
    database = ministry.node.database
    elsewhere = await asyncpg.connect(database.url)
    async with elsewhere.transaction():
        await elsewhere.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"duty account {DUTY}")
        back = asyncio.create_task(alice.call("POST", f"{PATH}/{segment(DUTY)}/hand_back", {}))
        await until(lambda: _waiting(database, 1))
        await elsewhere.execute("UPDATE function_accounts SET holder = $1, since_ts = 1", bob.id)
    await elsewhere.close()
    assert (await refused(back)).status == 403
    assert await held_by(ministry) == bob.id and await ministry.node.accounts.store.sessions.devices(DUTY) != []


@contextlib.asynccontextmanager
async def nobody_gets_by(database: Database) -> AsyncIterator[None]:
    """Whoever comes to the post's row waits there."""
    connection = await asyncpg.connect(database.url)
    async with connection.transaction():
        await connection.execute("SELECT 1 FROM function_accounts WHERE user_id = $1 FOR UPDATE", DUTY)
        yield
    await connection.close()


async def _waiting(database: Database, wanted: int) -> bool:
    """Whether so many connections wait for a lock."""
    sql = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    return int(await database.fetchval(sql)) >= wanted


async def test_nobody_ends_the_turn_of_another(
    ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person
) -> None:
    """Alice hands back, and everything that she must not do has been asked, when Bob takes it."""
    await take(alice)
    database = ministry.node.database
    async with nobody_gets_by(database):
        taking = asyncio.create_task(bob.prove(TAKE, {}))
        await until(lambda: _waiting(database, 1))
        back = asyncio.create_task(alice.call("POST", f"{PATH}/{segment(DUTY)}/hand_back", {}))
        for _ in range(20):  # she comes as far as she can
            await database.fetchval("SELECT 1")
    held = await use(ministry, (await taking)["login_token"])
    with contextlib.suppress(Refused):
        await back
    assert (await mine(bob))[0]["holder"] == bob.id
    assert (await held.call("GET", "/account/whoami"))["user_id"] == DUTY


@pytest.mark.parametrize("ends", ["handed back", "taken", "signed out everywhere", "locked"])
async def test_who_signs_in_while_the_turn_ends_is_not_signed_in(
    ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """Alice shows her login token, and before the session is written her turn is over."""
    given, begin = await token_of(alice), SessionStore.begin_session
    is_there, may_go_on = asyncio.Event(), asyncio.Event()

    async def stops(*arguments: Any) -> bool:
        is_there.set()
        await may_go_on.wait()
        return await begin(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(SessionStore, "begin_session", stops)
        signing_in = asyncio.create_task(use(ministry, given))
        await asyncio.wait_for(is_there.wait(), 20)
    if ends == "handed back":
        await alice.call("POST", f"{PATH}/{segment(DUTY)}/hand_back", {})
    elif ends == "taken":
        await bob.prove(TAKE, {})
    elif ends == "signed out everywhere":
        await alice.call("POST", "/logout/all", {})
    else:
        await ministry.node.accounts.set_state(UserId(alice.id), locked=True)
    may_go_on.set()
    assert (await refused(signing_in)).status == 403
    assert await ministry.node.accounts.store.sessions.devices(DUTY) == []


@pytest.mark.parametrize("holder", ["nobody", "alice"])
async def test_who_is_signed_in_to_what_is_not_theirs_is_signed_out(
    ministry: Server, functions: FunctionAccounts, alice: Person, holder: str
) -> None:
    """However it came to that: a post that nobody holds has no session, and neither has a turn that was not ended to its end."""
    held, database = await take(alice), ministry.node.database
    await functions.end_unused_turns()
    await held.call("GET", "/account/whoami")
    await database.execute("UPDATE users SET owner = NULL WHERE user_id = $1", DUTY)
    if holder == "nobody":
        await database.execute("UPDATE function_accounts SET holder = NULL, since_ts = NULL WHERE user_id = $1", DUTY)
    await functions.end_unused_turns()
    assert (await refused(held.call("GET", "/account/whoami"))).status == 401
    assert await held_by(ministry) is None


async def test_two_lists_of_holders_are_never_mixed(
    ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person
) -> None:
    await functions.set_holders(DUTY, [])
    await asyncio.gather(functions.set_holders(DUTY, [alice.id]), functions.set_holders(DUTY, [bob.id]))
    assert len((await functions.all("culture"))[0]["holders"]) == 1


async def test_who_is_no_holder_any_more_is_signed_out(functions: FunctionAccounts, alice: Person, bob: Person) -> None:
    held = await take(alice)
    await functions.set_holders(DUTY, [bob.id])
    with pytest.raises(Refused):
        await held.call("GET", "/account/whoami")
    assert await mine(alice) == [] and len(await mine(bob)) == 1


async def test_a_holder_who_leaves(ministry: Server, functions: FunctionAccounts, alice: Person, bob: Person) -> None:
    held = await take(alice)
    await ministry.node.deactivate_account(UserId(alice.id), False)
    with pytest.raises(Refused):
        await held.call("GET", "/account/whoami")
    assert (await functions.all("culture"))[0]["holders"] == [bob.id]


async def test_what_is_no_function_account(functions: FunctionAccounts, alice: Person, gaston: Person) -> None:
    for bad in ([gaston.id], ["@nobody:localhost"], [DUTY], [f"@a{n}:localhost" for n in range(101)], ["alice"]):
        with pytest.raises(BadRequest):
            await functions.set_holders(DUTY, bad)
    with pytest.raises(NotFound):
        await functions.set_holders(UserId(alice.id), [])
    for organisation, name, called in (
        ("nowhere", "x", "X"),
        ("culture", "permanence", "X"),
        ("culture", "bad name", "X"),
        ("culture", "x", " [] "),
        ("culture", "x", "X" * 101),
        ("elsewhere", "x", "X"),
    ):
        with pytest.raises(MatrixError):
            await functions.add(organisation, name, called)
