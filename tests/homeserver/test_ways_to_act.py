"""Everything by which an account acts × everything that happens to an account, over HTTP, as `ways_to_act` declares it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from chappe.agency.tables import ALL
from chappe.homeserver.accounts.sessions import hash_token
from chappe.homeserver.accounts.ways_to_act import DOES_NOT_ACT, WAYS, Effect, State
from chappe.homeserver.database.embedded import EmbeddedPostgres
from tests.conftest import _database_maker
from tests.neighbours import Mailbox, until
from tests.support import Person, Refused, Server, segment
from tests.support import test_config as config_for_tests
from tests.ways import WAYS_OF_THE_ENGINE, Scene, happens, lifted

# Judged where they wait, or with the traffic of a bridge: tests of their own, below and in test_services.py.
APART = {"long polls", "application services"}


async def refused(awaitable: Awaitable[Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value


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
        assert set(way.on) == set(State)
        assert way.note


@pytest.fixture(scope="module")
async def post(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Server, Mailbox]]:
    mailbox = Mailbox().start()
    url = await _database_maker(postgres)()
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
        if state in (State.LOCKED, State.SUSPENDED, State.EXPIRED):
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
