"""Whoever may be in a call no longer is out of it: every way to stop × the SFU, and what lets nobody back in."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from livekit.api.access_token import AccessToken

from chappe.config import Agency, Calls, Classification
from chappe.homeserver.accounts.ways_to_act import WAYS as WAYS_TO_ACT
from chappe.homeserver.accounts.ways_to_act import AccountState, Effect
from chappe.homeserver.modules.calls.participants import RETURNS_MS
from chappe.homeserver.modules.calls.sfu import LIVEKIT_TOKEN_SECONDS, TOKEN_SECONDS
from chappe.homeserver.senders.call_evictions import LOOK_EVERY, CallEvictions
from tests.conftest import new_database_of
from tests.homeserver.test_calls import SERVICE, close, connected, get_token, needs_livekit, sfu_get
from tests.livekit import KEY, SECRET, FakeLiveKit, RealLiveKit, claims, settings
from tests.neighbours import Mailbox
from tests.support import Person, Server, refused, segment, until
from tests.support import test_config as config_for_tests
from tests.ways import Scene, happens


@dataclass
class Call:
    """Alice's room. Bob, whom it is about, and Carol, a control, are in its call. `back`: Bob comes in by the token that he has."""

    server: Server
    livekit: FakeLiveKit
    root: Person
    alice: Person
    bob: Person
    room: str
    is_in: Callable[[], bool]
    back: Callable[[], Any]
    carol_is_in: Callable[[], bool]

    async def happens(self, state: AccountState) -> None:
        await happens(Scene(self.server, self.root, Mailbox.__new__(Mailbox), self.bob), state)


@pytest_asyncio.fixture(scope="module")
async def livekit() -> AsyncIterator[FakeLiveKit]:
    running = await FakeLiveKit().start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(scope="module")
async def server(postgres: Any, tmp_path_factory: pytest.TempPathFactory, livekit: FakeLiveKit) -> AsyncIterator[Server]:
    levels = [Classification(name="open"), Classification(name="secret", calls=False)]
    config = config_for_tests(
        calls=Calls(livekit=[settings(livekit.port)]), agency=Agency(enabled=True, classifications=levels)
    )
    running = await Server(config, tmp_path_factory.mktemp("calls"), postgres.url_of(await new_database_of(postgres))).start()
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def call(server: Server, livekit: FakeLiveKit) -> Call:
    root = await server.person()
    await server.node.accounts.change(root.id, is_admin=True)
    alice, bob, carol = [await server.person() for _ in range(3)]
    room = await alice.create_room()
    for one in (bob, carol):
        await alice.invite(room, one)
        await one.join(room)
    token = (await get_token(bob, room))["jwt"]
    hers = livekit.enter((await sfu_get(carol, room))["jwt"])
    is_in = livekit.enter(token)
    return Call(server, livekit, await root.another_device(), alice, bob, room, is_in, lambda: livekit.enter(token), hers)


async def _leaves(c: Call) -> None:
    await c.bob.leave(c.room)


async def _kicked(c: Call) -> None:
    await c.alice.act("kick", c.room, c.bob)


async def _banned(c: Call) -> None:
    await c.alice.act("ban", c.room, c.bob)


async def _device_deleted(c: Call) -> None:
    other = await c.bob.another_device()
    await other.prove("/delete_devices", {"devices": [c.bob.device]})


async def _signed_out_by_admin(c: Call) -> None:
    await c.root.call("DELETE", f"/_synapse/admin/v2/users/{segment(c.bob.id)}/devices/{segment(c.bob.device)}")


async def _no_calls_any_more(c: Call) -> None:
    await c.alice.set_state(c.room, "chappe.classification", {"level": "secret"})


def _state(state: AccountState) -> Callable[[Call], Awaitable[None]]:
    async def happen(c: Call) -> None:
        await c.happens(state)

    return happen


ENDS = [state for way in WAYS_TO_ACT if way.name == "calls" for state, effect in way.on.items() if effect is Effect.ENDS]
STOPS: dict[str, Callable[[Call], Awaitable[None]]] = {
    "leaves": _leaves,
    "is removed": _kicked,
    "is banned": _banned,
    "device is deleted": _device_deleted,
    "device is signed out by an administrator": _signed_out_by_admin,
    **{state.value: _state(state) for state in ENDS},
}


@pytest.mark.parametrize("name", STOPS)
async def test_whoever_may_no_longer_is_put_out(call: Call, name: str) -> None:
    await STOPS[name](call)
    await until(lambda: not call.is_in())
    assert call.carol_is_in(), "the others stay"
    call.back()  # a token serves for some minutes, and LiveKit gives others
    await until(lambda: not call.is_in())
    assert call.carol_is_in()
    assert (await refused(get_token(call.bob, call.room))).status in (401, 403)


async def test_where_there_are_no_calls_any_more(call: Call) -> None:
    """All are put out."""
    await _no_calls_any_more(call)
    await until(lambda: not call.is_in() and not call.carol_is_in())
    error = await refused(get_token(call.bob, call.room))
    assert (error.status, error.errcode) == (403, "M_FORBIDDEN")


async def test_only_the_device_that_was_signed_out(call: Call) -> None:
    other = await call.bob.another_device()
    is_in = call.livekit.enter((await sfu_get(other, call.room))["jwt"])
    await call.bob.call("POST", "/logout", {})
    await until(lambda: not call.is_in())
    assert is_in()


async def test_whoever_may_again_comes_back(call: Call) -> None:
    await call.alice.act("kick", call.room, call.bob)
    await until(lambda: not call.is_in())
    await call.alice.invite(call.room, call.bob)
    await call.bob.join(call.room)
    is_in = call.livekit.enter((await get_token(call.bob, call.room))["jwt"])
    evictions = call.server.node.assembly.of(CallEvictions)
    before = evictions.looks
    await until(lambda: evictions.looks > before + 1)
    assert is_in()


async def test_an_sfu_that_was_away(call: Call) -> None:
    """It is told as soon as it answers."""
    call.livekit.status = 503
    await call.alice.act("kick", call.room, call.bob)
    evictions = call.server.node.assembly.of(CallEvictions)
    before = evictions.looks
    await until(lambda: evictions.looks > before + 1)
    assert call.is_in()
    call.livekit.status = 200
    await until(lambda: not call.is_in())


def test_how_long_anybody_is_looked_after() -> None:
    """Somebody is found within a second, and kept out until no token of theirs serves: ours, and one that LiveKit gave last."""
    assert LOOK_EVERY <= 1.0 and RETURNS_MS >= (TOKEN_SECONDS + LIVEKIT_TOKEN_SECONDS) * 1000


async def test_who_has_gone_is_forgotten_and_who_is_there_is_not(call: Call) -> None:
    evictions, database = call.server.node.assembly.of(CallEvictions), call.server.node.database
    who = [call.bob.id, call.alice.id]
    await database.execute("UPDATE call_participants SET expires_ts = 1 WHERE user_id = ANY($1)", who)
    await evictions.upkeep()
    ends = await database.fetchval("SELECT expires_ts FROM call_participants WHERE user_id = $1", call.bob.id)
    assert ends > 1, "who is in the call stays on the list"
    call.livekit.rooms[claims((await get_token(call.alice, call.room))["jwt"])["video"]["room"]].clear()
    await database.execute("UPDATE call_participants SET expires_ts = 1 WHERE user_id = ANY($1)", who)
    await evictions.upkeep()
    assert await database.fetchval("SELECT count(*) FROM call_participants WHERE user_id = ANY($1)", who) == 0


# ------------------------------------------------------------------------------------------------------------ webhooks


def _signed(body: bytes, secret: str = SECRET, digest: str | None = None, seconds: int = 60) -> str:
    sha = digest or base64.b64encode(hashlib.sha256(body).digest()).decode()
    return AccessToken(KEY, secret).with_sha256(sha).with_ttl(timedelta(seconds=seconds)).to_jwt()


JOINED = b'{"event": "participant_joined", "room": {"name": "x"}, "participant": {"identity": "y"}}'


OTHER = "another secret of more than 32 characters"
WORDS: dict[str, tuple[bytes, Callable[[bytes], str], int]] = {
    "signed": (JOINED, _signed, 200),
    "nothing": (JOINED, lambda _: "", 401),
    "nonsense": (JOINED, lambda _: "nonsense", 401),
    "another key": (JOINED, lambda body: _signed(body, secret=OTHER), 401),
    "another body": (JOINED, lambda _: _signed(b"another body"), 401),
    "over": (JOINED, lambda body: _signed(body, seconds=-3600), 401),
    "a participant's token": (JOINED, lambda _: AccessToken(KEY, SECRET).to_jwt(), 401),
    "no text": (b"\xff", _signed, 401),
    "no JSON": (b"[", _signed, 401),
}


@pytest.mark.parametrize("name", WORDS)
async def test_what_livekit_tells_is_verified(server: Server, name: str) -> None:
    body, token, status = WORDS[name]
    answer = await server.raw("POST", f"{SERVICE}/sfu_webhook", body, headers={"Authorization": token(body)})
    assert answer[0] == status


# --------------------------------------------------------------------------------------------------------- the real one


@needs_livekit
async def test_the_real_livekit_puts_them_out(new_server: Any, tmp_path: Any) -> None:
    real = RealLiveKit(tmp_path)
    server = await new_server(calls=Calls(livekit=[settings(real.port)]))
    await real.start(webhook=f"{server.base}{SERVICE}/sfu_webhook")
    alice, bob = await server.person(), await server.person()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    hers, token = await connected(real.port, (await sfu_get(alice, room))["jwt"]), (await get_token(bob, room))["jwt"]
    his = await connected(real.port, token)
    assert not isinstance(his, int) and not isinstance(hers, int)
    await alice.act("ban", room, bob)
    await _until_closed(his)
    again = await connected(real.port, token)  # the token is not over yet
    if not isinstance(again, int):
        await _until_closed(again)
        await close(again)
    assert not hers.closed
    for socket in (his, hers):
        await close(socket)
    await real.stop()


async def _until_closed(socket: Any) -> None:
    async with asyncio.timeout(60):
        async for _ in socket:
            pass
    assert socket.closed
