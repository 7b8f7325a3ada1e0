"""Devices across servers: a list is fresh while its server would have told of every change, and servers tell whom they must.

(server-server-api.md, "Device Management".)
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import copy
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiohttp import web

from chappe.homeserver.outbound.federation.client import PeerUnreachable
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote import entering
from chappe.homeserver.senders.federation.device_news import Came, DeviceNews
from tests.federation.certificates import Authority
from tests.federation.conftest import Peer
from tests.federation.foreign import Foreign, Hall
from tests.federation.partition import heal, split
from tests.federation.test_everything_else import device_keys
from tests.federation.test_faster_joins import Gate, gate
from tests.federation.test_load import entered
from tests.federation.test_rooms import enter, hears, members, until
from tests.process import free_port
from tests.support import Person, Server

__all__ = ["gate"]
_count = itertools.count()


async def with_keys(person: Person) -> Person:
    await person.call("POST", "/keys/upload", {"device_keys": device_keys(person, person.device)})
    return person


async def new_device(person: Person, name: str) -> Person:
    return await with_keys(await person.another_device(name))


async def devices(reader: Person, of: Person) -> set[str]:
    """As the reader's client is answered now."""
    answer = await reader.call("POST", "/keys/query", {"device_keys": {of.id: []}})
    return set(answer["device_keys"].get(of.id, {}))


async def is_told(person: Person, of: Person) -> None:
    """Waits until the person's client hears that somebody's devices have changed."""

    async def look() -> bool:
        return of.id in (await person.sync()).get("device_lists", {}).get("changed", [])

    await until(look)


async def settled(alice: Person, bob: Person, room: str) -> None:
    """Returns once Bob's server has told all that it had to tell, and Alice's knows his devices."""
    for text in ("first", "second"):  # the second is sent when all that went with the first has been taken
        text = await bob.say(room, f"{text} {next(_count)}")

        async def heard(text: str = text) -> bool:
            return text in [e["event_id"] for e in (await alice.messages(room, limit=30))["chunk"]]

        await until(heard)
    assert await devices(alice, bob) == await devices(bob, bob)


async def sees(person: Person, room: str, who: Person, membership: str) -> None:
    async def look() -> bool:
        return (await members(person, room)).get(who.id) == membership

    await until(look)


def updates_sent(monkeypatch: pytest.MonkeyPatch, server: Server) -> list[tuple[str, str]]:
    """(to whom, of whom): the updates that a server sends from now on."""
    sent: list[tuple[str, str]] = []
    client = server.node.federation_client
    ask = client.request

    async def note(own: str, destination: str, *arguments: Any, content: Any = None, **options: Any) -> Any:
        for edu in (content or {}).get("edus", ()):
            if edu["edu_type"] == "m.device_list_update":
                sent.append((destination, edu["content"]["user_id"]))
        return await ask(own, destination, *arguments, content=content, **options)

    monkeypatch.setattr(client, "request", note)
    return sent


async def has_looked(server: Server) -> None:
    """Returns once a server has queued for others what it had to tell so far."""
    upto = server.node.clock.watermark

    async def look() -> bool:
        return bool(await server.node.database.fetchval("SELECT position >= $1 FROM federation_progress", upto))

    await until(look)


# -------------------------------------------------------------------------------------------- a list is fresh, and when


async def bob_leaves(alice: Person, bob: Person, carol: Person, room: str) -> None:
    await bob.leave(room)
    await sees(alice, room, bob, "leave")


async def bob_is_removed(alice: Person, bob: Person, carol: Person, room: str) -> None:
    await carol.act("kick", room, bob)
    await sees(alice, room, bob, "leave")


async def alice_leaves(alice: Person, bob: Person, carol: Person, room: str) -> None:
    await alice.leave(room)
    await sees(bob, room, alice, "leave")


async def they_come_back(alice: Person, bob: Person, room: str) -> None:
    """Whichever of the two is not there."""
    for person in (alice, bob):
        await enter(person, room, bob.server)
    await sees(alice, room, bob, "join")


async def alice_opens_another(alice: Person, bob: Person, room: str) -> None:
    other = await alice.create_room(preset="public_chat")
    await enter(bob, other, alice.server)


async def bob_invites(alice: Person, bob: Person, room: str) -> None:
    other = await bob.create_room(preset="private_chat", invite=[alice.id])
    await alice.join(other)


async def bob_has_only_invited(alice: Person, bob: Person, room: str) -> None:
    await bob.create_room(preset="private_chat", invite=[alice.id])


async def alice_has_only_invited(alice: Person, bob: Person, room: str) -> None:
    await alice.create_room(preset="private_chat", invite=[bob.id])


async def they_share_nothing(alice: Person, bob: Person, room: str) -> None:
    pass


@pytest.mark.parametrize("end", [bob_leaves, bob_is_removed, alice_leaves])
@pytest.mark.parametrize(
    "begin",
    [they_come_back, alice_opens_another, bob_invites, bob_has_only_invited, alice_has_only_invited, they_share_nothing],
)
async def test_what_changed_while_no_room_was_shared_is_known(
    peer: Peer, end: Callable[..., Awaitable[None]], begin: Callable[..., Awaitable[None]]
) -> None:
    here, there = await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await there.person("carol")
    room = await carol.create_room(preset="public_chat")
    await bob.join(room)
    await enter(alice, room, there)
    await with_keys(bob)
    await settled(alice, bob, room)
    await end(alice, bob, carol, room)
    await new_device(bob, "TELEPHONE")
    await begin(alice, bob, room)
    assert await devices(alice, bob) == {bob.device, "TELEPHONE"}


async def test_a_list_is_asked_for_once_while_its_server_tells(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by somebody who has come later."""
    here, there = await peer(), await peer()
    alice, bob, amy = await here.person("alice"), await there.person("bob"), await here.person("amy")
    room = await bob.create_room(preset="public_chat")
    await enter(alice, room, there)
    await with_keys(bob)
    await settled(alice, bob, room)
    asked: list[str] = []
    count = there.node.metrics.request

    def request(method: str, template: str, status: int, seconds: float) -> None:
        asked.append(template)
        count(method, template, status, seconds)

    monkeypatch.setattr(there.node.metrics, "request", request)
    await amy.join(room)
    for reader in (alice, amy, alice):
        assert await devices(reader, bob) == {bob.device}
    assert not [template for template in asked if "/user/" in template]
    await new_device(bob, "TELEPHONE")
    await settled(alice, bob, room)
    for reader in (alice, amy, alice):
        assert await devices(reader, bob) == {bob.device, "TELEPHONE"}
    assert len([template for template in asked if "/user/" in template]) == 1


async def test_what_changed_while_this_server_was_down_is_known(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await bob.create_room(preset="public_chat")
    await enter(alice, room, there)
    await with_keys(bob)
    await settled(alice, bob, room)
    await here.stop()
    await new_device(bob, "TELEPHONE")
    here.node = type(here.node)(here.config, here.data, here.url)
    await here.start()
    assert await devices(alice, bob) == {bob.device, "TELEPHONE"}


async def test_what_changed_while_the_other_server_was_out_of_reach_is_known(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await bob.create_room(preset="public_chat")
    await enter(alice, room, there)
    await with_keys(bob)
    await settled(alice, bob, room)
    mend = deaf(monkeypatch, there, here)
    with split([here], [there]):
        await new_device(bob, "TELEPHONE")
        await alice.say(room, "is anybody there?")

        async def missed() -> bool:
            return here.node.federation_client.missed_ts(there.config.server_name) > 0

        await until(missed)
        answer = await alice.call("POST", "/keys/query", {"device_keys": {bob.id: []}})
        assert list(answer["failures"]) == [there.config.server_name]
        assert set(answer["device_keys"][bob.id]) == {bob.device}, "what is known is answered all the same"
    await here.node.federation_sender.retry(there.config.server_name)
    await hears(bob, room, "is anybody there?")
    assert await devices(alice, bob) == {bob.device, "TELEPHONE"}
    mend()
    await heal(here, there)
    await is_told(alice, bob)


async def test_people_of_a_server_that_is_away_cost_no_statement_each(peer: Peer) -> None:
    here, away = await peer(), f"localhost:{free_port()}"
    alice = await here.person("alice")
    wanted = {"device_keys": {f"@person{number}:{away}": [] for number in range(15)}}
    await alice.call("POST", "/keys/query", wanted)  # by now it is known to be away
    before = here.node.database.statements
    answer = await alice.call("POST", "/keys/query", wanted)
    assert list(answer["failures"]) == [away]
    assert here.node.database.statements - before < 15


# ------------------------------------------------------------------------------------------------------- who is told


async def test_who_comes_into_a_room_is_told_to_the_servers_that_did_not_know_of_them(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "when that user joins a room which contains servers which are not already receiving updates" (Device Management)"""
    here, there, third = await peer(), await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await third.person("carol")
    await with_keys(alice)
    halls = [await bob.create_room(preset="public_chat") for _ in range(3)]
    for hall in halls[1:]:
        await enter(carol, hall, there)
    sent = updates_sent(monkeypatch, here)
    at = {server: server.config.server_name for server in (there, third)}

    async def after(act: Awaitable[Any], hall: str, text: str) -> set[tuple[str, str]]:
        sent.clear()
        await act
        await alice.say(hall, text)
        await hears(bob, hall, text)
        if hall != halls[0]:
            await hears(carol, hall, text)
        return set(sent)

    assert await after(enter(alice, halls[0], there), halls[0], "one") == {(at[there], alice.id)}
    assert await after(enter(alice, halls[1], there), halls[1], "two") == {(at[third], alice.id)}
    assert await after(enter(alice, halls[2], there), halls[2], "three") == set(), "both hear of her already"
    renamed = alice.set_state(halls[1], "m.room.member", {"membership": "join", "displayname": "A."}, alice.id)
    assert await after(renamed, halls[1], "four") == set(), "she was there"
    for hall in halls[1:]:
        await alice.leave(hall)
        await sees(carol, hall, alice, "leave")
    assert await after(enter(alice, halls[2], there), halls[2], "five") == {(at[third], alice.id)}, "again"


async def test_who_comes_into_a_room_is_news_once(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the join, and not again with what their server says of them then: unless somebody has asked for their devices."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await with_keys(await there.person("bob"))
    for has_asked in (False, True):
        room = await alice.create_room(preset="public_chat")
        await alice.sync()
        sent = updates_sent(monkeypatch, there)
        await enter(bob, room, here)
        await is_told(alice, bob)
        await until(lambda sent=sent: _truth((here.config.server_name, bob.id) in sent))
        for text in ("one", "two"):  # the update has come before the second
            await bob.say(room, f"{text} {has_asked}")
            await hears(alice, room, f"{text} {has_asked}")
        changed = (await alice.sync()).get("device_lists", {}).get("changed", [])
        assert (bob.id in changed) == has_asked
        await new_device(bob, f"PHONE{has_asked}")
        await is_told(alice, bob)
        assert await devices(alice, bob) == await devices(bob, bob)
        await bob.leave(room)
        await sees(alice, room, bob, "leave")


async def _truth(value: bool) -> bool:
    return value


@pytest.mark.parametrize("is_here", [True, False])
async def test_who_has_invited_and_who_is_invited_are_told_of_each_other(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, is_here: bool
) -> None:
    here = await peer()
    there = here if is_here else await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    await with_keys(alice)
    await with_keys(bob)
    room = await alice.create_room(preset="private_chat", invite=[bob.id])
    assert await devices(alice, bob) == {bob.device} and await devices(bob, alice) == {alice.device}
    await alice.sync()
    await bob.sync()
    await new_device(bob, "TELEPHONE")
    await is_told(alice, bob)
    assert await devices(alice, bob) == {bob.device, "TELEPHONE"}
    await new_device(alice, "TABLET")
    await is_told(bob, alice)
    assert await devices(bob, alice) == {alice.device, "TABLET"}
    await bob.leave(room)
    await sees(alice, room, bob, "leave")
    assert (await alice.sync())["device_lists"]["left"] == [bob.id]
    if not is_here:
        await until(lambda: nothing_waits(here))
        sent = updates_sent(monkeypatch, here)
        await new_device(alice, "NOTEBOOK")
        await has_looked(here)
        assert sent == [] and await here.node.database.fetchval("SELECT count(*) FROM federation_edus") == 0


async def test_a_server_that_came_in_through_another_is_told_of_what_it_missed(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob's server does not know yet that Alice's is in the room, when Bob gets a telephone."""
    here, there, third = await peer(), await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await third.person("carol")
    room = await carol.create_room(preset="public_chat")
    await enter(bob, room, third)
    await with_keys(bob)
    mends = [deaf(monkeypatch, server, there) for server in (here, third)]
    await enter(alice, room, third)
    assert await devices(alice, bob) == {bob.device}
    await alice.sync()
    await new_device(bob, "TELEPHONE")
    await has_looked(there)
    assert (await members(bob, room)).get(alice.id) is None
    for mend in mends:
        mend()
    await heal(here, there, third)
    await is_told(alice, bob)
    assert await devices(alice, bob) == {bob.device, "TELEPHONE"}


async def test_servers_that_are_found_in_a_room_late_are_told_of_what_they_missed(
    peer: Peer, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who let Bob in did not say that Carol's server is there too; the members say so in the end."""
    here, there, third = await peer(), await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await third.person("carol")
    room = await alice.create_room(preset="public_chat")
    await enter(carol, room, here)
    gate.opened.set()
    await sees(carol, room, alice, "join")
    gate.opened.clear()
    await with_keys(bob)
    monkeypatch.setattr(entering, "_servers", lambda _answer, first: [first])
    await enter(bob, room, here)
    assert (await there.node.rooms.require(room)).partial_servers == {here.config.server_name}
    await sees(carol, room, bob, "join")
    assert await devices(carol, bob) == {bob.device}
    await carol.sync()
    await new_device(bob, "TELEPHONE")
    await has_looked(there)
    gate.opened.set()
    await is_told(carol, bob)
    assert await devices(carol, bob) == {bob.device, "TELEPHONE"}


class Counted:
    """A connection, and how often it was asked for who has changed their devices since somebody came."""

    def __init__(self, connection: Any) -> None:
        self._connection, self.times = connection, 0

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        self.times += "changed_ts" in statement
        return await self._connection.fetch(statement, *arguments)

    async def execute(self, statement: str, *arguments: Any) -> Any:
        return await self._connection.execute(statement, *arguments)


async def test_who_comes_and_goes_and_comes_is_told_once(peer: Peer) -> None:
    """What it costs does not follow how often another server's people enter, nor what time their events bear."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    stranger = await here.person("stranger")  # in no room
    for person in (alice, stranger):
        await with_keys(person)
    number = await alice.create_room(preset="public_chat")
    await enter(bob, number, here)
    node = here.node
    room = await node.rooms.require(number)
    joined = copy(room.state["m.room.member", bob.id])
    joined.ts = 0
    news = DeviceNews(node.rooms, node.boundaries, node.now_ms)
    where, after, upto = there.config.server_name, joined.position - 1, room.last_position

    async def told(times: int) -> tuple[set[str], int]:
        async with node.database.transaction() as plain:
            connection = Counted(plain)
            await plain.execute("DELETE FROM federation_edus")
            await news.queue(connection, [Came(room, joined)] * times, after, upto)
            rows = await plain.fetch("SELECT key FROM federation_edus WHERE destination = $1", where)
        return {row["key"] for row in rows if row["key"].startswith("devices:")}, connection.times

    assert await told(25) == ({f"devices:{alice.id}"}, 1)
    assert await told(1) == ({f"devices:{alice.id}"}, 1), "it was not committed"
    news.committed()
    assert await told(1) == (set(), 1), "it knows"
    await bob.leave(number)
    await until(lambda: _left(room, bob.id))
    assert await told(3) == (set(), 0), "nobody of it is here any more"


async def _left(room: LiveRoom, user: str) -> bool:
    return user not in room.joined


def deaf(monkeypatch: pytest.MonkeyPatch, server: Server, towards: Server) -> Callable[[], None]:
    """What a server sends to another does not arrive; its questions do. Returns what mends it."""
    client, to = server.node.federation_client, towards.config.server_name
    request = client.request

    async def lost(own: str, destination: str, method: str, path: str, **options: Any) -> Any:
        if destination == to and "/send/" in path:
            raise PeerUnreachable(destination, "the wire is cut")
        return await request(own, destination, method, path, **options)

    monkeypatch.setattr(client, "request", lost)

    return lambda: monkeypatch.setattr(client, "request", request)


# ----------------------------------------------------------------------------------- what happens at the same moment


class Slow(Foreign):
    """Its answers wait at a gate, those to `part` of the path; what it was sent is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.part, self.gate, self.asked = "nothing", asyncio.Event(), asyncio.Event()
        self.got: list[Any] = []

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        prepared = dict(self.answers)
        if "/send/" in request.path:
            self.got.append(orjson.loads(body))
        if self.part in request.path:
            self.asked.set()
            await self.gate.wait()
        found = [answer for part, answer in prepared.items() if part in request.path]
        return web.Response(status=200 if found else 404, body=found[0] if found else b"{}", content_type="application/json")

    def has(self, user: str, *devices: str) -> None:
        given = [
            {"device_id": d, "keys": {"user_id": user, "device_id": d, "algorithms": [], "keys": {f"ed25519:{d}": "k"}}}
            for d in devices
        ]
        content = {"user_id": user, "stream_id": len(devices), "devices": given}
        self.answers[f"/user/devices/{user}"] = orjson.dumps(content)


@pytest_asyncio.fixture
async def slow(authority: Authority) -> AsyncIterator[Slow]:
    server = Slow()
    server.answers["/send/"] = b'{"pdus": {}}'
    runner = await server.start(authority)
    yield server
    server.gate.set()
    await runner.cleanup()


async def test_a_change_that_is_told_while_the_list_is_fetched_is_not_lost(peer: Peer, slow: Slow) -> None:
    here = await peer()
    alice, amy, hall = await here.person("alice"), await here.person("amy"), Hall(slow, 3)
    await entered(alice, hall)
    await amy.join(hall.room_id)
    owner = hall.owner

    async def ask(reader: Person) -> set[str]:
        answer = await reader.call("POST", "/keys/query", {"device_keys": {owner: []}})
        return set(answer["device_keys"][owner])

    slow.has(owner, "OLD")
    slow.part = "/user/devices/"
    early = asyncio.create_task(ask(alice))
    await until(slow.asked.is_set)
    slow.has(owner, "OLD", "NEW")
    update = {"user_id": owner, "device_id": "NEW", "stream_id": 2, "prev_id": [1]}
    await slow.sends(here, [{"edus": [{"edu_type": "m.device_list_update", "content": update}]}])()
    late = asyncio.create_task(ask(amy))  # she was told, and comes to a fetch that is under way
    slow.gate.set()
    assert await early == await late == {"OLD", "NEW"}
    assert await ask(alice) == {"OLD", "NEW"}


async def nothing_waits(server: Server) -> bool:
    sql = """SELECT NOT EXISTS (SELECT 1 FROM federation_queue) AND NOT EXISTS (SELECT 1 FROM federation_edus)
                AND (SELECT position >= $1 FROM federation_progress)"""
    return bool(await server.node.database.fetchval(sql, server.node.clock.watermark))


async def test_a_change_while_another_is_being_told_is_told_as_well(peer: Peer, slow: Slow) -> None:
    here = await peer()
    alice, hall = await here.person("alice"), Hall(slow, 3)
    await entered(alice, hall)
    await until(lambda: nothing_waits(here))
    slow.part = "/send/"
    await with_keys(alice)
    await until(slow.asked.is_set)
    tablet = await new_device(alice, "TABLET")
    assert tablet.device == "TABLET"
    changed_at = await here.node.keys.list_changed_at(alice.id)

    async def queued() -> bool:
        sql = "SELECT edu FROM federation_edus WHERE destination = $1 AND key = $2"
        raw = await here.node.database.fetchval(sql, slow.name, f"devices:{alice.id}")
        return raw is not None and orjson.loads(raw)["content"]["stream_id"] == changed_at

    await until(queued)
    slow.gate.set()

    async def told() -> bool:
        edus = [edu for transaction in slow.got for edu in transaction["edus"]]
        return any(edu["content"].get("stream_id") == changed_at for edu in edus)

    await until(told)
