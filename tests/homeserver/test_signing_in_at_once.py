"""Every way to sign in × every state that ends it, at once: what becomes a session is ended before the sessions are, or with them.

And what a session asks for while it ends: what would outlive it is not made.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from chappe.homeserver.accounts.browser_sessions import BrowserSessions, hash_cookie
from chappe.homeserver.accounts.login_tokens import LoginTokens
from chappe.homeserver.accounts.oauth.grants import Authorization, parse_scope
from chappe.homeserver.accounts.session_store import SessionStore
from chappe.homeserver.accounts.ways_to_act import WAYS, AccountState, Effect
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.bots.webhooks import Webhooks
from chappe.homeserver.modules.identity_service.identity_service import IdentityServer
from chappe.homeserver.modules.openid.openid import OpenId
from chappe.homeserver.modules.push.pushers import Pushers
from chappe.matrix.errors import MatrixError
from tests.browser import Browser
from tests.homeserver.test_oauth import BACK, CHALLENGE, STABLE, exchange
from tests.neighbours import Mailbox
from tests.support import Refused, Server, segment, until
from tests.ways import (
    CHAPPE,
    IDENTITY,
    PUSHER,
    Probe,
    Scene,
    _client,
    _form,
    happens,
    login_tokens,
    oauth_codes,
    password,
    refresh_tokens,
)

ON = {way.name: way.on for way in WAYS}
IN_OAUTH = "OAuth codes and device codes"


async def code(s: Scene) -> Probe:
    client = await s.server.node.grants.clients.require(await _client(s))
    cookie = await s.server.node.browser_sessions.begin(s.person.id, "password", "127.0.0.1", None)
    wanted = Authorization(client, BACK, parse_scope(STABLE), None, CHALLENGE, "query")
    given = await s.server.node.grants.authorized(wanted, s.person.id, hash_cookie(cookie))

    async def probe() -> bool:
        return await _form(s, "/oauth2/token", **exchange(client.client_id, given)) == 200

    return probe


async def page(s: Scene) -> Probe:
    """The password again, on the sign-in page."""

    async def probe() -> bool:
        browser = await Browser(s.server).sign_in(s.person.id, s.password)
        assert browser.status == (200 if browser.heading == "My account" else 403), browser.page
        return browser.status == 200

    return probe


def _ending(way: str) -> set[AccountState]:
    return {state for state, effect in ON[way].items() if effect is Effect.ENDS}


Make = Callable[[Scene], Awaitable[Probe]]
BY_PASSWORD = {AccountState.ENDED, AccountState.ERASED, AccountState.PASSWORD_CHANGED}
STORE = (SessionStore, "begin_session")
# how one signs in; in which states that ends; who writes the session, and by which method
SIGN_INS: dict[str, tuple[Make, set[AccountState], tuple[type, str]]] = {
    "login token": (login_tokens, _ending("login tokens"), STORE),
    "code": (code, _ending(IN_OAUTH), STORE),
    "device code": (oauth_codes, _ending(IN_OAUTH), STORE),
    "password": (password, BY_PASSWORD, STORE),
    "password on the page": (page, BY_PASSWORD, (BrowserSessions, "begin")),
    "refresh token": (refresh_tokens, _ending("refresh tokens"), (SessionStore, "rotate")),
}


@pytest.fixture
async def scene_of(server: Server, mailbox: Mailbox) -> Callable[[], Awaitable[Scene]]:
    async def made() -> Scene:
        root = await server.person()
        await server.node.accounts.change(root.id, is_admin=True)
        return Scene(server, await root.another_device(), mailbox, await server.person())

    return made


NewScene = Callable[[], Awaitable[Scene]]


async def begun(
    patch: pytest.MonkeyPatch, where: tuple[type, str], doing: Awaitable[Any]
) -> tuple[asyncio.Future[Any], asyncio.Event]:
    """What is done, up to a method of somebody; it goes on when the event is set. Others pass by."""
    owner, name = where
    method, is_there, may_go_on = getattr(owner, name), asyncio.Event(), asyncio.Event()

    async def stops(*arguments: Any, **named: Any) -> Any:
        is_there.set()
        await may_go_on.wait()
        return await method(*arguments, **named)

    with patch.context() as patched:
        patched.setattr(owner, name, stops)
        task = asyncio.ensure_future(doing)
        await asyncio.wait_for(is_there.wait(), 20)
    return task, may_go_on


_INSIDE = ContextVar("inside", default=False)


async def written(
    patch: pytest.MonkeyPatch, where: tuple[type, str], doing: Awaitable[Any]
) -> tuple[asyncio.Future[Any], asyncio.Event]:
    """As `begun`, up to the commit of the method's transaction."""
    owner, name = where
    method, transaction, is_there, may_go_on = getattr(owner, name), Database.transaction, asyncio.Event(), asyncio.Event()

    async def inside(*arguments: Any, **named: Any) -> Any:
        _INSIDE.set(True)
        return await method(*arguments, **named)

    @contextlib.asynccontextmanager
    async def stops(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
        async with transaction(*arguments, **named) as connection:
            yield connection
            if _INSIDE.get():
                is_there.set()
                await may_go_on.wait()

    with patch.context() as patched:
        patched.setattr(owner, name, inside)
        patched.setattr(Database, "transaction", stops)
        task = asyncio.ensure_future(doing)
        await asyncio.wait_for(is_there.wait(), 20)
    return task, may_go_on


async def _waits_for_a_lock(server: Server) -> bool:
    sql = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    return bool(await server.node.database.fetchval(sql))


async def _status(s: Scene, token: str) -> int:
    return await s.raw("GET", "/_matrix/client/v3/account/whoami", None, token)


@pytest.mark.parametrize("name", SIGN_INS)
async def test_the_state_comes_before_the_session_is_written(
    scene_of: NewScene, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make, states, where = SIGN_INS[name]
    for state in states:
        scene = await scene_of()
        signing_in, may_go_on = await begun(monkeypatch, where, (await make(scene))())
        await happens(scene, state)
        may_go_on.set()
        assert not await signing_in, f"{name}, {state.value}"


# Those whose session is written in more than one statement. What a login token becomes outlives the device that asked for it.
IN_A_TRANSACTION = {
    name: ((states & _ending("access tokens")) - ({AccountState.DEVICE_SIGNED_OUT} if name == "login token" else set()), where)
    for name, (_, states, where) in SIGN_INS.items()
    if where[0] is SessionStore
}


@pytest.mark.parametrize("name", IN_A_TRANSACTION)
async def test_the_session_is_written_while_the_state_comes(
    scene_of: NewScene, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It waits for the session, and finds it."""
    states, where = IN_A_TRANSACTION[name]
    for state in states:
        scene = await scene_of()
        signing_in, may_go_on = await written(monkeypatch, where, (await SIGN_INS[name][0](scene))())
        happening = asyncio.create_task(happens(scene, state))
        await until(lambda: _waits_for_a_lock(scene.server))  # noqa: B023
        may_go_on.set()
        assert await signing_in, f"{name}, {state.value}"
        given = json.loads(scene.more["answer"])["access_token"]
        await happening
        assert await _status(scene, given) == 401, f"{name}, {state.value}"


async def test_a_code_is_shown_again_before_its_session_is_written(scene_of: NewScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the two is a thief: neither has a session."""
    sign_in = await code(await scene_of())
    first, may_go_on = await begun(monkeypatch, STORE, sign_in())
    second = await sign_in()
    may_go_on.set()
    assert not second and not await first


async def _refreshed(s: Scene, token: str) -> Any:
    """The new tokens; None where there are none."""
    if await s.raw("POST", "/_matrix/client/v3/refresh", {"refresh_token": token}) != 200:
        return None
    return json.loads(s.more["answer"])


@pytest.mark.parametrize("is_written", [False, True])
async def test_a_refresh_token_is_shown_again_while_another_is_replaced(
    scene_of: NewScene, monkeypatch: pytest.MonkeyPatch, is_written: bool
) -> None:
    """It is in two hands, and the session ends for both."""
    scene = await scene_of()
    assert await scene.log_in(refresh_token=True) == 200
    first = json.loads(scene.more["answer"])["refresh_token"]
    second = await _refreshed(scene, first)
    assert await _status(scene, second["access_token"]) == 200  # the first has ended
    stop = written if is_written else begun
    refreshing, may_go_on = await stop(monkeypatch, (SessionStore, "rotate"), _refreshed(scene, second["refresh_token"]))
    shown_again = asyncio.create_task(_refreshed(scene, first))
    if is_written:
        await until(lambda: _waits_for_a_lock(scene.server))
    else:
        assert await shown_again is None
    may_go_on.set()
    third = await refreshing
    assert await shown_again is None
    assert (third is not None) is is_written
    if is_written:
        assert await _status(scene, third["access_token"]) == 401
        assert await _refreshed(scene, third["refresh_token"]) is None


# ------------------------------------------------------------------------------------------------- asked for by a session


async def a_login_token(s: Scene) -> Awaitable[Any]:
    return s.person.prove("/_matrix/client/v1/login/get_token", {})


async def a_bot(s: Scene) -> Awaitable[Any]:
    return s.person.prove(f"{CHAPPE}/bots", {"name": "Météo", "purpose": "x"})


async def a_token_for_a_bot(s: Scene) -> Awaitable[Any]:
    bot = await s.person.prove(f"{CHAPPE}/bots", {"name": "Météo", "purpose": "x"})
    return s.person.prove(f"{CHAPPE}/bots/{segment(bot['user_id'])}/token", {})


async def a_session_of_somebody(s: Scene) -> Awaitable[Any]:
    somebody = await s.server.person()
    await s.server.node.accounts.change(s.person.id, is_admin=True)
    s.person = await s.person.another_device()
    return s.person.call("POST", f"/_synapse/admin/v1/users/{segment(somebody.id)}/login", {})


async def an_openid_token(s: Scene) -> Awaitable[Any]:
    return s.person.call("POST", f"/user/{segment(s.person.id)}/openid/request_token", {})


async def an_identity_token(s: Scene) -> Awaitable[Any]:
    openid = await s.person.call("POST", f"/user/{segment(s.person.id)}/openid/request_token", {})
    return s.person.call("POST", f"{IDENTITY}/account/register", openid)


async def a_pusher(s: Scene) -> Awaitable[Any]:
    return s.person.call("POST", "/pushers/set", PUSHER)


async def _webhook(s: Scene, direction: str) -> tuple[str, dict[str, Any]]:
    room = await s.person.create_room(preset="public_chat")
    body = {"direction": direction, "name": "CI", "purpose": "x", "url": "https://x.example/", "types": ["m.room.message"]}
    return f"{CHAPPE}/rooms/{segment(room)}/webhooks", body


async def a_webhook(s: Scene) -> Awaitable[Any]:
    return s.person.prove(*await _webhook(s, "outgoing"))


async def a_webhook_that_speaks(s: Scene) -> Awaitable[Any]:
    return s.person.prove(*await _webhook(s, "incoming"))


async def a_webhook_again(s: Scene) -> Awaitable[Any]:
    path, body = await _webhook(s, "outgoing")
    hook = (await s.person.prove(path, body))["id"]
    return s.person.prove(f"{path}/{hook}/enable", {})


ASKED: dict[str, tuple[Callable[[Scene], Awaitable[Awaitable[Any]]], tuple[type, str]]] = {
    "a login token": (a_login_token, (LoginTokens, "new")),
    "a bot": (a_bot, STORE),
    "a token for a bot": (a_token_for_a_bot, STORE),
    "a session of somebody": (a_session_of_somebody, STORE),
    "an OpenID token": (an_openid_token, (OpenId, "new_token")),
    "an identity-service token": (an_identity_token, (IdentityServer, "register")),
    "a pusher": (a_pusher, (Pushers, "set")),
    "a webhook": (a_webhook, (Webhooks, "create")),
    "a webhook that speaks": (a_webhook_that_speaks, (Webhooks, "_speaker")),
    "a webhook again": (a_webhook_again, (Webhooks, "enable")),
}
SESSION_ENDS = [AccountState.SIGNED_OUT_EVERYWHERE, AccountState.DEVICE_SIGNED_OUT, AccountState.CHALLENGED]


@pytest.mark.parametrize("state", SESSION_ENDS, ids=lambda state: state.value)
@pytest.mark.parametrize("name", ASKED)
async def test_what_would_outlive_the_session_that_asks_for_it(
    scene_of: NewScene, monkeypatch: pytest.MonkeyPatch, name: str, state: AccountState
) -> None:
    """Everything has been asked and proven when the session ends."""
    make, where = ASKED[name]
    scene = await scene_of()
    asking, may_go_on = await begun(monkeypatch, where, await make(scene))
    await happens(scene, state)
    may_go_on.set()
    with pytest.raises(Refused) as no:
        await asking
    assert no.value.status == 403


async def test_a_login_token_goes_with_the_tokens_of_who_asked(scene_of: NewScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device stays, and whoever is at it must sign in again."""
    scene = await scene_of()
    making, may_go_on = await written(monkeypatch, (LoginTokens, "new"), await a_login_token(scene))
    happening = asyncio.create_task(happens(scene, AccountState.CHALLENGED))
    await until(lambda: _waits_for_a_lock(scene.server))
    may_go_on.set()
    token = (await making)["login_token"]
    await happening
    assert await scene.log_in(type="m.login.token", token=token) == 403


async def test_nothing_comes_of_a_browser_that_has_just_been_signed_out(scene_of: NewScene) -> None:
    """A code, a device code and a login token are made while the browser stands."""
    scene = await scene_of()
    node, me = scene.server.node, scene.person
    client = await node.grants.clients.require(await _client(scene))
    cookie = hash_cookie(await node.browser_sessions.begin(me.id, "password", "127.0.0.1", None))
    await node.browser_sessions.end_all(me.id)
    wanted = Authorization(client, BACK, parse_scope(STABLE), None, CHALLENGE, "query")
    _, user_code = await node.grants.begin_device({"client_id": client.client_id, "scope": STABLE})
    with pytest.raises(MatrixError) as no:
        await node.grants.authorized(wanted, me.id, cookie)
    assert "signed out" in no.value.message
    assert not await node.grants.decide_device(user_code, me.id, cookie, True)
    with pytest.raises(MatrixError) as no:
        await node.login_tokens.new(me.id, None, cookie)
    assert "signed out" in no.value.message
