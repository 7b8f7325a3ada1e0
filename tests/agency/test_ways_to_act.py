"""The ways to act that the public-sector layer gives × what happens to an account; posts that are held, bots, the read guard."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.organisations import Organisation
from chappe.config import Agency, ReadGuard, Registration
from chappe.homeserver.accounts.ways_to_act import WAYS, AccountState, Effect
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS, account, agency
from tests.support import Person, Refused, Server, refused, segment, until

PATH, BOTS = "/_chappe/client/v1/function_accounts", "/_chappe/client/v1/bots"
DUTY = UserId("@permanence:localhost")
Probe = Callable[[], Awaitable[bool]]


def node_of(server: Server) -> AgencyServer:
    assert isinstance(server.node, AgencyServer)
    return server.node


@pytest_asyncio.fixture
async def duty(ministry: Server) -> Server:
    await node_of(ministry).functions.add("culture", "permanence", "Permanence")
    return ministry


async def agent(server: Server, name: str) -> Person:
    """Of Culture, who may hold the post."""
    person = await account(server, name)
    await server.node.bind_threepid(UserId(person.id), "email", f"{name}@culture.example", 1)
    functions = node_of(server).functions
    holders = (await functions.all("culture"))[0]["holders"]
    await functions.set_holders(DUTY, [*holders, person.id])
    return person


async def take(person: Person) -> Person:
    token = (await person.prove(f"{PATH}/{segment(DUTY)}/take", {}))["login_token"]
    body = {"type": "m.login.token", "token": token}
    status, raw, _ = await person.server.raw("POST", "/_matrix/client/v3/login", body)
    assert status == 200, raw
    return Person(person.server, json.loads(raw))


async def happens(server: Server, person: Person, state: AccountState) -> None:
    node, user_id = node_of(server), UserId(person.id)
    if state is AccountState.LOCKED:
        await node.accounts.set_state(user_id, locked=True)
    elif state is AccountState.SUSPENDED:
        await node.accounts.set_state(user_id, suspended=True)
    elif state is AccountState.EXPIRED:
        await node.accounts.set_state(user_id, expires_ts=1)
    elif state in (AccountState.ENDED, AccountState.ERASED):
        await node.deactivate_account(user_id, state is AccountState.ERASED)
    elif state is AccountState.MOVED:
        await node.people.assign(user_id, "other", "test")
    elif state is AccountState.DUTY_RIGHT_WITHDRAWN:
        holders = (await node.functions.all("culture"))[0]["holders"]
        await node.functions.set_holders(DUTY, [one for one in holders if one != user_id])
    elif state is AccountState.SIGNED_OUT_EVERYWHERE:
        await person.call("POST", "/logout/all", {})
    elif state is AccountState.DEVICE_SIGNED_OUT:
        await person.call("POST", "/logout", {})
    else:
        await node.account_states.enter(user_id, state)


# ------------------------------------------------------------------------------------------------------------- the ways


async def _row(server: Server, statement: str, *values: Any) -> bool:
    return bool(await server.node.database.fetchval(f"SELECT EXISTS ({statement})", *values))


async def turn(server: Server, person: Person) -> Probe:
    held = await take(person)

    async def serves() -> bool:
        try:
            await held.call("GET", "/account/whoami")
        except Refused:
            assert not await _row(server, "SELECT 1 FROM function_accounts WHERE holder = $1", person.id)
            assert not await _row(server, "SELECT 1 FROM function_turns WHERE holder = $1 AND ended_ts IS NULL", person.id)
            return False
        return True

    return serves


def standing_row(statement: str, doing: Doing = Doing.ACT) -> Callable[[Server, Person], Awaitable[Probe]]:
    """Something that is kept in a table, and judged by how the account stands when it is used."""

    async def make(server: Server, person: Person) -> Probe:
        async def serves() -> bool:
            if await server.node.standings.refusal(person.id, doing) is not None:
                return False
            return await _row(server, statement, person.id)

        return serves

    return make


async def rights(server: Server, person: Person) -> Probe:
    await server.node.database.execute("INSERT INTO administrators VALUES ($1, 'culture', 'test', 1)", person.id)
    return await standing_row("SELECT 1 FROM administrators WHERE user_id = $1")(server, person)


async def package(server: Server, person: Person) -> Probe:
    # another process makes packages: whatever this test takes, its own waits
    await server.node.database.execute(
        """INSERT INTO leases (name, holder, held_until) VALUES ('job exports', 'another process', now() + interval '1 day')
           ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until"""
    )
    name = await node_of(server).exports.ask("culture", "person", "@x:localhost", person.id)

    async def serves() -> bool:
        return await _row(server, "SELECT 1 FROM exports WHERE id = $1 AND state = 'waiting'", name)

    return serves


async def sponsorship(server: Server, person: Person) -> Probe:
    guest = f"@guest-of-{person.id[1:].split(':')[0]}:{GUESTS}"
    await server.node.database.execute(
        "INSERT INTO guests (user_id, sponsor, purpose, created_ts) VALUES ($1, $2, 'x', 1)", guest, person.id
    )
    return await standing_row("SELECT 1 FROM guests WHERE sponsor = $1")(server, person)


async def renewal(server: Server, person: Person) -> Probe:
    await server.node.database.execute("INSERT INTO account_validity (user_id, token) VALUES ($1, 't')", person.id)

    async def serves() -> bool:
        return await _row(server, "SELECT 1 FROM account_validity WHERE user_id = $1", person.id)

    return serves


async def former(server: Server, person: Person) -> Probe:
    async def serves() -> bool:
        user = await server.node.accounts.store.find_user(person.id)
        assert user is not None
        return not user.deactivated or await _row(server, "SELECT 1 FROM former_accounts WHERE user_id = $1", person.id)

    return serves


async def announcement(server: Server, person: Person) -> Probe:
    await server.node.database.execute(
        """INSERT INTO announcements (organisation, sender, body, created_ts, recipients) VALUES ('culture', $1, 'x', 1, 0)""",
        person.id,
    )

    async def serves() -> bool:
        return await _row(server, "SELECT 1 FROM announcements WHERE sender = $1", person.id)

    return serves


WAYS_OF_THE_LAYER: dict[str, Callable[[Server, Person], Awaitable[Probe]]] = {
    "duty accounts held": turn,
    "duty accounts that may be held": standing_row("SELECT 1 FROM function_holders WHERE holder = $1"),
    "belonging to an organisation": standing_row("SELECT 1 FROM organisation_people WHERE user_id = $1"),
    "administration of organisations": rights,
    "packages asked for": package,
    "sponsorship of guests": sponsorship,
    "renewal by mail": renewal,
    "coming back": former,
    "announcements under way": announcement,
}


def test_every_way_of_the_layer_is_walked_over() -> None:
    assert {way.name for way in WAYS if way.is_of_layer} == WAYS_OF_THE_LAYER.keys()


@pytest.mark.parametrize("name", WAYS_OF_THE_LAYER)
async def test_what_each_state_does(duty: Server, name: str) -> None:
    await agency(duty).organisations.add(Organisation("other", "Autre", "localhost", False, ["other.example"]))
    way = next(way for way in WAYS if way.name == name)
    for number, (state, effect) in enumerate(way.on.items()):
        person = await agent(duty, f"agent{number}")
        serves = await WAYS_OF_THE_LAYER[name](duty, person)
        assert await serves()
        await happens(duty, person, state)
        assert await serves() is (effect in (Effect.STAYS, Effect.READS)), f"{name}, {state.value}: {effect.value}"
        if state in (AccountState.LOCKED, AccountState.SUSPENDED, AccountState.EXPIRED):
            await duty.node.accounts.set_state(person.id, locked=False, suspended=False, expires_ts=0)
            assert await serves() is not (effect is Effect.ENDS), f"{name}, after it was {state.value}"


# ---------------------------------------------------------------------------------------------------------------- posts


async def test_an_account_that_expires_by_itself_gives_its_post_back(duty: Server) -> None:
    alice = await agent(duty, "alice")
    held = await take(alice)
    now = duty.node.now_ms()
    await duty.node.accounts.set_state(alice.id, expires_ts=now + 150)
    await until(lambda: _has_expired(held))  # at once, by how its holder stands
    await duty.node.account_states.enter_expired()
    assert (await node_of(duty).functions.turns(DUTY, 1))[0]["ended_ts"] is not None
    assert (await refused(held.call("GET", "/account/whoami"))).errcode == "M_UNKNOWN_TOKEN"
    await duty.node.account_states.enter_expired()  # twice does no harm


async def _has_expired(held: Person) -> bool:
    try:
        await held.call("GET", "/account/whoami")
    except Refused as no:
        return no.errcode in ("ORG_MATRIX_EXPIRED_ACCOUNT", "M_UNKNOWN_TOKEN")
    return False


async def test_nobody_gives_a_post_or_a_bot_a_password(duty: Server) -> None:
    alice = await agent(duty, "alice")
    bot = await alice.prove(BOTS, {"name": "Météo", "purpose": "x"})
    root = await account(duty, "root")
    await duty.node.accounts.change(root.id, is_admin=True)
    for user_id in (DUTY, bot["user_id"]):
        with pytest.raises(MatrixError):
            await duty.node.accounts.change(user_id, password="a long password")
        await duty.node.database.execute(  # one that was there before
            "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE user_id = $1) WHERE user_id = $2",
            root.id,
            user_id,
        )
        body = {"type": "m.login.password", "user": user_id, "password": "correct horse"}
        assert (await duty.raw("POST", "/_matrix/client/v3/login", body))[0] == 403


# ----------------------------------------------------------------------------------------------------------------- bots


async def test_bots_are_named_as_bots(ministry: Server, gaston: Person) -> None:
    alice = await account(ministry, "alice")
    for bad, errcode in (
        ({"name": "Jean Préfet [Culture]"}, "M_INVALID_PARAM"),
        ({"name": "x]"}, "M_INVALID_PARAM"),
        ({"name": "Jean", "localpart": "jean.prefet-culture.example"}, "M_INVALID_USERNAME"),
    ):
        assert (await refused(alice.prove(BOTS, {"purpose": "x", **bad}))).errcode == errcode
    bot = Person(ministry, await alice.prove(BOTS, {"name": "Jean Préfet", "purpose": "x", "localpart": "jean-bot"}))
    await node_of(ministry).bind_threepid(UserId(alice.id), "email", "alice@culture.example", 1)
    (found,) = (await alice.call("POST", "/user_directory/search", {"search_term": "préfet"}))["results"]
    assert found["display_name"] == "Jean Préfet (bot)" and found["user_id"] == bot.id
    for field, value in (("displayname", "Jean Préfet [Culture]"), ("org.chappe.bot", {})):
        path = f"/profile/{segment(bot.id)}/{field}"
        assert (await refused(bot.call("PUT", path, {field: value}))).errcode == "M_FORBIDDEN"
    assert (
        await refused(alice.call("PUT", f"/profile/{segment(alice.id)}/org.chappe.bot", {"org.chappe.bot": 1}))
    ).status == 403
    assert (await refused(bot.prove(BOTS, {"name": "Enfant", "purpose": "x"}))).errcode == "M_FORBIDDEN"
    assert (await refused(gaston.prove(BOTS, {"name": "Invité", "purpose": "x"}))).errcode == "M_FORBIDDEN"
    for number in range(9):
        await alice.prove(BOTS, {"name": f"Bot {number}", "purpose": "x"})
    no = await refused(alice.prove(BOTS, {"name": "Un de trop", "purpose": "x"}))
    assert no.errcode == "M_FORBIDDEN" and "10" in no.body["error"]


async def test_a_bot_reads_at_the_cost_of_its_owner(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server(
        agency=Agency(enabled=True, guest_domains=[GUESTS]),
        registration=Registration(open=True),
        read_guard=ReadGuard(enabled=True, events_per_hour=100),
    )
    guard = node_of(server).guard
    assert guard is not None
    alice = await account(server, "alice")
    bots = [Person(server, await alice.prove(BOTS, {"name": f"Bot {n}", "purpose": "x"})) for n in range(3)]
    for bot in bots:
        await guard.count(bot.id, "events", 30)
    with pytest.raises(MatrixError) as caught:
        await guard.count(alice.id, "events", 70)
    assert caught.value.errcode == "M_UNKNOWN_TOKEN"  # challenged: 160 together
