"""A copy with the content of what is here without it comes late: whose word counts, what it makes of the room, and how much work."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from chappe.homeserver.outbound.federation.client import PeerUnreachable
from chappe.homeserver.rooms.remote.checks import kept
from chappe.homeserver.rooms.remote.completing import Completing
from chappe.homeserver.rooms.remote.renewal import LateCopy, RenewalWrite
from chappe.matrix.events import seal
from tests.federation.conftest import Peer
from tests.federation.foreign import VERSION, Foreign, Hall
from tests.federation.test_fit_copies import Pdu, a_race
from tests.federation.test_rooms import enter, hears
from tests.support import Person, Server, segment, until

SECRET = "what the prefect takes back"
UNFIT = "SELECT count(*) FROM events WHERE is_unfit AND redacted_by IS NULL"


async def delivers(evil: Server, here: Server, number: int, *pdus: Pdu) -> None:
    """Another server of the room sends what it has kept."""
    own = evil.config.server_name
    content = {"origin": own, "origin_server_ts": 1, "pdus": list(pdus), "edus": []}
    path = f"/_matrix/federation/v1/send/late{number}"
    await evil.node.federation_client.request(own, here.config.server_name, "PUT", path, content=content)
    await here.node.pdu_queues.settled()


@pytest.mark.parametrize("said", ["when bob came", "when a copy came"])
async def test_what_was_redacted_before_we_came_stays_redacted(peer: Peer, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """The redaction itself is not here: only the sender's own server can tell that it was no lie of whoever let bob in."""
    here, partner, evil = await peer(), await peer(), await peer()
    bob, owner, mallory = await here.person("bob"), await partner.person("owner"), await evil.person("mallory")
    room = await owner.create_room(preset="public_chat", room_version="11")
    await enter(mallory, room, partner)
    topic = await owner.set_state(room, "m.room.topic", {"topic": SECRET})
    true = await partner.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", topic)
    await owner.redact(room, topic)
    await owner.say(room, "it is gone")
    await hears(mallory, room, "it is gone")
    if said == "when a copy came":
        monkeypatch.setattr(Completing, "look_for", lambda *_: None)
    await enter(bob, room, partner)
    if said == "when bob came":
        await until(lambda: _is_settled(here))
    for number in range(2):
        await delivers(evil, here, number, orjson.loads(true))
        assert await bob.state(room, "m.room.topic") == {}
        assert await here.node.database.fetchval("SELECT topic FROM room_summaries WHERE name IS NULL") is None
    assert await _is_settled(here)
    raw = await here.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", topic)
    assert SECRET.encode() not in raw


async def _is_settled(server: Server) -> bool:
    return bool(await server.node.database.fetchval(UNFIT) == 0)


WORDS: dict[tuple[str, str], bool | None] = {  # what the sender's own server has, and another: whether the copy is believed
    ("whole", "redacted"): True,
    ("redacted", "whole"): None,
    ("nothing", "redacted"): False,
    ("nothing", "whole"): True,
    ("nothing", "nothing"): True,
    ("changed", "redacted"): False,
    ("changed", "nothing"): True,
}


@pytest.mark.parametrize(("home_has", "another_has"), WORDS)
async def test_whose_word_counts(peer: Peer, monkeypatch: pytest.MonkeyPatch, home_has: str, another_has: str) -> None:
    """None: the sender's own server says that it was redacted, and no copy will be believed any more."""
    race = await a_race(peer, monkeypatch, can_ask=False)
    await race.send({**race.true, "content": {}})
    client, home = race.here.node.federation_client, race.partner.config.server_name
    forms = {"whole": race.true, "redacted": {**race.true, "content": {}}, "changed": {**race.true, "content": {"body": "x"}}}
    ask = client.request

    async def answers(origin: str, destination: str, method: str, path: str, **more: Any) -> Any:
        if "/v1/event/" not in path:
            return await ask(origin, destination, method, path, **more)
        has = home_has if destination == home else another_has
        if has in forms:
            return {"origin": destination, "origin_server_ts": 1, "pdus": [forms[has]]}
        raise PeerUnreachable(destination, "it does not answer")

    monkeypatch.setattr(client, "request", answers)
    live = await race.here.node.rooms.require(race.room)
    copies, copy = race.here.node.pdu_queues.gaps.copies, kept(race.true, race.event_id, live.version)
    [filled] = await copies.fill(live, [copy], ["nobody.example"])
    believed = WORDS[home_has, another_has]
    assert filled.is_confirmed == (believed is not False) and filled.is_unfit == (believed is None)
    await race.here.node.pdu_queues.gaps.receive(live, {race.event_id: copy}, home)
    assert (await race.shown() == {}) == (believed is not True)
    assert await race.here.node.database.fetchval(UNFIT) == (believed is False)


class OwnHall:
    """A room of a server that nobody keeps honest, which bob of here is in. It has nothing to show to who asks it for an event."""

    def __init__(self, here: Server, foreign: Foreign, bob: Person, hall: Hall) -> None:
        self.here, self.foreign, self.bob, self.hall = here, foreign, bob, hall

    @classmethod
    async def entered(cls, peer: Peer, foreign: Foreign) -> OwnHall:
        here, hall = await peer(), Hall(foreign, 5)
        bob = await here.person("bob")
        hall.lets_in(bob.id)
        await bob.call("POST", f"/join/{segment(hall.room_id)}", {}, via=[foreign.name])
        self = cls(here, foreign, bob, hall)
        hall.last = (await self.live()).state["m.room.member", bob.id].event_id
        return self

    async def live(self) -> Any:
        return await self.here.node.rooms.require(self.hall.room_id)

    def event(self, kind: str, content: Pdu, **more: Any) -> tuple[str, Pdu]:
        create, power, _ = self.hall.ground
        pdu = self.hall.event(kind, self.hall.owner, content, [create, power, self.hall.owner_id], **more)
        self.hall.last = seal(pdu, VERSION, self.foreign.name, self.foreign.key)
        return self.hall.last, pdu

    async def send(self, *pdus: Pdu) -> None:
        await self.foreign.sends(self.here, [{"pdus": list(pdus)}])()
        await self.here.node.pdu_queues.settled()

    async def retold(self) -> int:
        sql = "SELECT coalesce(state_retold, 0) FROM memberships WHERE user_id = $1"
        return int(await self.here.node.database.fetchval(sql, self.bob.id))


def changed(pdu: Pdu) -> Pdu:
    return {**pdu, "content": {"body": "not what was signed", "msgtype": "m.text"}}


async def test_many_messages_that_get_their_content_are_one_write(peer: Peer, foreign: Foreign) -> None:
    """It is told to nobody anew, and the room is not read anew either."""
    own = await OwnHall.entered(peer, foreign)
    said = [own.event("m.room.message", {"msgtype": "m.text", "body": f"message number {n}"}) for n in range(12)]
    await own.send(*(changed(pdu) for _, pdu in said))
    assert await own.here.node.database.fetchval(UNFIT) == len(said)
    before, since = await own.live(), (await own.bob.call("GET", "/sync"))["next_batch"]
    incarnation = before.incarnation
    commits = await own.here.node.database.fetchval("SELECT count(*) FROM journal")
    await own.send(*(pdu for _, pdu in said))
    assert await own.here.node.database.fetchval("SELECT count(*) FROM journal") == commits + 1
    assert await own.here.node.database.fetchval(UNFIT) == 0 == await own.retold()
    live = await own.live()
    assert live is before and live.incarnation == incarnation, "it was not read anew"
    shown = (await own.bob.messages(own.hall.room_id, limit=50))["chunk"]
    by_id = {e["event_id"]: e["content"].get("body") for e in shown}
    assert [by_id[event_id] for event_id, _ in said] == [pdu["content"]["body"] for _, pdu in said]
    assert not (await own.bob.call("GET", "/sync", since=since)).get("device_lists", {}).get("changed")


async def test_a_room_is_told_anew_once_in_a_while(peer: Peer, foreign: Foreign) -> None:
    """Where its state has got its content: at once, then not for a while, and in the end. Its members are no news."""
    own = await OwnHall.entered(peer, foreign)
    told = []
    for number in range(3):
        topic, pdu = own.event("m.room.topic", {"topic": f"topic number {number}"}, state_key="")
        await own.send(changed(pdu))
        assert await own.bob.state(own.hall.room_id, "m.room.topic") == {}
        since = (await own.bob.call("GET", "/sync"))["next_batch"]
        await own.send(pdu)
        assert (await own.bob.state(own.hall.room_id, "m.room.topic"))["topic"] == f"topic number {number}"
        news = await own.bob.call("GET", "/sync", since=since)
        assert not news.get("device_lists", {}).get("changed")
        told.append(await own.retold())
        if number == 0:
            state = news["rooms"]["join"][own.hall.room_id]
            events = [*state.get("state", {}).get("events", []), *state["timeline"]["events"]]
            assert {e["event_id"]: e["content"] for e in events}[topic] == pdu["content"]
    assert told[0] > 0 and told == [told[0]] * 3
    await own.here.node.pdu_queues.stop()
    assert await own.retold() > told[0]


async def test_who_is_called_what_is_no_reason_to_tell_anew(peer: Peer, foreign: Foreign) -> None:
    own = await OwnHall.entered(peer, foreign)
    content = {"membership": "join", "displayname": "Mallory of the partner"}
    _, pdu = own.event("m.room.member", content, state_key=own.hall.owner)
    await own.send({**pdu, "content": {"membership": "join", "displayname": "somebody else"}})
    found = await own.bob.call("POST", "/user_directory/search", {"search_term": "Mallory"})
    assert found["results"] == []
    await own.send(pdu)
    assert await own.retold() == 0
    assert await own.bob.state(own.hall.room_id, "m.room.member", own.hall.owner) == content
    found = await own.bob.call("POST", "/user_directory/search", {"search_term": "Mallory"})
    assert [user["user_id"] for user in found["results"]] == [own.hall.owner]


async def test_what_is_known_of_an_event_is_not_emptied_by_who_delivers_it(peer: Peer, foreign: Foreign) -> None:
    """A state event that others cite is here before it has its place; so is one of which nothing is left."""
    own = await OwnHall.entered(peer, foreign)
    live = await own.live()
    topic, pdu = own.event("m.room.topic", {"topic": "of the prefecture"}, state_key="")
    name, gone = own.event("m.room.name", {"name": SECRET}, state_key="")
    known = {topic: kept(pdu, topic, live.version), name: kept({**gone, "content": {}}, name, live.version).confirmed()}
    await own.here.node.elsewhere.entering._receiver.outliers.adopt(live, known)
    await own.send(changed(pdu), gone)
    assert await own.bob.state(own.hall.room_id, "m.room.topic") == {"topic": "of the prefecture"}
    assert await own.bob.state(own.hall.room_id, "m.room.name") == {}
    assert await own.here.node.database.fetchval(UNFIT) == 0


async def test_what_is_redacted_meanwhile_stays_redacted(peer: Peer, foreign: Foreign) -> None:
    """Somebody redacts it between the look at what is here and the write of what has come."""
    own = await OwnHall.entered(peer, foreign)
    said, pdu = own.event("m.room.message", {"msgtype": "m.text", "body": SECRET})
    topic, named = own.event("m.room.topic", {"topic": SECRET}, state_key="")
    await own.send(changed(pdu), changed(named))
    live = await own.live()
    late = {
        live.recent(event_id).nid: LateCopy(kept(whole, event_id, live.version))
        for event_id, whole in ((said, pdu), (topic, named))
    }
    for event_id in (said, topic):
        await own.send(own.event("m.room.redaction", {"redacts": event_id})[1])
    assert all(live.recent(event_id).is_redacted for event_id in (said, topic))
    await own.here.node.rooms.commit(RenewalWrite(live, late))
    assert await own.bob.state(own.hall.room_id, "m.room.topic") == {}
    shown = {e["event_id"]: e for e in (await own.bob.messages(own.hall.room_id, limit=50))["chunk"]}
    assert shown[said]["content"] == shown[topic]["content"] == {}
    assert SECRET not in orjson.dumps(await own.bob.call("GET", "/sync")).decode()
    assert await own.here.node.database.fetchval("SELECT topic FROM room_summaries") is None


@pytest.mark.parametrize(("version", "target"), [("6", "here"), ("10", "here"), ("11", "here"), ("10", "not here")])
async def test_a_redaction_that_came_emptied_redacts_once_its_content_comes(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, version: str, target: str
) -> None:
    """Until version 10 what a redaction leaves of a redaction names no event."""
    here, partner, evil = await peer(), await peer(), await peer()
    bob, owner, mallory = await here.person("bob"), await partner.person("owner"), await evil.person("mallory")
    room = await owner.create_room(preset="public_chat", room_version=version)
    await enter(bob, room, partner)
    await enter(mallory, room, partner)
    said = await owner.say(room, SECRET)
    await hears(bob, room, SECRET)
    await hears(mallory, room, SECRET)
    monkeypatch.setattr(here.node.federation_client, "request", _deaf(here, "/v1/event/"))
    monkeypatch.setattr(partner.node.federation_client, "request", _deaf(partner, "/send/", here))
    redaction = await owner.redact(room, said, "it was wrong")
    await until(lambda: _row(evil, redaction))
    pdu = await _row(evil, redaction)
    await delivers(evil, here, 1, {**pdu, "content": {**pdu["content"], "reason": "another reason"}})
    assert await here.node.database.fetchval(UNFIT) == 1
    if version != "11" and target == "here":
        assert (await bob.call("GET", f"/rooms/{segment(room)}/event/{segment(said)}"))["content"] != {}
    if target == "not here":
        await here.node.database.execute("DELETE FROM events WHERE event_id = $1", said)
    await delivers(evil, here, 2, pdu)
    if target == "here":
        shown = await bob.call("GET", f"/rooms/{segment(room)}/event/{segment(said)}")
        assert shown["content"] == {} and shown["unsigned"]["redacted_because"]["event_id"] == redaction
        assert SECRET.encode() not in await here.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", said)
    else:
        held = await here.node.database.fetchval("SELECT redaction FROM held_redactions WHERE target = $1", said)
        assert held == redaction


async def _row(server: Server, event_id: str) -> Any:
    raw = await server.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", event_id)
    return None if raw is None else orjson.loads(raw)


def _deaf(server: Server, part: str, to: Server | None = None) -> Any:
    """Requests of a server that come to nothing."""
    ask = server.node.federation_client.request

    async def request(origin: str, destination: str, method: str, path: str, **more: Any) -> Any:
        if part in path and (to is None or destination == to.config.server_name):
            raise PeerUnreachable(destination, "the line is down")
        return await ask(origin, destination, method, path, **more)

    return request
