"""A room that lets a server of its choice be asked about each event before it is seen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chappe.homeserver.app import node
from chappe.homeserver.app.routes import routes_of_node
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, Answer, endpoint, routes_of
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.redaction import redact
from chappe.matrix.room_versions import ROOM_VERSIONS
from chappe.matrix.signing import SigningKey, signed_bytes
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger
from tests.federation.test_rooms import agree, enter, hears
from tests.support import Person, Refused, Server, bodies, segment

POLICY = "m.room.policy"


class Judge:
    """A policy server: it signs what does not speak of casinos. `asked`: what it was shown."""

    def __init__(self) -> None:
        self.key = SigningKey(b"p" * 32, "policy_server")
        self.asked: list[dict[str, Any]] = []
        self.is_down = False
        self.answers = asyncio.Event()
        self.answers.set()

    @endpoint("POST", "/_matrix/policy/v1/sign", auth=SERVER_AUTH)
    async def sign(self, request: Request) -> Answer:
        pdu = await request.json_object()
        self.asked.append(pdu)
        await self.answers.wait()
        if self.is_down:
            raise MatrixError(500, "M_UNKNOWN", "out of order")
        if "casino" in str(pdu["content"]):
            raise Forbidden("No advertising here")
        signature = self.key.sign(signed_bytes(redact(pdu, ROOM_VERSIONS["11"])))
        return {request.destination: {"ed25519:policy_server": signature}}


class Scene:
    here: Server
    there: Server
    alice: Person
    bob: Person
    room: str
    judge: Judge
    content: dict[str, Any]


@pytest.fixture
async def scene(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Alice's room; Bob in it from another server; a policy server with a person in it, not yet named."""
    s = Scene()
    s.judge = Judge()
    monkeypatch.setattr(node, "routes_of_node", lambda parts: [*routes_of_node(parts), *routes_of(s.judge)])
    judging = await peer()
    monkeypatch.undo()
    s.here, s.there = await peer(), await peer()
    s.alice, s.bob, clerk = await s.here.person("alice"), await s.there.person("bob"), await judging.person("clerk")
    s.room = await s.alice.create_room(preset="public_chat", room_version="11")
    await enter(s.bob, s.room, s.here)
    await enter(clerk, s.room, s.here)
    await agree(s.room, s.here, s.there, judging)
    s.content = {"via": judging.config.server_name, "public_keys": {"ed25519": s.judge.key.public}}
    return s


async def said(person: Person, room: str) -> list[str]:
    return bodies((await person.messages(room, limit=50))["chunk"])


async def test_who_sends_is_told_what_the_policy_server_says(scene: Scene) -> None:
    alice, bob, room, judge = scene.alice, scene.bob, scene.room, scene.judge
    await alice.say(room, "before: casino")
    await alice.set_state(room, POLICY, scene.content)
    await agree(room, scene.here, scene.there)
    assert judge.asked == [], "the event that names it is not asked about"
    await alice.say(room, "good morning", txn="once")
    first = await alice.say(room, "good morning", txn="once")
    await hears(bob, room, "good morning")
    assert len(judge.asked) == 1, "what is repeated is not asked again"
    raw = await scene.there.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", first)
    assert b"ed25519:policy_server" in raw
    with pytest.raises(Refused) as refused:
        await alice.say(room, "come to the casino")
    assert (refused.value.status, refused.value.errcode) == (403, "M_FORBIDDEN")
    assert "No advertising here" in refused.value.body["error"]
    await bob.say(room, "I have seen it too")
    await bob.set_state(room, "m.room.member", {"membership": "join", "displayname": "Bob"}, bob.id)
    assert [e["type"] for e in judge.asked[-2:]] == ["m.room.message", "m.room.member"]
    await hears(alice, room, "I have seen it too")
    edited = await alice.redact(room, first)
    assert edited in [e["event_id"] for e in (await alice.messages(room, limit=3))["chunk"]]
    assert "good morning" not in await said(alice, room)


async def test_an_invitation_by_address_is_kept_with_its_event_or_not_at_all(scene: Scene) -> None:
    alice, room, server_name = scene.alice, scene.room, scene.here.config.server_name
    await alice.set_state(room, POLICY, scene.content)

    async def invite(address: str) -> None:
        body = {"id_server": server_name, "id_access_token": "x", "medium": "email", "address": address}
        await alice.call("POST", f"/rooms/{segment(room)}/invite", body)

    scene.judge.is_down = True
    with pytest.raises(Refused):
        await invite("refused@example.org")
    scene.judge.is_down = False
    await invite("guest@example.org")
    [waiting] = await scene.here.node.database.fetch("SELECT token, address FROM third_party_invites")
    assert waiting["address"] == "guest@example.org"
    kept = await alice.call("GET", f"/rooms/{segment(room)}/state/m.room.third_party_invite/{waiting['token']}")
    assert kept["display_name"] == "g...@e..."


async def test_what_was_not_asked_about_is_kept_from_members(scene: Scene) -> None:
    alice, bob, room = scene.alice, scene.bob, scene.room
    await alice.set_state(room, POLICY, scene.content)
    await agree(room, scene.here, scene.there)
    live = await scene.there.node.rooms.require(room)
    forger = Forger(scene.there, live, bob, scene.here)
    unasked = forger.event({"msgtype": "m.text", "body": "never asked, harmless"})
    bad = forger.event({"msgtype": "m.text", "body": "casino"})
    wrong = forger.event({"msgtype": "m.text", "body": "casino with a seal"})
    wrong["signatures"][scene.content["via"]] = {"ed25519:policy_server": "A" * 86}
    await forger.send(unasked, bad, wrong)
    await hears(alice, room, "never asked, harmless")
    await asyncio.wait_for(scene.here.node.pdu_queues.settled(), 60)
    assert await said(alice, room) == ["never asked, harmless"]
    statuses = await scene.here.node.database.fetch(
        "SELECT status FROM events WHERE event_id = ANY($1::text[])", [forger.id_of(bad), forger.id_of(wrong)]
    )
    assert [row["status"] for row in statuses] == [3, 3], "kept, soft-failed"


async def test_content_that_comes_later_is_asked_about(scene: Scene) -> None:
    """What the policy server said of an event that came emptied does not count for its content."""
    alice, bob, room = scene.alice, scene.bob, scene.room
    await alice.set_state(room, POLICY, scene.content)
    await agree(room, scene.here, scene.there)
    forger = Forger(scene.there, await scene.there.node.rooms.require(room), bob, scene.here)
    pdus = [forger.event({"msgtype": "m.text", "body": body}) for body in ("harmless", "casino")]
    for sent in ([{**pdu, "content": {"changed": True}} for pdu in pdus], pdus):
        await forger.send(*sent)
        await scene.here.node.pdu_queues.settled()
    asked = [e["content"] for e in scene.judge.asked]
    assert asked[:2] == [{}, {}]
    assert sorted(content["body"] for content in asked[2:]) == ["casino", "harmless"], "they are asked about side by side"
    assert await said(alice, room) == ["harmless"]
    emptied = await alice.call("GET", f"/rooms/{segment(room)}/event/{segment(forger.id_of(pdus[1]))}")
    assert emptied["content"] == {}


async def test_a_slow_policy_server_holds_up_its_own_room_only(scene: Scene) -> None:
    """What lacks its word is kept, durably, and asked about in the room's queue: the transaction is answered before."""
    alice, bob, room, judge = scene.alice, scene.bob, scene.room, scene.judge
    other = await alice.create_room(preset="public_chat", room_version="11")
    await enter(bob, other, scene.here)
    await alice.set_state(room, POLICY, scene.content)
    await agree(room, scene.here, scene.there)
    await agree(other, scene.here, scene.there)
    judge.answers.clear()
    forgers = [Forger(scene.there, await scene.there.node.rooms.require(r), bob, scene.here) for r in (room, other)]
    slow, quick = (f.event({"msgtype": "m.text", "body": body}) for f, body in zip(forgers, ("slow", "quick"), strict=True))
    answer = await forgers[0].send(slow, quick)
    assert answer == {forgers[0].id_of(slow): {}, forgers[1].id_of(quick): {}}
    assert "quick" in await said(alice, other)
    assert "slow" not in await said(alice, room)
    kept = "SELECT count(*) FROM federation_inbox WHERE event_id = $1"
    assert await scene.here.node.database.fetchval(kept, forgers[0].id_of(slow)) == 1
    await scene.here.stop()
    again = Server(scene.here.config, scene.here.data, scene.here.url)
    await again.start()
    alice.server = again
    try:
        assert await again.node.database.fetchval(kept, forgers[0].id_of(slow)) == 1
        judge.answers.set()
        await hears(alice, room, "slow")
    finally:
        await again.stop()


async def test_a_room_does_without_a_policy_server_that_is_out_of_order(scene: Scene) -> None:
    alice, room = scene.alice, scene.room
    await alice.set_state(room, POLICY, scene.content)
    scene.judge.is_down = True
    with pytest.raises(Refused) as refused:
        await alice.say(room, "anybody there?")
    assert refused.value.status == 502
    await alice.set_state(room, POLICY, {})
    await alice.say(room, "free again")
    assert await said(alice, room) == ["free again"]


@pytest.mark.parametrize(
    "content", [{"via": 1}, {"via": "nobody.example", "public_keys": {"ed25519": "x"}}, {"public_keys": {}}, {"via": "x"}]
)
async def test_a_policy_that_names_nobody_binds_nobody(scene: Scene, content: dict[str, Any]) -> None:
    await scene.alice.set_state(scene.room, POLICY, content)
    await scene.alice.say(scene.room, "as ever")
    assert await said(scene.alice, scene.room) == ["as ever"]
