"""A neighbour that signs what it likes: nothing crashes, nothing leaks, and the others are served."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

import pytest

from chappe.homeserver.http.router import SERVER_AUTH
from chappe.homeserver.outbound.federation.client import PeerRefused, PeerUnreachable
from chappe.homeserver.rooms.create_event import Draft, pdu_of
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote import gaps
from chappe.matrix.events import event_id_of, seal
from tests.federation.conftest import Peer
from tests.federation.test_rooms import agree, enter, hears
from tests.support import Person, Server, bodies, segment, until


class Forger:
    """Writes events as another server could, for a member of a room that it is in."""

    def __init__(self, evil: Server, room: LiveRoom, person: Person, target: Server) -> None:
        self.evil, self.room, self.person, self.target = evil, room, person, target

    def event(self, content: dict[str, Any] | None = None, seals: bool = True, **changes: Any) -> dict[str, Any]:
        kind = changes.pop("type", "m.room.message")
        draft = Draft(kind, self.person.id, content or {"msgtype": "m.text", "body": "evil"}, changes.pop("state_key", None))
        pdu = pdu_of(self.room, draft, self.evil.node.now_ms(), secrets.token_hex(8))
        pdu.update(changes)
        if seals:
            name = self.evil.config.server_name
            seal(pdu, self.room.version, name, self.evil.node.domains.signing_key(name))
        return pdu

    def id_of(self, pdu: dict[str, Any]) -> str:
        return event_id_of(pdu, self.room.version)

    async def send(self, *pdus: Any, edus: Any = ()) -> dict[str, Any]:
        name, to = self.evil.config.server_name, self.target.config.server_name
        content = {"origin": name, "origin_server_ts": 1, "pdus": list(pdus), "edus": list(edus)}
        path = f"/_matrix/federation/v1/send/{secrets.token_hex(8)}"
        answer = await self.evil.node.federation_client.request(name, to, "PUT", path, content=content)
        return answer["pdus"]  # type: ignore[no-any-return]

    async def send_all(self, pdus: list[Any]) -> dict[str, Any]:
        """In as many transactions as it takes."""
        results: dict[str, Any] = {}
        for start in range(0, len(pdus), 50):
            results |= await self.send(*pdus[start : start + 50])
        return results


async def scene(peer: Peer, version: str = "11", **room: Any) -> tuple[Person, Person, str, Forger]:
    here, evil = await peer(), await peer()
    alice, mallory = await here.person("alice"), await evil.person("mallory")
    room_id = await alice.create_room(preset="public_chat", room_version=version, **room)
    await enter(mallory, room_id, here)
    await agree(room_id, here, evil)
    return alice, mallory, room_id, Forger(evil, await evil.node.rooms.require(room_id), mallory, here)


async def texts(person: Person, room: str) -> list[str]:
    return bodies((await person.messages(room, limit=100))["chunk"])


async def test_forgeries_are_refused(peer: Peer) -> None:
    alice, mallory, room, forger = await scene(peer)
    good = forger.event({"msgtype": "m.text", "body": "good"})
    assert await forger.send(good) == {forger.id_of(good): {}}
    tampered = forger.event({"msgtype": "m.text", "body": "one thing"})
    tampered["signatures"] = good["signatures"]
    in_anothers_name = forger.event(sender=alice.id)
    unsigned = forger.event()
    unsigned["signatures"] = {}
    wrong_hash = forger.event({"msgtype": "m.text", "body": "as signed"})
    wrong_hash["content"] = {"msgtype": "m.text", "body": "as sent"}
    answer = await forger.send(tampered, in_anothers_name, unsigned, wrong_hash)
    assert {i for i, r in answer.items() if r == {}} == {forger.id_of(wrong_hash)}
    await forger.target.node.pdu_queues.settled()  # others were asked first for what it was signed with
    assert await texts(alice, room) == ["good"]
    event = await alice.call("GET", f"/rooms/{room}/event/{forger.id_of(wrong_hash)}")
    assert event["content"] == {}, "what does not fit its hash is kept without content"


@pytest.mark.parametrize(
    "broken",
    [
        None,
        1,
        "event",
        [],
        {},
        {"room_id": 1},
        {"room_id": "!x"},
        lambda f: f.event(prev_events=["$x"] * 21),
        lambda f: f.event(auth_events=["$x"] * 11),
        lambda f: f.event(depth=-1),
        lambda f: f.event(depth="1"),
        lambda f: f.event(origin_server_ts=1.5, seals=False),
        lambda f: f.event({"n": 1.5}, seals=False),
        lambda f: f.event({"body": "x" * 70_000}),
        lambda f: f.event(sender="mallory", seals=False),
        lambda f: f.event(prev_events=[["$x", {}]], seals=False),
        lambda f: {**f.event(), "content": "text"},
        lambda f: {**f.event(), "signatures": {"localhost": "x"}},
        lambda f: {**f.event(), "hashes": []},
        lambda f: f.event(type="m.room.message", state_key=None, room_id="!other:localhost"),
    ],
)
async def test_malformed_events_change_nothing(peer: Peer, broken: Any) -> None:
    alice, _, room, forger = await scene(peer)
    pdu = broken(forger) if callable(broken) else broken
    for result in (await forger.send(pdu)).values():
        assert "error" in result
    good = forger.event({"msgtype": "m.text", "body": "good"})
    assert await forger.send(good) == {forger.id_of(good): {}}
    assert await texts(alice, room) == ["good"]


async def test_what_the_rules_forbid_is_kept_from_members(peer: Peer) -> None:
    alice, mallory, room, forger = await scene(peer)
    coup = forger.event({"users": {mallory.id: 100}}, type="m.room.power_levels", state_key="")
    promoted = forger.event({"membership": "join"}, type="m.room.member", state_key=alice.id)
    no_auth = forger.event(auth_events=[])
    await forger.send(coup, promoted, no_auth)
    live = await forger.target.node.rooms.require(room)
    assert live.state["m.room.power_levels", ""].sender == alice.id
    assert await texts(alice, room) == []
    rows = await forger.target.node.database.fetch("SELECT status FROM events WHERE sender = $1 AND status = 2", mallory.id)
    assert len(rows) == 3, "rejected events are kept: others may build on them"
    after = forger.event({"msgtype": "m.text", "body": "on rejected ground"}, prev_events=[forger.id_of(coup)])
    assert await forger.send(after) == {forger.id_of(after): {}}
    await hears(alice, room, "on rejected ground")


async def test_banned_and_writing_at_an_old_place(peer: Peer) -> None:
    alice, mallory, room, forger = await scene(peer)
    old = dict(forger.room.ahead.forward_extremities)
    await alice.act("ban", room, mallory)
    await agree(room, forger.target, forger.evil)
    late = forger.event({"msgtype": "m.text", "body": "I was never banned"}, prev_events=list(old))
    member = [e.event_id for e in (forger.room.get(k) for k in (("m.room.create", ""), ("m.room.power_levels", ""))) if e]
    joins = await forger.target.node.database.fetch(
        "SELECT event_id FROM events WHERE state_key = $1 AND type = 'm.room.member' ORDER BY position LIMIT 1", mallory.id
    )
    late["auth_events"] = [*member, joins[0]["event_id"]]
    name = forger.evil.config.server_name
    seal(late, forger.room.version, name, forger.evil.node.domains.signing_key(name))
    assert await forger.send(late) == {forger.id_of(late): {}}
    assert await texts(alice, room) == []
    status = await forger.target.node.database.fetchval("SELECT status FROM events WHERE event_id = $1", forger.id_of(late))
    assert status == 3
    live = await forger.target.node.rooms.require(room)
    assert forger.id_of(late) not in live.forward_extremities


async def test_replays_and_two_events_of_one_id(peer: Peer) -> None:
    alice, mallory, room, forger = await scene(peer, "1")
    first = forger.event({"msgtype": "m.text", "body": "first"})
    second = forger.event({"msgtype": "m.text", "body": "second"}, event_id=first["event_id"])
    for pdu in (first, first, second, first):
        await forger.send(pdu)
    assert await texts(alice, room) == ["first"]


async def test_auth_cycles_end(peer: Peer) -> None:
    alice, mallory, room, forger = await scene(peer, "1")
    ids = [f"${n}{secrets.token_hex(4)}:{forger.evil.config.server_name}" for n in range(2)]
    events = [
        forger.event({"n": n}, type="org.example", state_key=mallory.id, event_id=ids[n], auth_events=[[ids[1 - n], {}]])
        for n in range(2)
    ]
    serving = forger.evil.node.serving

    async def event_auth(*_: Any) -> list[bytes]:
        return [json.dumps(e).encode() for e in events]

    serving.event_auth = event_auth  # type: ignore[method-assign]
    await forger.send(*events)
    await asyncio.wait_for(forger.target.node.pdu_queues.settled(), 20)
    live = await forger.target.node.rooms.require(room)
    assert ("org.example", mallory.id) not in live.state
    assert await forger.target.node.database.fetchval("SELECT count(*) FROM federation_inbox") == 0
    await alice.say(room, "still here")


async def test_endless_gaps_end_and_hold_up_nobody(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "GAP_LIMIT", 300)
    alice, mallory, room, forger = await scene(peer)
    friend = await peer()
    bob = await friend.person("bob")
    await enter(bob, room, forger.target)
    await agree(room, forger.target, forger.evil, friend)
    served = 0

    def endless(count: int) -> list[bytes]:
        nonlocal served
        made = []
        for _ in range(count):
            pdu = forger.event({"msgtype": "m.text", "body": "gap"}, prev_events=["$" + secrets.token_urlsafe(32)])
            made.append(json.dumps(pdu).encode())
        served += count
        return made

    async def missing_events(*_: Any) -> list[bytes]:
        return endless(20)

    async def backfill(*_: Any) -> list[bytes]:
        return endless(100)

    async def ids_of_state(*_: Any) -> Any:
        await asyncio.sleep(0.2)
        raise RuntimeError("a hostile server answers with errors")

    serving = forger.evil.node.serving
    serving.missing_events, serving.backfill = missing_events, backfill  # type: ignore[method-assign]
    serving.ids_of_state = ids_of_state  # type: ignore[method-assign]
    bad = forger.event({"msgtype": "m.text", "body": "after the gap"}, prev_events=["$" + secrets.token_urlsafe(32)])
    assert await forger.send(bad) == {forger.id_of(bad): {}}
    await bob.say(room, "meanwhile")
    await hears(alice, room, "meanwhile")

    async def asked_enough() -> bool:
        return served >= 300

    await until(asked_enough)
    await bob.say(room, "and later")
    await hears(alice, room, "and later")
    assert served < 1500


async def test_transactions_have_limits(peer: Peer) -> None:
    alice, mallory, room, forger = await scene(peer)
    for body in ({"pdus": [{}] * 51}, {"pdus": {}}, {"edus": [{}] * 101}, {"edus": "x"}):
        name, to = forger.evil.config.server_name, forger.target.config.server_name
        with pytest.raises(Exception, match="localhost"):
            await forger.evil.node.federation_client.request(name, to, "PUT", "/_matrix/federation/v1/send/1", content=body)
    strange: list[Any] = [
        None,
        {"edu_type": 1},
        {"edu_type": "m.typing", "content": {"room_id": 1, "user_id": alice.id, "typing": True}},
        {"edu_type": "m.typing", "content": {"room_id": room, "user_id": alice.id, "typing": True}},
        {"edu_type": "m.receipt", "content": {room: {"m.read": {alice.id: {"event_ids": ["$x"]}}}}},
        {"edu_type": "m.receipt", "content": {room: {"m.read": {mallory.id: {"event_ids": [1]}}}}},
        {"edu_type": "m.direct_to_device", "content": {"sender": alice.id, "type": "x", "messages": {alice.id: {"*": {}}}}},
        {"edu_type": "m.presence", "content": {"push": [{"user_id": alice.id, "presence": "online"}, 1]}},
        {"edu_type": "m.device_list_update", "content": {"user_id": alice.id}},
    ]
    assert await forger.send(edus=strange) == {}
    answer = await alice.call("GET", "/sync", timeout=0)
    ephemeral = answer["rooms"]["join"][room]["ephemeral"]["events"]
    assert all(alice.id not in json.dumps(e) for e in ephemeral)
    assert "events" not in answer.get("to_device", {}) or answer["to_device"]["events"] == []


async def test_strangers_read_nothing(peer: Peer) -> None:
    alice, _, room, forger = await scene(peer)
    secret = await alice.create_room(preset="private_chat")
    event = await alice.say(secret, "secret")
    name, to = forger.evil.config.server_name, forger.target.config.server_name
    v1 = "/_matrix/federation/v1"
    for path in (
        f"{v1}/event/{event}",
        f"{v1}/state/{secret}?event_id={event}",
        f"{v1}/state_ids/{secret}?event_id={event}",
        f"{v1}/backfill/{secret}?v={event}&limit=10",
        f"{v1}/event_auth/{secret}/{event}",
        f"{v1}/timestamp_to_event/{secret}?ts=1&dir=f",
        f"{v1}/make_join/{secret}/{alice.id}?ver=12",
        f"{v1}/make_join/{secret}/@mallory:{name}?ver=12",
        f"{v1}/hierarchy/{secret}",
        f"{v1}/user/devices/@mallory:{name}",
    ):
        with pytest.raises(Exception) as refused:
            await forger.evil.node.federation_client.request(name, to, "GET", path)
        assert getattr(refused.value, "peer_status", None) in (403, 404), path


NONSENSE: list[Any] = [None, True, 0, -1, 2**53, 1.5, "", "x", "\u0000", [], {}, [None], {"a": None}, {"": [[]]}]
FIELDS = (
    "event",
    "room_version",
    "invite_room_state",
    "earliest_events",
    "latest_events",
    "limit",
    "min_depth",
    "pdus",
    "edus",
    "device_keys",
    "one_time_keys",
    "filter",
    "since",
    "type",
    "content",
    "sender",
    "state_key",
    "room_id",
    "depth",
    "origin_server_ts",
    "prev_events",
    "auth_events",
    "hashes",
    "signatures",
    "unsigned",
    "server_keys",
)


async def test_no_signed_nonsense_is_a_server_error(peer: Peer) -> None:
    """Every route for servers, with parameters and bodies that nobody should send."""
    alice, mallory, room, forger = await scene(peer)
    name, to = forger.evil.config.server_name, forger.target.config.server_name
    client = forger.evil.node.federation_client
    event = await alice.say(room, "a message")
    params = {
        "roomId": [room, "nonsense", "!unknown:localhost"],
        "eventId": [event, "$unknown", "x" * 300],
        "userId": [mallory.id, alice.id, "nonsense"],
        "txnId": ["t", "x" * 300],
        "mediaId": ["nothing", "..", "%2F.."],
    }
    bodies_: list[Any] = [{}, *(dict.fromkeys(FIELDS, value) for value in NONSENSE)]
    bodies_ += [{**forger.event(), field: value} for field in ("content", "prev_events", "sender") for value in NONSENSE]
    queries = [
        {},
        {"ver": "12"},
        *(
            {
                k: str(v)
                for k in (
                    "event_id",
                    "v",
                    "limit",
                    "ts",
                    "dir",
                    "user_id",
                    "room_alias",
                    "since",
                    "width",
                    "height",
                    "method",
                    "suggested_only",
                )
            }
            for v in ("", "x", "-1", "99999999999999999999")
        ),
    ]
    asked = 0
    for route in forger.target.node.routes():
        endpoint = route.endpoint
        if endpoint.auth != SERVER_AUTH:
            continue
        names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
        for variant in range(3):
            path = endpoint.path
            for n in names:
                choices = params[n]
                path = path.replace("{" + n + "}", segment(choices[variant % len(choices)]))
            for body in bodies_ if endpoint.method in ("PUT", "POST") else [None]:
                for query in queries if body is None else [None]:
                    asked += 1
                    try:
                        await client.request(name, to, endpoint.method, path, query=query, content=body)
                    except PeerRefused as error:
                        assert 400 <= error.peer_status < 500, (endpoint.path, path, query, body, str(error))
                    except PeerUnreachable as error:  # a file is no JSON; anything else should have been answered
                        assert "/media/" in path, (path, error)
                    except (TypeError, ValueError):
                        continue  # this cannot even be signed
    assert asked > 500
    await alice.say(room, "still here")


async def test_a_server_that_the_room_shuts_out(peer: Peer) -> None:
    alice, mallory, room, forger = await scene(peer)
    late = forger.event({"msgtype": "m.text", "body": "too late"})
    await alice.set_state(room, "m.room.server_acl", {"allow": ["*"], "deny": ["localhost"]})  # every server of these tests
    assert "may not take part" in (await forger.send(late))[forger.id_of(late)]["error"]
    typing = {"edu_type": "m.typing", "content": {"room_id": room, "user_id": mallory.id, "typing": True}}
    assert await forger.send(edus=[typing]) == {}
    assert forger.target.node.typing.users((await forger.target.node.rooms.require(room)).nid) == []
    name, to = forger.evil.config.server_name, forger.target.config.server_name
    for path in (
        f"make_join/{room}/{mallory.id}?ver=11",
        f"backfill/{room}?v={forger.id_of(late)}",
        f"state/{room}?event_id=$x",
    ):
        with pytest.raises(PeerRefused) as refused:
            await forger.evil.node.federation_client.request(name, to, "GET", f"/_matrix/federation/v1/{path}")
        assert refused.value.peer_status == 403
    assert await texts(alice, room) == []


async def test_a_room_that_denies_a_server_denies_its_invitations_and_no_other_rooms_receipts(peer: Peer) -> None:
    alice, mallory, closed, forger = await scene(peer)
    bob = await forger.target.person("bob")
    other = await alice.create_room(preset="public_chat")
    await enter(mallory, other, forger.target)
    said = await alice.say(other, "read this")
    invitation = forger.event({"membership": "invite"}, type="m.room.member", state_key=bob.id)
    await alice.set_state(closed, "m.room.server_acl", {"allow": ["*"], "deny": ["localhost"]})
    read = {"m.read": {mallory.id: {"event_ids": [said], "data": {"ts": 1}}}}
    await forger.send(edus=[{"edu_type": "m.receipt", "content": {closed: read, other: read}}])
    ephemeral = (await alice.call("GET", "/sync"))["rooms"]["join"][other]["ephemeral"]["events"]
    assert any(mallory.id in str(event) for event in ephemeral)
    name, to = forger.evil.config.server_name, forger.target.config.server_name
    path = f"/_matrix/federation/v2/invite/{segment(closed)}/{segment(forger.id_of(invitation))}"
    with pytest.raises(PeerRefused) as refused:
        content = {"event": invitation, "room_version": "11", "invite_room_state": []}
        await forger.evil.node.federation_client.request(name, to, "PUT", path, content=content)
    assert refused.value.peer_status == 403


async def test_the_same_event_twice_in_one_transaction(peer: Peer) -> None:
    alice, _, room, forger = await scene(peer)
    once = forger.event({"msgtype": "m.text", "body": "once"})
    assert await forger.send(once, once) == {forger.id_of(once): {}}
    assert await texts(alice, room) == ["once"]


async def test_a_flood_of_forks_and_state(peer: Peer) -> None:
    """Hundreds of state events side by side, each on the same old ground: they are resolved, and nobody else waits."""
    alice, mallory, room, forger = await scene(peer, power_level_content_override={"state_default": 0})
    carol = await forger.target.person("carol")
    other = await alice.create_room(preset="public_chat")
    await carol.join(other)
    ground, flood = list(forger.room.ahead.forward_extremities), []
    for number in range(300):
        flood.append(
            forger.event(
                {"n": number}, type="test.flood", state_key=str(number % 50), prev_events=ground, origin_server_ts=number + 1
            )
        )
    sending = asyncio.create_task(forger.send_all(flood))
    for number in range(20):
        await alice.say(other, f"meanwhile {number}")
        await hears(carol, other, f"meanwhile {number}")
    assert all(result == {} for result in (await sending).values())
    await alice.say(room, "still here")
    live = await forger.target.node.rooms.require(room)
    assert len([key for key in live.state if key[0] == "test.flood"]) == 50
    for _ in range(20):
        await alice.say(room, "and on")
    assert len(live.forward_extremities) <= 20, "what is said ties the ends together"
    newest = forger.event({"msgtype": "m.text", "body": "after the flood"}, prev_events=list(live.forward_extremities)[:20])
    await forger.send(newest)
    await hears(alice, room, "after the flood")


async def test_a_deep_chain_of_memberships(peer: Peer) -> None:
    """Each event cites the one before: the auth chain is hundreds deep, and is found without walking it again and again."""
    alice, mallory, room, forger = await scene(peer)
    live = forger.room
    fixed = [
        e.event_id
        for key in (("m.room.create", ""), ("m.room.power_levels", ""), ("m.room.join_rules", ""))
        if (e := live.get(key)) is not None
    ]
    own = live.get(("m.room.member", mallory.id))
    assert own is not None
    chain, cited, prev, depth = [], own.event_id, list(live.ahead.forward_extremities), live.depth
    for number in range(400):
        depth += 1
        content = {"membership": "join", "displayname": f"Mallory {number}"}
        pdu = forger.event(
            content, type="m.room.member", state_key=mallory.id, prev_events=prev, auth_events=[*fixed, cited], depth=depth
        )
        cited = forger.id_of(pdu)
        prev = [cited]
        chain.append(pdu)
    assert all(result == {} for result in (await forger.send_all(chain)).values())
    target = await forger.target.node.rooms.require(room)
    assert target.state["m.room.member", mallory.id].content["displayname"] == "Mallory 399"
    rows = await forger.target.node.database.fetch(
        "SELECT length(rest) AS size FROM auth_events WHERE room_nid = $1", target.nid
    )
    assert max(row["size"] for row in rows) < 200, "no event carries its whole chain"
    bases = await forger.target.node.database.fetchval(
        "SELECT sum(length(chain)) FROM auth_bases WHERE room_nid = $1", target.nid
    )
    assert bases < 40_000
    answer = await forger.evil.node.federation_client.get(
        forger.evil.config.server_name,
        forger.target.config.server_name,
        f"/_matrix/federation/v1/state_ids/{segment(room)}?event_id={segment(cited)}",
    )
    assert len(answer["auth_chain_ids"]) > 395
    await alice.say(room, "unimpressed")
    assert "unimpressed" in await texts(alice, room)


async def test_another_event_of_a_fork_costs_what_is_new_of_it(peer: Peer) -> None:
    """States are resolved again with every event of a fork: what was read for the one before is not read again."""
    alice, mallory, room, forger = await scene(peer)
    here, tip = forger.target.node, list(forger.room.ahead.forward_extremities)
    member = forger.room.state["m.room.member", mallory.id].event_id
    renaming = forger.event({"membership": "join"}, type="m.room.member", state_key=mallory.id)
    cited = [event_id for event_id in renaming["auth_events"] if event_id != member]
    for n in range(5):
        await alice.set_state(room, "m.room.topic", {"topic": f"{n}"})
    costs = []
    for n in range(12):
        content = {"membership": "join", "displayname": f"M {n}"}
        renamed = forger.event(
            content, type="m.room.member", state_key=mallory.id, prev_events=tip, auth_events=[*cited, member]
        )
        before = here.database.statements
        assert await forger.send(renamed) == {forger.id_of(renamed): {}}
        await here.pdu_queues.settled()
        costs.append(here.database.statements - before)
        member, tip = forger.id_of(renamed), [forger.id_of(renamed)]
    assert max(costs[2:]) <= 15, costs
    live = await here.rooms.require(room)
    assert live.state["m.room.member", mallory.id].content["displayname"] == "M 11" and len(live.forward_extremities) == 2


@pytest.mark.parametrize("before", ["invitation withdrawn", "kicked", "never there"])
@pytest.mark.parametrize("rule", ["restricted", "knock_restricted"])
async def test_a_join_is_judged_as_its_template_would_be(peer: Peer, before: str, rule: str) -> None:
    """A hostile server needs no template: it names a member who may invite as its voucher, and cites what it likes."""
    here, evil = await peer(), await peer()
    alice, mallory, friend = await here.person("alice"), await evil.person("mallory"), await evil.person("friend")
    space = await alice.create_room(preset="private_chat", creation_content={"type": "m.space"})
    allow = [{"type": "m.room_membership", "room_id": space}]
    join_rules = {"type": "m.room.join_rules", "content": {"join_rule": rule, "allow": allow}}
    room = await alice.create_room(preset="private_chat", initial_state=[join_rules], room_version="11")
    old = await here.node.rooms.require(room)
    if before != "never there":
        await alice.invite(room, mallory)
        if before == "kicked":
            await enter(mallory, room, here)
    cited = [
        e.event_id
        for k in (
            ("m.room.create", ""),
            ("m.room.power_levels", ""),
            ("m.room.join_rules", ""),
            ("m.room.member", alice.id),
            ("m.room.member", mallory.id),
        )
        if (e := old.get(k)) is not None
    ]
    prev = list(old.ahead.forward_extremities)
    if before != "never there":
        await alice.act("kick", room, mallory)
    await alice.say(room, "the secret")

    forged = []

    async def send_join(voucher: str | None, who: Person = mallory) -> tuple[int, str | None]:
        content = {"membership": "join"} | ({"join_authorised_via_users_server": voucher} if voucher else {})
        pdu = pdu_of(old, Draft("m.room.member", who.id, content, who.id), evil.node.now_ms(), "x")
        pdu.update({"prev_events": prev, "auth_events": cited, "depth": 9})
        own = evil.config.server_name
        seal(pdu, old.version, own, evil.node.domains.signing_key(own))
        forged.append(event_id_of(pdu, old.version))
        path = f"/_matrix/federation/v2/send_join/{segment(room)}/{segment(forged[-1])}"
        try:
            await evil.node.federation_client.request(own, here.config.server_name, "PUT", path, content=pdu)
        except PeerRefused as error:
            return error.peer_status or 0, error.errcode
        return 200, None

    for voucher in (alice.id, None, f"@nobody:{here.config.server_name}", mallory.id):
        status, code = await send_join(voucher)
        assert status == 403 or (status, code) == (400, "M_UNABLE_TO_GRANT_JOIN"), (voucher, status, code)
    assert (await here.node.rooms.require(room)).membership(mallory.id) == "leave"
    asked = [
        f"backfill/{segment(room)}?v={segment(event)}&limit=10" for event in (prev[0], *old.ahead.forward_extremities, *forged)
    ]
    asked += [f"{door}/{segment(room)}?event_id={segment(event)}" for door in ("state", "state_ids") for event in forged]
    for path in asked:  # who was in the room may know of that time, and of nothing else
        path = f"/_matrix/federation/v1/{path}"
        try:
            told = await evil.node.federation_client.get(evil.config.server_name, here.config.server_name, path)
        except PeerRefused as refused:
            assert refused.peer_status == 403
        else:
            assert before == "kicked" and "backfill" in path and "the secret" not in json.dumps(told)
    await alice.invite(space, friend)
    await enter(friend, space, here)
    await enter(friend, room, here)
    await hears(friend, room, "the secret") if before == "never there" else None
    assert (await here.node.rooms.require(room)).membership(friend.id) == "join"


NUL_PLACES: list[dict[str, Any]] = [
    {"type": "a\0"},
    {"type": "org.x", "state_key": "a\0"},
    {"prev_events": ["$\0"]},
    {"auth_events": ["$\0"]},
    {"type": "m.room.redaction", "content": {"redacts": "$\0"}},
]


@pytest.mark.parametrize("place", NUL_PLACES, ids=str)
async def test_what_no_database_holds_stops_nothing_beside_it(
    peer: Peer, place: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    alice, _, room, forger = await scene(peer, "11")
    changes = dict(place)
    poison = forger.event(changes.pop("content", None), **changes)
    good = forger.event({"msgtype": "m.text", "body": "beside it"})
    presence = {
        "edu_type": "m.presence",
        "content": {"push": [{"user_id": forger.person.id, "presence": "online", "status_msg": "\0"}]},
    }
    receipt = {"edu_type": "m.receipt", "content": {room: {"m.read": {forger.person.id: {"event_ids": ["$\0"], "data": {}}}}}}
    typing = {"edu_type": "m.typing", "content": {"room_id": "\0", "user_id": forger.person.id, "typing": True}}
    answers = await forger.send(good, poison, edus=[presence, receipt, typing])
    assert answers[forger.id_of(good)] == {}
    assert "beside it" in await texts(alice, room)
    follower = forger.event({"msgtype": "m.text", "body": "after it"}, prev_events=[forger.id_of(poison)])
    forger.evil.node.serving.missing_events = _serves(poison)  # type: ignore[method-assign]
    forger.evil.node.serving.backfill = _serves(poison)  # type: ignore[method-assign]
    await forger.send(follower)
    async with asyncio.timeout(20):  # it waits for a past that nobody can give, and nothing fails
        while not any("waits for its past" in record.message for record in caplog.records):
            await asyncio.sleep(0.05)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    await alice.say(room, "the room goes on")


def _serves(pdu: dict[str, Any]) -> Any:
    async def serve(*_: Any) -> list[bytes]:
        return [json.dumps(pdu).encode()]

    return serve
