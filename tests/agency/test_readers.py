"""What each kind of reader is shown by every listing of a ministry's server: directories need a token, guests see what they are in."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest_asyncio

from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS, account, agency
from tests.homeserver.test_readers import shown
from tests.readers import V1, V3, World, a_world, table, without_a_row
from tests.support import Person, Server, segment

# what nobody needs a token for tells of no person and no room
OPEN_TO_ALL = ("/_matrix/identity/api/v1/info",)


@pytest_asyncio.fixture
async def world(ministry: Server, alice: Person, gaston: Person) -> World:
    stranger, person = [await account(ministry, name) for name in ("stranger", "person")]
    return await a_world(ministry, alice, stranger, gaston, person)


async def test_nobody_sees_anything_and_a_guest_what_they_are_in(world: World) -> None:
    rows = await table(world)
    for (method, path), seen in rows.items():
        assert seen["nobody"] <= seen["guest"] <= seen["person"], (method, path)
        assert path in OPEN_TO_ALL or seen["nobody"] == set(), (method, path)
        told = shown(seen["guest"])
        assert not {
            mark for mark in told if mark.split()[0] in ("forum", "window", "private", "space", "stranger", "device")
        }, (method, path)
    seen_by_person = {listing: shown(seen["person"]) for listing, seen in rows.items()}
    assert {"forum title", "forum subject"} <= seen_by_person["GET", f"{V3}/publicRooms"]
    assert "stranger" in seen_by_person["POST", f"{V3}/user_directory/search"]
    assert "device" in seen_by_person["POST", f"{V3}/keys/query"]
    assert {"forum", "shared"} <= seen_by_person["GET", f"{V3}/directory/room/{{roomAlias}}"]
    for listing in (
        ("GET", f"{V1}/room_summary/{{roomIdOrAlias}}"),
        ("GET", f"{V3}/rooms/{{roomId}}/messages"),
        ("POST", f"{V3}/search"),
        ("GET", f"{V3}/rooms/{{roomId}}/members"),
        ("GET", f"{V3}/sync"),
        ("GET", f"{V3}/directory/room/{{roomAlias}}"),
    ):
        assert "shared" in shown(rows[listing]["guest"]), listing
    assert "invited title" in shown(rows["GET", f"{V1}/room_summary/{{roomIdOrAlias}}"]["guest"])
    assert "0 answer" in rows["GET", f"{V3}/profile/{{userId}}"]["guest"], "whom one shares a room with"


async def test_every_endpoint_of_the_layer_has_a_row(ministry: Server) -> None:
    found = without_a_row(ministry)
    assert not found, "\n".join(found)


async def test_what_is_for_servers_is_not_told_to_others(ministry: Server) -> None:
    path = "/_matrix/identity/api/v1/internal-info?medium=email&address=journalist%40press.example"
    status, raw, _ = await ministry.raw("GET", path)
    assert status == 401 and "invited" not in json.loads(raw)
    for name in ("alice", "nobody-of-this-name"):  # user names come from addresses
        status, _, _ = await ministry.raw("GET", f"/_matrix/client/v3/register/available?username={name}")
        assert status == 403, name
    assert agency(ministry).guests.is_guest_home(GUESTS)


async def test_addresses_are_looked_up_for_those_who_find_people(world: World) -> None:
    """At the identity service: agents find whoever proved an address, guests nobody."""
    await world.server.node.bind_threepid(UserId(world.stranger.id), "email", "stranger@culture.example", 1)
    found = []
    for one in (world.person, world.guest):
        openid = await one.call("POST", f"/user/{segment(one.id)}/openid/request_token", {})
        status, raw, _ = await world.server.raw("POST", "/_matrix/identity/v2/account/register", openid)
        assert status == 200, raw
        token = json.loads(raw)["token"]
        pepper = json.loads((await world.server.raw("GET", "/_matrix/identity/v2/hash_details", token=token))[1])[
            "lookup_pepper"
        ]
        digest = hashlib.sha256(f"stranger@culture.example email {pepper}".encode()).digest()
        hashed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        body = {"addresses": [hashed], "algorithm": "sha256", "pepper": pepper}
        status, raw, _ = await world.server.raw("POST", "/_matrix/identity/v2/lookup", body, token)
        assert status == 200, raw
        found.append(list(json.loads(raw)["mappings"].values()))
    assert found == [[world.stranger.id], []]


async def test_a_guest_learns_no_address_by_trying_to_come_in(world: World) -> None:
    for name in ("forum", "nowhere"):
        alias = segment(f"#{name}:localhost")
        for door in (f"{V3}/join/{alias}", f"{V3}/knock/{alias}"):
            status, raw, _ = await world.server.raw("POST", door, {}, world.guest.token)
            assert (status, json.loads(raw)["errcode"]) == (404, "M_NOT_FOUND"), door
    assert (await world.person.call("POST", f"/join/{segment('#forum:localhost')}", {}))["room_id"] == world.rooms["forum"]


async def received(person: Person) -> list[str]:
    """Types of the messages to the device, in order."""
    return [event["type"] for event in (await person.sync()).get("to_device", {}).get("events", [])]


async def test_messages_to_devices_reach_acquaintances(world: World) -> None:
    """Strangers get no request to verify or to hand over keys; between agents the keys of a history, before an invitation."""

    async def send(sender: Person, kind: str, *people: Person) -> None:
        body = {"messages": {one.id: {"*": {"n": 1}} for one in people}}
        await sender.call("PUT", f"/sendToDevice/{kind}/{kind}{sender.id[1:4]}", body)

    everybody = world.alice, world.stranger, world.guest, world.person
    for one in everybody:
        await one.sync()
    for kind in ("m.key.verification.request", "m.room.encrypted"):
        await send(world.person, kind, world.alice, world.stranger, world.guest)
        await send(world.guest, kind, world.alice, world.stranger, world.guest)
    assert await received(world.alice) == ["m.key.verification.request"] * 2 + ["m.room.encrypted"] * 2
    assert await received(world.stranger) == ["m.room.encrypted"]
    assert sorted(await received(world.guest)) == ["m.key.verification.request"] * 2 + ["m.room.encrypted"] * 2
    late = await account(world.server, "late", GUESTS)
    await late.sync()
    await world.alice.invite(world.rooms["shared"], late)
    await send(world.guest, "m.key.verification.start", late)
    assert await received(late) == ["m.key.verification.start"], "an invitation is acquaintance"
