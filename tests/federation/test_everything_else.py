"""What crosses servers beside events, with a Chappe and with Synapse on the other side."""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_asyncio

from chappe.homeserver.modules.spaces.spaces import MOST_QUESTIONS
from chappe.homeserver.rooms.create_event import Draft, pdu_of
from chappe.matrix.events import seal
from chappe.matrix.room_versions import require_room_version
from tests.federation.conftest import Peer
from tests.federation.test_hostile import scene
from tests.federation.test_rooms import enter, hears, members
from tests.federation.test_synapse import name
from tests.homeserver.test_encryption import cross_key
from tests.support import Person, Refused, joined, segment, until

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003860180"
    "5a347f6b0000000049454e44ae426082"
)


@pytest.fixture(params=["chappe", pytest.param("synapse", marks=pytest.mark.xdist_group("synapse"))])
def synapse_or_none(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("synapse") if request.param == "synapse" else None


@pytest_asyncio.fixture
async def neighbour(synapse_or_none: Any, peer: Peer) -> Any:
    return synapse_or_none or await peer()


async def pair(peer: Peer, neighbour: Any, **room: Any) -> tuple[Person, Person, str]:
    """Somebody of ours and somebody of the neighbour's, in one room of ours."""
    here = await peer()
    alice, bob = await here.person("alice"), await neighbour.person(name("bob"))
    room_id = await alice.create_room(preset="public_chat", **room)
    await enter(bob, room_id, here)
    await bob.say(room_id, "here I am")
    await hears(alice, room_id, "here I am")
    return alice, bob, room_id


def device_keys(person: Person, key: str) -> dict[str, Any]:
    """Keys in the right form. Nobody checks these signatures but devices."""
    return {
        "user_id": person.id,
        "device_id": person.device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": {f"curve25519:{person.device}": key, f"ed25519:{person.device}": key},
        "signatures": {person.id: {f"ed25519:{person.device}": "signed"}},
    }


async def test_devices_and_keys(peer: Peer, neighbour: Any) -> None:
    alice, bob, _ = await pair(peer, neighbour)
    await alice.sync()
    await bob.sync()
    for one, other in ((alice, bob), (bob, alice)):
        one_time = {"signed_curve25519:AAAA": {"key": "abc", "signatures": {}}}
        await one.call("POST", "/keys/upload", {"device_keys": device_keys(one, "first"), "one_time_keys": one_time})

        async def is_known(one: Person = one, other: Person = other) -> bool:
            answer = await other.call("POST", "/keys/query", {"device_keys": {one.id: []}})
            found = answer["device_keys"].get(one.id, {}).get(one.device)
            return found is not None and "first" in found["keys"].values()

        await until(is_known)
        claim = {"one_time_keys": {one.id: {one.device: "signed_curve25519"}}}
        claimed = (await other.call("POST", "/keys/claim", claim))["one_time_keys"]
        assert claimed[one.id][one.device]["signed_curve25519:AAAA"]["key"] == "abc"
    since = (await alice.sync())["next_batch"]
    other_device = (await bob.another_device("SECOND")) if hasattr(neighbour, "node") else None
    if other_device is not None:
        await other_device.call("POST", "/keys/upload", {"device_keys": device_keys(other_device, "second")})

        async def told() -> bool:
            return bob.id in (await alice.sync(since=since)).get("device_lists", {}).get("changed", [])

        await until(told)
        answer = await alice.call("POST", "/keys/query", {"device_keys": {bob.id: []}})
        assert set(answer["device_keys"][bob.id]) == {bob.device, "SECOND"}


async def test_messages_to_devices(peer: Peer, neighbour: Any) -> None:
    alice, bob, _ = await pair(peer, neighbour)
    for one, other in ((alice, bob), (bob, alice)):
        for number in range(3):
            messages = {other.id: {other.device: {"n": number}}}
            await one.call("PUT", f"/sendToDevice/org.example/{name('t')}", {"messages": messages})
        heard: list[int] = []

        async def look(other: Person = other, heard: list[int] = heard) -> bool:
            for event in (await other.sync()).get("to_device", {}).get("events", []):
                if event["type"] == "org.example":
                    heard.append(event["content"]["n"])
            return len(heard) >= 3

        await until(look)
        assert heard == [0, 1, 2]


async def test_a_receipt_comes_with_the_event_that_it_names(peer: Peer) -> None:
    alice, mallory, room, forger = await scene(peer)
    said = forger.event({"msgtype": "m.text", "body": "read by who said it"})
    read = {"m.read": {mallory.id: {"event_ids": [forger.id_of(said)], "data": {"ts": 1}}}}
    await forger.send(said, edus=[{"edu_type": "m.receipt", "content": {room: read}}])
    [receipts] = joined(await alice.sync(), room)["ephemeral"]["events"]
    assert mallory.id in receipts["content"][forger.id_of(said)]["m.read"]


async def test_a_receipt_waits_for_the_event_that_it_names(peer: Peer) -> None:
    """Of the latest that somebody has read, and as long as they are in the room."""
    alice, mallory, room, forger = await scene(peer)
    said = [forger.event({"msgtype": "m.text", "body": f"read before it came: {n}"}) for n in range(2)]
    first, second = map(forger.id_of, said)

    def read(event_id: str) -> dict[str, Any]:
        receipt = {"m.read": {mallory.id: {"event_ids": [event_id], "data": {"ts": 1}}}}
        return {"edu_type": "m.receipt", "content": {room: receipt}}

    await forger.send(edus=[read("$never"), read(first), read(second)])
    await alice.sync()
    for pdu, expected in zip(said, (set(), {second}), strict=True):
        await forger.send(pdu)

        async def look(expected: set[str] = expected, last: str = forger.id_of(pdu)) -> bool:
            answer = joined(await alice.call("GET", "/sync"), room)
            has_come = last in [event["event_id"] for event in answer["timeline"]["events"]]
            named = {name for event in answer["ephemeral"]["events"] for name in event["content"]}
            return has_come and named == expected

        await until(look)


async def test_receipts_and_typing(peer: Peer, neighbour: Any) -> None:
    alice, bob, room = await pair(peer, neighbour)
    for one, other in ((alice, bob), (bob, alice)):
        said = await other.say(room, f"read this, {one.id}")
        await hears(one, room, f"read this, {one.id}")
        await one.call("POST", f"/rooms/{segment(room)}/receipt/m.read/{segment(said)}", {})
        seen = {"read": False, "typing": False}

        async def look(one: Person = one, other: Person = other, said: str = said, seen: dict[str, bool] = seen) -> bool:
            if not seen["typing"]:
                await one.call("PUT", f"/rooms/{segment(room)}/typing/{segment(one.id)}", {"typing": True, "timeout": 20000})
            answer = await other.sync()
            for event in joined(answer, room)["ephemeral"]["events"] if room in answer.get("rooms", {}).get("join", {}) else ():
                if event["type"] == "m.receipt" and one.id in event["content"].get(said, {}).get("m.read", {}):
                    seen["read"] = True
                if event["type"] == "m.typing" and one.id in event["content"]["user_ids"]:
                    seen["typing"] = True
            return all(seen.values())

        await until(look)


async def test_files(peer: Peer, neighbour: Any) -> None:
    alice, bob, _ = await pair(peer, neighbour)
    for one, other in ((alice, bob), (bob, alice)):
        status, raw, _ = await one.server.raw(
            "POST", "/_matrix/media/v3/upload?filename=d%C3%A9cret.png", PNG, one.token, {"Content-Type": "image/png"}
        )
        assert status == 200
        path = json.loads(raw)["content_uri"].removeprefix("mxc://")
        for _ in range(2):
            status, content, headers = await other.server.raw(
                "GET", f"/_matrix/client/v1/media/download/{path}", token=other.token
            )
            assert (status, content, headers["Content-Type"]) == (200, PNG, "image/png"), content[:300]
        query = "width=32&height=32&method=scale"
        status, content, _ = await other.server.raw(
            "GET", f"/_matrix/client/v1/media/thumbnail/{path}?{query}", token=other.token
        )
        assert status == 200 and content.startswith((b"\x89PNG", b"\xff\xd8", b"RIFF"))
    status, _, _ = await alice.server.raw(
        "GET", f"/_matrix/client/v1/media/download/{neighbour.config.server_name}/nothing", token=alice.token
    )
    assert status == 404


async def test_profiles_aliases_and_directories(peer: Peer, neighbour: Any) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await neighbour.person(name("bob"))
    ours, theirs = here.config.server_name, neighbour.config.server_name
    hall = name("hall")
    for one, own in ((alice, ours), (bob, theirs)):
        await one.call("PUT", f"/profile/{segment(one.id)}/displayname", {"displayname": f"The {one.id[1:6]}"})
        await one.create_room(preset="public_chat", visibility="public", room_alias_name=hall, name=f"Hall {hall} of {own}")
    for one, other, far in ((alice, bob, theirs), (bob, alice, ours)):
        profile = await one.call("GET", f"/profile/{segment(other.id)}")
        assert profile["displayname"] == f"The {other.id[1:6]}"
        alias = f"#{hall}:{far}"
        found = await one.call("GET", f"/directory/room/{segment(alias)}")
        assert far in found["servers"]
        listed = await one.call("POST", f"/publicRooms?server={segment(far)}", {"filter": {"generic_search_term": hall}})
        assert [r["room_id"] for r in listed["chunk"]] == [found["room_id"]]
        assert (await one.call("POST", f"/join/{segment(alias)}", {}))["room_id"] == found["room_id"]
        await one.say(found["room_id"], "through the alias")
        await hears(other, found["room_id"], "through the alias")
    with pytest.raises(Refused) as refused:
        await alice.call("GET", f"/directory/room/{segment('#nothing:' + theirs)}")
    assert (refused.value.status, refused.value.errcode) == (404, "M_NOT_FOUND")


async def test_a_space_asks_others_so_much_and_no_more(peer: Peer) -> None:
    here, far = await peer(), await peer()
    alice, bob = await here.person("alice"), await here.person("bob")
    space = await alice.create_room(preset="public_chat", creation_content={"type": "m.space"})
    there = far.config.server_name
    await alice.set_state(space, "m.space.child", {"via": [there, 1]}, f"!strange:{there}")
    for number in range(MOST_QUESTIONS + 10):
        await alice.set_state(space, "m.space.child", {"via": [there]}, f"!n{number}:{there}")
    asked, count = [], far.node.metrics.request

    def request(method: str, template: str, status: int, seconds: float) -> None:
        asked.append(template)
        count(method, template, status, seconds)

    far.node.metrics.request = request  # type: ignore[method-assign]
    found = await bob.call("GET", f"/_matrix/client/v1/rooms/{segment(space)}/hierarchy", limit=200)
    assert [room["room_id"] for room in found["rooms"]] == [space]
    assert sum("hierarchy" in template for template in asked) == MOST_QUESTIONS


async def test_spaces(peer: Peer, neighbour: Any) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await neighbour.person(name("bob"))
    for one, other, own in ((alice, bob, here), (bob, alice, neighbour)):
        space = await one.create_room(preset="public_chat", name="Space", creation_content={"type": "m.space"})
        names = {}
        for title, preset in (("open", "public_chat"), ("closed", "private_chat")):
            names[title] = child = await one.create_room(preset=preset, name=title)
            await one.set_state(space, "m.space.child", {"via": [own.config.server_name]}, child)
        path = f"/_matrix/client/v1/rooms/{segment(space)}/hierarchy"
        with_via = {"via": own.config.server_name}
        if other is alice:
            rooms = (await other.call("GET", path, **with_via))["rooms"]
            assert [r["name"] for r in rooms] == ["Space", "open"]
        await enter(other, space, own)
        rooms = (await other.call("GET", path))["rooms"]
        assert {r["name"] for r in rooms} == {"Space", "open"}


async def test_restricted_rooms(peer: Peer, neighbour: Any) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await neighbour.person(name("bob"))
    for one, other, own in ((alice, bob, here), (bob, alice, neighbour)):
        space = await one.create_room(preset="public_chat", creation_content={"type": "m.space"})
        rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
        room = await one.create_room(
            preset="private_chat", initial_state=[{"type": "m.room.join_rules", "content": rule}], room_version="10"
        )
        with pytest.raises(Refused) as refused:
            await enter(other, room, own)
        assert refused.value.status in (403, 502)
        await enter(other, space, own)
        await enter(other, room, own)
        await other.say(room, "let in")
        await hears(one, room, "let in")


async def test_thumbnails_for_servers_that_ask_for_them(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice = await here.person("alice")
    status, raw, _ = await here.raw("POST", "/_matrix/media/v3/upload", PNG, alice.token, {"Content-Type": "image/png"})
    assert status == 200
    media_id = json.loads(raw)["content_uri"].rsplit("/", 1)[1]
    path = f"/_matrix/federation/v1/media/thumbnail/{media_id}?width=32&height=32&method=scale&animated=false"

    async def use(answer: Any) -> tuple[int, str, bytes]:
        return answer.status, answer.content_type, await answer.read()

    own, to = there.config.server_name, here.config.server_name
    status, kind, body = await there.node.federation_client.stream(own, to, path, use)
    assert (status, kind) == (200, "multipart/mixed") and b"Content-Type: image/" in body and b"{}" in body
    path = path.replace(media_id, "nothing")
    assert (await there.node.federation_client.stream(own, to, path, use))[0] == 404


async def test_invitations_in_the_form_of_old(peer: Peer) -> None:
    """Servers that know only the first form of invitations, in rooms of the first versions."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room_id = await bob.create_room(room_version="1", name="Antiquity")
    room = await there.node.rooms.require(room_id)
    draft = Draft("m.room.member", bob.id, {"membership": "invite"}, alice.id)
    pdu = pdu_of(room, draft, there.node.now_ms(), "old")
    own, to = there.config.server_name, here.config.server_name
    event_id = seal(pdu, room.version, own, there.node.domains.signing_key(own))
    shown = [{"type": "m.room.name", "state_key": "", "sender": bob.id, "content": {"name": "Antiquity"}}]
    path = f"/_matrix/federation/v1/invite/{segment(room_id)}/{segment(event_id)}"
    body = {**pdu, "unsigned": {"invite_room_state": shown}}
    status, answer = await there.node.federation_client.request(own, to, "PUT", path, content=body)
    assert status == 200 and set(answer["event"]["signatures"]) == {own, to}
    invited = (await alice.sync())["rooms"]["invite"][room_id]["invite_state"]["events"]
    assert "Antiquity" in [e["content"].get("name") for e in invited]


@pytest.mark.parametrize("version", ["1", "11"])
async def test_entering_and_leaving_in_the_form_of_old(peer: Peer, version: str) -> None:
    """Server-server API 1.17, `PUT /v1/send_join`, `/v1/send_leave`: "[200, {…}]". Removed in 1.18; older servers ask."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room_id = await alice.create_room(preset="public_chat", room_version=version)
    rules = require_room_version(version)
    own, to = there.config.server_name, here.config.server_name
    client, key = there.node.federation_client, there.node.domains.signing_key(own)

    async def shake(kind: str) -> Any:
        made = await client.get(
            own, to, f"/_matrix/federation/v1/make_{kind}/{segment(room_id)}/{segment(bob.id)}", {"ver": version}
        )
        event_id = seal(made["event"], rules, own, key)
        path = f"/_matrix/federation/v1/send_{kind}/{segment(room_id)}/{segment(event_id)}"
        return await client.request(own, to, "PUT", path, content=made["event"])

    status, entered = await shake("join")
    assert status == 200 and entered["origin"] == to
    assert {"m.room.create", "m.room.power_levels"} <= {event["type"] for event in entered["state"]}
    assert type(entered["auth_chain"]) is list
    assert (await members(alice, room_id))[bob.id] == "join"
    assert await shake("leave") == [200, {}]
    assert (await members(alice, room_id))[bob.id] == "leave"


async def test_keys_that_sign_are_told_as_they_are(peer: Peer, neighbour: Any) -> None:
    """Who resets their identity is seen with the new one at once, whoever asks."""
    alice, bob, _ = await pair(peer, neighbour)
    sent: list[str] = []
    client = alice.server.node.federation_client
    ask = client.request

    async def note(*arguments: Any, content: Any = None, **options: Any) -> Any:
        sent.extend(edu["edu_type"] for edu in (content or {}).get("edus", ()))
        return await ask(*arguments, content=content, **options)

    client.request = note  # type: ignore[method-assign]
    await bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
    for public in ("Rk9PQkFSRk9PQkFSRk9PQkFSRk9PQkFSRk9PQkFSMDA", "QkFSRk9PQkFSRk9PQkFSRk9PQkFSRk9PQkFSRk9PMDE"):
        master = cross_key(alice, "master", public)
        await alice.server.node.database.execute("DELETE FROM cross_signing_keys")  # a reset, without its ceremony
        await alice.call("POST", "/keys/device_signing/upload", {"master_key": master})

        async def is_known(public: str = public) -> bool:
            answer = await bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}})
            keys = answer.get("master_keys", {}).get(alice.id, {}).get("keys", {})
            return bool(list(keys.values()) == [public])

        await until(is_known)
    assert "m.signing_key_update" in sent and "m.device_list_update" in sent
