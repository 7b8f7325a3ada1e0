"""What other servers are shown: rooms that have them, people they may meet, and no event that the rules refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from chappe.agency.app import AgencyServer
from chappe.agency.organisations import Organisation
from chappe.config import Agency
from chappe.homeserver.app.routes import routes_of_node
from chappe.homeserver.http.router import SERVER_AUTH
from chappe.homeserver.outbound.federation.client import PeerRefused
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger
from tests.federation.test_hostile import scene as hostile_scene
from tests.federation.test_rooms import agree, enter, hears
from tests.process import free_port
from tests.readers import V1, V3
from tests.support import Person, Server, segment

FEDERATION = "/_matrix/federation/v1"
GUESTS = "127.0.0.1"  # the host of the guests' server


async def ask(asker: Server, of: Server, path: str, content: Any = None, **query: str) -> Any:
    """As another server asks; None where it is told that there is nothing for it."""
    method = "GET" if content is None else "POST"
    path += "?" + urlencode(query) if query else ""
    try:
        return await asker.node.federation_client.request(
            asker.config.server_name, of.config.server_name, method, path, content=content
        )
    except PeerRefused as error:
        assert error.peer_status in (401, 403, 404), error
        return None


class World:
    alice: Person  # of the ministry, with a device that she calls something
    forum: str
    walled: str  # a forum that the denied server may have no part in
    shared: str  # where a guest of the guests' server is invited
    ministry: Server
    askers: dict[str, Server]


@pytest.fixture
async def world(peer: Peer) -> World:
    w, port = World(), free_port()
    agency = Agency(enabled=True, guest_domains=[f"{GUESTS}:{port}"])
    w.ministry = await peer(agency=agency)
    w.askers = {"partner": await peer(), "guests": await peer(host=GUESTS, port=port)}
    w.alice = await w.ministry.person("alice")
    await w.alice.call("PUT", f"/devices/{w.alice.device}", {"display_name": "Alice's phone"})
    named = {f"{kind}:{w.alice.device}": "A" * 43 for kind in ("curve25519", "ed25519")}
    await w.alice.call(
        "POST",
        "/keys/upload",
        {
            "device_keys": {
                "user_id": w.alice.id,
                "device_id": w.alice.device,
                "algorithms": [],
                "keys": named,
                "signatures": {w.alice.id: {f"ed25519:{w.alice.device}": "A" * 86}},
            }
        },
    )
    forum = {"preset": "public_chat", "visibility": "public"}
    w.forum = await w.alice.create_room(name="Forum", room_alias_name="forum", **forum)
    w.walled = await w.alice.create_room(name="Walled", room_alias_name="walled", **forum)
    acl = {"allow": ["*"], "deny": ["localhost"], "allow_ip_literals": True}
    await w.alice.set_state(w.walled, "m.room.server_acl", acl)
    open_ = [{"type": "im.vector.room.access_rules", "content": {"rule": "unrestricted"}}]
    w.shared = await w.alice.create_room(name="Shared", initial_state=open_)
    return w


async def seen_by(w: World, name: str) -> dict[str, Any]:
    asker, here = w.askers[name], w.ministry

    async def ask_here(path: str, content: Any = None, **query: str) -> Any:
        return await ask(asker, here, path, content, **query)

    listed = [await ask_here(f"{FEDERATION}/publicRooms"), await ask_here(f"{FEDERATION}/publicRooms", {})]
    keys = await ask_here(f"{FEDERATION}/user/keys/query", {"device_keys": {w.alice.id: []}})
    assert not any(answer.get("total_room_count_estimate") for answer in listed), "it would count what is hidden"
    return {
        "lists": [sorted(room["name"] for room in answer["chunk"]) for answer in listed],
        "spaces": [
            await ask_here(f"{FEDERATION}/hierarchy/{segment(room)}") is not None for room in (w.forum, w.walled, w.shared)
        ],
        "aliases": [
            await ask_here(f"{FEDERATION}/query/directory", room_alias=f"#{alias}:{here.config.server_name}") is not None
            for alias in ("forum", "walled")
        ],
        "profile": await ask_here(f"{FEDERATION}/query/profile", user_id=w.alice.id) is not None,
        "devices": await ask_here(f"{FEDERATION}/user/devices/{segment(w.alice.id)}"),
        "keys": keys["device_keys"],
        "agents": await ask_here("/_chappe/federation/v1/agents") is not None,
    }


async def test_what_other_servers_find(world: World) -> None:
    partner, guests = await seen_by(world, "partner"), await seen_by(world, "guests")
    # all servers of agents are called localhost: the walled room has none of them
    assert partner["lists"] == [["Forum"]] * 2 and partner["spaces"] == [True, False, False]
    assert partner["aliases"] == [True, False] and partner["profile"]
    for text in (json.dumps(partner["devices"]), json.dumps(partner["keys"])):
        assert "curve25519" in text and "phone" not in text, "what one calls one's devices stays here"
    assert guests["lists"] == [[]] * 2 and guests["spaces"] == [False] * 3 and guests["aliases"] == [False] * 2
    assert partner["agents"] and not guests["agents"]
    assert not guests["profile"] and guests["devices"] is None and guests["keys"] == {}
    gaston = await world.askers["guests"].person("gaston")
    await world.alice.invite(world.shared, gaston)
    invited = await seen_by(world, "guests")
    assert invited["spaces"] == [False, False, True] and invited["profile"] and invited["keys"] != {}
    assert invited["lists"] == [[]] * 2


async def test_who_is_invited_is_told_to_the_server_where_they_would_sign_up(world: World) -> None:
    assert isinstance(world.ministry.node, AgencyServer) and world.ministry.node.agency is not None
    guests = world.askers["guests"]
    home = guests.config.server_name
    await world.ministry.node.agency.organisations.add(Organisation("guests", "Externe", home, True, ["*"]))
    path = "/_matrix/identity/api/v1/internal-info"
    asked = {"medium": "email", "address": "journalist@press.example"}
    assert await ask(guests, world.ministry, path, **asked) == {"hs": home, "requires_invite": True, "invited": False}
    assert "invited" not in await ask(world.askers["partner"], world.ministry, path, **asked)


async def test_messages_to_devices_from_other_servers_reach_acquaintances(world: World) -> None:
    """A stranger's request to verify does not arrive; one of somebody who is invited to a common room does."""
    partner, guest = [await world.askers[name].person(name) for name in ("partner", "guests")]
    bob = await world.ministry.person("bob")
    open_ = [{"type": "im.vector.room.access_rules", "content": {"rule": "unrestricted"}}]
    await bob.invite(await bob.create_room(name="Of Bob and the guest", initial_state=open_), guest)
    for person in (world.alice, bob):
        await person.sync()

    async def send(sender: Person, kind: str, n: int, *to: Person) -> None:
        body = {"messages": {person.id: {"*": {"n": n}} for person in to}}
        await sender.call("PUT", f"/sendToDevice/{kind}/{n}", body)

    async def arrived(at: Person, n: int) -> list[int]:
        """Up to what was sent last, which reaches them."""
        found: list[int] = []
        while n not in found:
            events = (await at.sync(timeout=10_000)).get("to_device", {}).get("events", [])
            found += [event["content"]["n"] for event in events]
        return found

    await send(partner, "m.key.verification.request", 1, world.alice)
    await send(partner, "m.room.encrypted", 2, world.alice)
    assert await arrived(world.alice, 2) == [2]
    await send(guest, "m.room.encrypted", 3, world.alice, bob)
    assert await arrived(bob, 3) == [3], "it was taken in before Alice invites"
    await world.alice.invite(world.shared, guest)
    await send(guest, "m.key.verification.request", 4, world.alice)
    assert await arrived(world.alice, 4) == [4]


# ------------------------------------------------------------------------------------------------------ one event


NEVER = "$" + "A" * 43  # the id of no event
NOTHING = [404, 404, 404, 404, 200, 404]  # of `asked_of`: whoever may redact does so, too, where there is no such event here


async def asked_of(alice: Person, room: str, event: str) -> list[int]:
    """How every door for one event answers a member who may redact."""
    name = segment(event)
    doors = [
        ("GET", f"{V3}/rooms/{segment(room)}/event/{name}", None),
        ("GET", f"{V3}/rooms/{segment(room)}/context/{name}", None),
        ("GET", f"{V1}/rooms/{segment(room)}/relations/{name}", None),
        ("GET", f"{V3}/events/{name}", None),
        ("PUT", f"{V3}/rooms/{segment(room)}/redact/{name}/1", {}),
        ("POST", f"{V3}/rooms/{segment(room)}/report/{name}", {}),
    ]
    return [(await alice.server.raw(method, path, body, alice.token))[0] for method, path, body in doors]


async def served_to(forger: Forger, event: str) -> list[bool]:
    """Whether another server in the room gets an event, and the state at it."""
    room = segment(forger.room.room_id)
    return [
        await ask(forger.evil, forger.target, path, **query) is not None
        for path, query in (
            (f"{FEDERATION}/event/{segment(event)}", {}),
            (f"{FEDERATION}/state/{room}", {"event_id": event}),
            (f"{FEDERATION}/state_ids/{room}", {"event_id": event}),
        )
    ]


async def test_what_the_rules_refused_is_nothing_to_anybody(peer: Peer) -> None:
    alice, _, room, forger = await hostile_scene(peer)
    sent = await alice.say(room, "hello")
    refused_ = forger.event({"topic": "evil"}, type="m.room.topic", state_key="")
    await forger.send(refused_)
    event = forger.id_of(refused_)
    known = await alice.server.node.database.fetchval("SELECT status FROM events WHERE event_id = $1", event)
    assert known == 2, "it is here, rejected"
    assert await asked_of(alice, room, event) == NOTHING == await asked_of(alice, room, NEVER)
    assert await served_to(forger, event) == [False] * 3
    await alice.receipt(room, event)
    receipts = "SELECT count(*) FROM receipts WHERE event_id = $1"
    assert await alice.server.node.database.fetchval(receipts, event) == 0
    assert await asked_of(alice, room, sent) == [200] * 6, "the control"
    assert await served_to(forger, sent) == [True] * 3


async def test_what_came_too_late_is_shown_to_nobody(peer: Peer) -> None:
    alice, mallory, room, forger = await hostile_scene(peer)
    late = forger.event({"msgtype": "m.text", "body": "after all"})
    await alice.act("kick", room, mallory)
    await forger.send(late)
    event = forger.id_of(late)
    known = await alice.server.node.database.fetchval("SELECT status FROM events WHERE event_id = $1", event)
    assert known == 3, "it is here, soft-failed"
    assert await asked_of(alice, room, event) == NOTHING


async def test_the_state_with_which_a_server_came_in_is_shown(peer: Peer) -> None:
    """Only cited, and in no timeline here: but it is the room's present state."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat", name="Salle")
    first = await alice.set_state(room, "m.room.topic", {"topic": "first"})
    second = await alice.set_state(room, "m.room.topic", {"topic": "second"})
    await enter(bob, room, here)
    await agree(room, here, there)
    status, raw, _ = await there.raw("GET", f"{V3}/rooms/{segment(room)}/event/{segment(second)}", token=bob.token)
    assert status == 200 and json.loads(raw)["content"] == {"topic": "second"}
    assert (await there.raw("GET", f"{V3}/rooms/{segment(room)}/event/{segment(first)}", token=bob.token))[0] in (200, 404)


async def test_a_room_that_another_server_calls_plain_again_is_shown_as_encrypted(peer: Peer) -> None:
    alice, mallory, room, forger = await hostile_scene(
        peer, initial_state=[{"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}]
    )
    levels = await alice.state(room, "m.room.power_levels")
    await alice.set_state(room, "m.room.power_levels", {**levels, "users": {**levels["users"], mallory.id: 100}})
    await agree(room, forger.target, forger.evil)
    emptied = forger.event({"algorithm": ""}, type="m.room.encryption", state_key="")
    await forger.send(emptied)
    assert await alice.state(room, "m.room.encryption") == {"algorithm": ""}, "the rules of the room allow it"
    summary = await alice.call("GET", f"{V1}/room_summary/{segment(room)}")
    assert summary["encryption"] == "m.megolm.v1.aes-sha2"
    row = "SELECT s.encryption FROM room_summaries s JOIN rooms r USING (room_nid) WHERE r.room_id = $1"
    assert await alice.server.node.database.fetchval(row, room) == "m.megolm.v1.aes-sha2"
    upgraded = (await alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "11"}))["replacement_room"]
    assert await alice.state(upgraded, "m.room.encryption") == {"algorithm": "m.megolm.v1.aes-sha2"}


# every question that another server may ask, and where it is held to what the asker may see
ASKED = {
    "/_matrix/federation/v1/publicRooms": "test_what_other_servers_find",
    "/_matrix/federation/v1/hierarchy/{roomId}": "test_what_other_servers_find",
    "/_matrix/federation/v1/query/directory": "test_what_other_servers_find",
    "/_matrix/federation/v1/query/profile": "test_what_other_servers_find",
    "/_matrix/federation/v1/user/devices/{userId}": "test_what_other_servers_find",
    "/_matrix/federation/v1/user/keys/query": "test_what_other_servers_find",
    "/_matrix/federation/v1/user/keys/claim": "test_what_other_servers_find",
    "/_matrix/federation/unstable/fr.chappe/user_directory/search": "tests/federation/test_people.py",
    "/_matrix/identity/api/v1/internal-info": "test_who_is_invited_is_told_to_the_server_where_they_would_sign_up",
    "/_chappe/federation/v1/agents": "test_what_other_servers_find",
    "/_matrix/federation/v1/event/{eventId}": "test_what_the_rules_refused_is_nothing_to_anybody",
    "/_matrix/federation/v1/state/{roomId}": "test_what_the_rules_refused_is_nothing_to_anybody",
    "/_matrix/federation/v1/state_ids/{roomId}": "test_what_the_rules_refused_is_nothing_to_anybody",
    "/_matrix/federation/v1/timestamp_to_event/{roomId}": "test_the_nearest_event_is_one_that_the_server_may_see",
    **dict.fromkeys(
        (
            "/_matrix/federation/v1/rtc/livekit/get_token",
            "/_matrix/federation/unstable/io.element.msc4195/rtc/livekit/get_token",
        ),
        "tests/federation/test_calls.py",
    ),
    **dict.fromkeys(
        (
            "/_matrix/federation/v1/backfill/{roomId}",
            "/_matrix/federation/v1/event_auth/{roomId}/{eventId}",
            "/_matrix/federation/v1/get_missing_events/{roomId}",
            "/_matrix/federation/v1/make_join/{roomId}/{userId}",
            "/_matrix/federation/v1/make_knock/{roomId}/{userId}",
            "/_matrix/federation/v1/make_leave/{roomId}/{userId}",
        ),
        "tests/federation/test_hostile.py",
    ),
    **dict.fromkeys(
        ("/_matrix/federation/v1/media/download/{mediaId}", "/_matrix/federation/v1/media/thumbnail/{mediaId}"),
        "tests/federation/test_everything_else.py",
    ),
}


async def test_every_question_of_servers_is_known(world: World) -> None:
    routes = routes_of_node(world.ministry.node)
    asked = {r.endpoint.path for r in routes if r.endpoint.auth == SERVER_AUTH and r.endpoint.method in ("GET", "POST")}
    assert asked <= ASKED.keys(), "say where it is held to what the asking server may see"


async def test_the_nearest_event_is_one_that_the_server_may_see(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    rule = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    room = await alice.create_room(preset="public_chat", initial_state=[rule])
    hidden = await alice.say(room, "before")
    await enter(bob, room, here)
    seen = await alice.say(room, "after")
    ts = (await alice.call("GET", f"/rooms/{segment(room)}/event/{segment(hidden)}"))["origin_server_ts"]
    path = f"{FEDERATION}/timestamp_to_event/{segment(room)}"
    answer = await ask(there, here, path, ts=str(ts), dir="f")
    assert answer["event_id"] != hidden
    assert (await ask(there, here, path, ts=str(answer["origin_server_ts"] + 60_000), dir="b"))["event_id"] == seen


async def test_what_a_server_may_see_is_looked_up_once(peer: Peer) -> None:
    """However many states and members there are, and whatever their events are padded with."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    rule = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    room = await alice.create_room(preset="public_chat", initial_state=[rule])
    await enter(bob, room, here)
    path, name = f"/rooms/{segment(room)}/state/m.room.member/{segment(bob.id)}", "\\u0000 \\" + "x" * 200
    for number in range(12):
        await bob.call("PUT", path, {"membership": "join", "displayname": f"{number}{name}", "org.example": "\0"})
    last = await bob.say(room, "last")
    await hears(alice, room, "last")
    database, door = here.node.database, f"{FEDERATION}/backfill/{segment(room)}"
    costs, read = [], list[str]()
    fetch = database.fetch

    async def counted(query: str, *arguments: Any) -> Any:
        read.append(query)
        return await fetch(query, *arguments)

    database.fetch = counted  # type: ignore[method-assign]
    for _ in range(2):
        read.clear()
        answer = await ask(there, here, door, v=last, limit="10")
        assert len(answer["pdus"]) == 10 and all("displayname" in str(pdu["content"]) for pdu in answer["pdus"][1:])
        costs.append(sum("AS word" in query for query in read))
        assert not any("SELECT nid, json" in query for query in read), "no event is read for a word of it"
    assert costs[0] <= 2 and costs[1] == 0, "a statement for the rules and one for the members, and none once they are known"
