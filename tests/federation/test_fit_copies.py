"""An event that came with another content than it was signed with is empty here only until somebody sends it as it was signed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import orjson
import pytest

from chappe.config import Agency
from chappe.homeserver.outbound.federation.client import PeerUnreachable
from chappe.homeserver.rooms.remote.checks import SignedPdu, kept
from chappe.homeserver.rooms.remote.handshakes import Signed
from tests.federation.conftest import Peer
from tests.federation.foreign import Foreign, pdus_of
from tests.federation.test_refused_joins import kept_of
from tests.federation.test_rooms import enter, hears
from tests.support import Person, Refused, Server, bodies, segment, until

RULES: dict[str, dict[str, Any]] = {
    "m.room.name": {"name": "Forum of a partner"},
    "m.room.topic": {"topic": "What is read everywhere"},
    "m.room.server_acl": {"allow": ["*"], "deny": ["evil.example"]},
    "chappe.classification": {"level": "restricted"},
}
TOLD = "the order of the prefect"
Pdu = dict[str, Any]


async def a_forum(owner: Person) -> str:
    state = [{"type": kind, "state_key": "", "content": content} for kind, content in RULES.items()]
    return await owner.create_room(preset="public_chat", room_version="11", initial_state=state)


@pytest.mark.parametrize("left", [{"changed": True}, {}])
async def test_who_is_asked_first_empties_nothing(peer: Peer, foreign: Foreign, left: dict[str, Any]) -> None:
    """A server that is not in the room has invited somebody, and shows the room without its rules to who accepts."""
    here, partner, evil = await peer(), await peer(), foreign
    bob, owner = await here.person("bob"), await partner.person("owner")
    forum = await a_forum(owner)
    room = await partner.node.rooms.require(forum)
    state = [{**pdu, "content": left} if pdu["type"] in RULES else pdu for pdu in await pdus_of(partner, room)]
    await evil.lures(here, bob.id, room, state)
    assert await bob.call("POST", f"/join/{segment(forum)}", {}, server_name=evil.name) == {"room_id": forum}
    for kind, content in RULES.items():
        assert await bob.state(forum, kind) == content


def shows_emptied(here: Server, kinds: Collection[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lets people of here into a room."""
    handshakes = here.node.elsewhere.entering._handshakes
    send = handshakes.send

    async def emptied(signed: Signed, kind: str, omit_members: bool = False) -> dict[str, Any]:
        answer = await send(signed, kind, omit_members)
        state = [{**pdu, "content": {}} if pdu["type"] in kinds else pdu for pdu in answer["state"]]
        return {**answer, "state": state}

    monkeypatch.setattr(handshakes, "send", emptied)


@pytest.mark.parametrize("rule", ["m.room.server_acl", "chappe.classification"])
async def test_a_rule_that_nobody_redacts_does_not_come_redacted(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    here, partner = await peer(agency=Agency(enabled=True)), await peer()
    bob, owner = await here.person("bob"), await partner.person("owner")
    forum, before = await a_forum(owner), await kept_of(here)
    with monkeypatch.context() as patched:
        shows_emptied(here, [rule], patched)
        with pytest.raises(Refused) as refused:
            await enter(bob, forum, partner)
    assert refused.value.status == 502
    assert await kept_of(here) == before
    await enter(bob, forum, partner)
    assert await bob.state(forum, rule) == RULES[rule]


async def test_state_that_comes_redacted_is_asked_for(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a server in the room, which lets in and says that all was redacted."""
    here, partner, evil = await peer(), await peer(), await peer()
    bob, owner, mallory = await here.person("bob"), await partner.person("owner"), await evil.person("mallory")
    forum = await a_forum(owner)
    await enter(mallory, forum, partner)
    shows_emptied(here, RULES, monkeypatch)
    await enter(bob, forum, evil)

    async def all_here() -> bool:
        return [await bob.state(forum, kind) for kind in RULES] == list(RULES.values())

    await until(all_here)
    row = await here.node.database.fetchrow("SELECT name, topic FROM room_summaries WHERE name IS NOT NULL")
    assert row is not None and dict(row) == {"name": "Forum of a partner", "topic": "What is read everywhere"}
    assert await here.node.database.fetchval("SELECT count(*) FROM events WHERE is_unfit") == 0


async def test_what_a_redaction_leaves_of_a_rule_is_taken(peer: Peer) -> None:
    """There are rooms whose power levels were redacted, by servers that let people do that: what counts of them is left."""
    here, partner = await peer(agency=Agency(enabled=True)), await peer()
    bob, owner = await here.person("bob"), await partner.person("owner")
    forum = await a_forum(owner)
    levels = (await partner.node.rooms.require(forum)).state["m.room.power_levels", ""].event_id
    await owner.redact(forum, levels)
    await enter(bob, forum, partner)
    assert await bob.state(forum, "m.room.power_levels") == await owner.state(forum, "m.room.power_levels")


@pytest.mark.parametrize("tells", ["home", "another", "nobody"])
async def test_who_is_believed_that_nothing_is_left(peer: Peer, monkeypatch: pytest.MonkeyPatch, tells: str) -> None:
    """The sender's own server is; another's word that there is nothing ends no search."""
    race = await a_race(peer, monkeypatch, can_ask=True)
    client, home = race.here.node.federation_client, race.partner.config.server_name
    ask, asked = client.request, list[str]()
    emptied = {**race.true, "content": {}}

    async def answers(origin: str, destination: str, method: str, path: str, **more: Any) -> Any:
        if "/v1/event/" not in path:
            return await ask(origin, destination, method, path, **more)
        asked.append("home" if destination == home else "another")
        if tells == asked[-1]:
            return {"origin": destination, "origin_server_ts": 1, "pdus": [emptied]}
        raise PeerUnreachable(destination, "it does not answer")

    monkeypatch.setattr(client, "request", answers)
    live = await race.here.node.rooms.require(race.room)
    checked = kept(emptied, race.event_id, live.version)
    found: dict[str, SignedPdu] = {}
    await race.here.node.pdu_queues.gaps.copies._find_many(live, [checked], ["nobody.example"], found)
    assert (list(found), asked[0]) == ([race.event_id] if tells == "home" else [], "home")


class Race:
    """A message of the partner comes first from another server of the room, with another content; `true`: as it was signed."""

    def __init__(self, here: Server, partner: Server, evil: Server, bob: Person, owner: Person, room: str) -> None:
        self.here, self.partner, self.evil, self.bob, self.owner, self.room = here, partner, evil, bob, owner, room
        self.event_id, self.true = "", Pdu()
        self._sends = 0

    async def send(self, pdu: Mapping[str, Any]) -> None:
        own, to, self._sends = self.evil.config.server_name, self.here.config.server_name, self._sends + 1
        content = {"origin": own, "origin_server_ts": 1, "pdus": [pdu], "edus": []}
        path = f"/_matrix/federation/v1/send/race{self._sends}"
        answer = await self.evil.node.federation_client.request(own, to, "PUT", path, content=content)
        assert answer["pdus"] == {self.event_id: {}}
        await self.here.node.pdu_queues.settled()

    async def shown(self) -> Any:
        return (await self.bob.call("GET", f"/rooms/{segment(self.room)}/event/{segment(self.event_id)}"))["content"]

    async def found(self) -> int:
        criteria = {"search_categories": {"room_events": {"search_term": "prefect"}}}
        answer = await self.bob.call("POST", "/search", criteria)
        return int(answer["search_categories"]["room_events"]["count"])


async def a_race(peer: Peer, monkeypatch: pytest.MonkeyPatch, can_ask: bool) -> Race:
    here, partner, evil = await peer(), await peer(), await peer()
    bob, owner, mallory = await here.person("bob"), await partner.person("owner"), await evil.person("mallory")
    room = await owner.create_room(preset="public_chat", room_version="11")
    await enter(bob, room, partner)
    await enter(mallory, room, partner)
    await owner.say(room, "first")
    await hears(bob, room, "first")
    await hears(mallory, room, "first")
    race, sent, asked = (
        Race(here, partner, evil, bob, owner, room),
        partner.node.federation_client,
        here.node.federation_client,
    )
    request, ask = sent.request, asked.request

    async def slow(origin: str, destination: str, method: str, path: str, **more: Any) -> Any:
        if destination == here.config.server_name and "/send/" in path:
            raise PeerUnreachable(destination, "the line is down")
        return await request(origin, destination, method, path, **more)

    async def deaf(origin: str, destination: str, method: str, path: str, **more: Any) -> Any:
        if "/v1/event/" in path:
            raise PeerUnreachable(destination, "it does not answer")
        return await ask(origin, destination, method, path, **more)

    monkeypatch.setattr(sent, "request", slow)
    if not can_ask:
        monkeypatch.setattr(asked, "request", deaf)
    race.event_id = await owner.say(room, TOLD)
    await hears(mallory, room, TOLD)
    row = await evil.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", race.event_id)
    race.true = orjson.loads(row)
    return race


async def test_a_message_that_comes_changed_is_asked_for(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    race = await a_race(peer, monkeypatch, can_ask=True)
    await race.send({**race.true, "content": {"msgtype": "m.text", "body": "changed"}})
    assert (await race.shown())["body"] == TOLD


async def test_a_message_that_nobody_could_give_comes_later(
    peer: Peer, new_server: Callable[..., Awaitable[Server]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is made of it: the search, what somebody's client is told of the room, and what other processes know."""
    race = await a_race(peer, monkeypatch, can_ask=False)
    other = await new_server(url=race.here.url, server_name=race.here.config.server_name)
    there = Person(other, race.bob.session)
    since = (await race.bob.call("GET", "/sync"))["next_batch"]
    await race.send({**race.true, "content": {"msgtype": "m.text", "body": "changed"}})
    assert (await race.shown(), await race.found()) == ({}, 0)
    await race.send({**race.true, "content": {}})
    assert await race.shown() == {}
    assert TOLD not in bodies((await there.messages(race.room, limit=30))["chunk"])
    await race.send(race.true)
    assert ((await race.shown())["body"], await race.found()) == (TOLD, 1)
    await hears(there, race.room, TOLD)
    news = (await race.bob.call("GET", "/sync", since=since))["rooms"]["join"][race.room]["timeline"]["events"]
    assert [e["content"].get("body") for e in news if e["event_id"] == race.event_id] == [TOLD]
    await race.send({**race.true, "content": {"msgtype": "m.text", "body": "changed"}})
    assert (await race.shown())["body"] == TOLD


async def test_a_thread_gets_what_came_late(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    race = await a_race(peer, monkeypatch, can_ask=False)
    await race.send(race.true)
    root, relation = race.event_id, {"m.relates_to": {"rel_type": "m.thread", "event_id": race.event_id}}
    race.event_id = await race.owner.say(race.room, "and the answer", **relation)

    async def there() -> Any:
        return await race.evil.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", race.event_id)

    pdu = orjson.loads(await until(there))
    await race.send({**pdu, "content": {}})
    await race.send(pdu)
    chunk = (await race.bob.call("GET", f"/_matrix/client/v1/rooms/{segment(race.room)}/relations/{segment(root)}"))["chunk"]
    assert [e["event_id"] for e in chunk] == [race.event_id]


async def test_what_was_redacted_stays_redacted(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    race = await a_race(peer, monkeypatch, can_ask=False)
    await race.send({**race.true, "content": {}})
    monkeypatch.undo()
    await race.owner.redact(race.room, race.event_id)

    async def redacted() -> Any:
        return await race.here.node.database.fetchval("SELECT redacted_by FROM events WHERE event_id = $1", race.event_id)

    await until(redacted)
    await race.send(race.true)
    assert (await race.shown(), await race.found()) == ({}, 0)
