"""Each hosted domain may have boundaries of its own: one talks to everybody, its neighbour in the same house to nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chappe.config import Boundary, Federation
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import PeerRefused
from chappe.matrix.identifiers import UserId
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger
from tests.federation.test_rooms import agree, enter, hears
from tests.support import PASSWORD, Person, Server, joined, refused, segment, until

DEFENCE = "defence.example"


def test_what_each_domain_allows() -> None:
    settings = Federation(
        mode="listed",
        allowed=["*.gouv.example"],
        domains={DEFENCE: Boundary("closed"), "culture.example": Boundary("listed", ["museum.example"])},
    )
    lines = Boundaries(settings)
    table = {
        ("a.gouv.example", "town.example"): True,
        ("museum.example", "town.example"): False,
        ("a.gouv.example", DEFENCE): False,
        ("museum.example", DEFENCE): False,
        ("museum.example", "culture.example"): True,
        ("a.gouv.example", "culture.example"): False,
        ("museum.example", None): True,
        ("a.gouv.example", None): True,
        ("other.example", None): False,
    }
    assert {key: lines.allows(*key) for key in table} == table
    assert not lines.is_alone and Boundaries(Federation(domains={DEFENCE: Boundary("closed")})).is_alone
    assert lines.speaker([DEFENCE, "town.example", "culture.example"], "museum.example") == "culture.example"
    assert lines.may_share_room("a.gouv.example", "town.example") and not lines.may_share_room("a.gouv.example", DEFENCE)
    assert Boundaries(Federation(mode="closed")).may_share_room("museum.example", "town.example"), (
        "all alike: nobody is kept apart"
    )


def second(server: Server) -> str:
    """The other domain that the house is known by."""
    return server.config.server_name.replace("localhost", "127.0.0.1")


async def house(peer: Peer, first: Any, of_second: Any) -> tuple[Server, Person, Person]:
    """A server of two domains: Alice's, and Dora's with a boundary of its own."""

    def federation(port: int) -> Federation:
        lines = {f"127.0.0.1:{port}": Boundary(of_second)}
        return Federation(mode=first, allow_private_addresses=True, domains=lines)

    here = await peer("localhost", "127.0.0.1", federation=federation)
    await here.node.domains.add(second(here))
    await here.node.accounts.register(UserId(f"@dora:{second(here)}"), PASSWORD)
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": f"@dora:{second(here)}"}}
    _, raw, _ = await here.raw("POST", "/_matrix/client/v3/login", {**body, "password": PASSWORD})
    return here, await here.person("alice"), Person(here, json.loads(raw))


async def test_closed_and_open_under_one_roof(peer: Peer) -> None:
    (here, alice, dora), there = await house(peer, "open", "closed"), await peer()
    bob = await there.person("bob")
    shared = await alice.create_room(preset="public_chat")
    await enter(bob, shared, here)
    assert (await refused(dora.join(shared))).status == 403, "a room where a stranger is"
    assert (await refused(alice.invite(shared, dora))).status == 403
    inner = await alice.create_room(preset="public_chat")
    await dora.join(inner)
    await dora.say(inner, "among ourselves")
    assert (await refused(enter(bob, inner, here))).status == 403, "a room where somebody of the closed domain is"
    assert (await refused(alice.invite(inner, bob))).status == 403
    theirs = await bob.create_room(preset="public_chat")
    assert (await refused(enter(dora, theirs, there))).status == 403
    assert (await refused(bob.invite(theirs, dora))).status == 403
    assert (await refused(bob.call("GET", f"/profile/{segment(dora.id)}"))).status in (403, 502)
    await enter(alice, theirs, there)
    await alice.say(theirs, "we are open")
    await hears(bob, theirs, "we are open")
    await agree(theirs, here, there)


async def test_what_the_second_domain_says_passes_even_if_the_first_is_closed(peer: Peer) -> None:
    """Requests, events, receipts and messages to devices go out in the name of a domain that may talk."""
    there = await peer()
    here, alice, dora = await house(peer, "closed", "open")
    bob = await there.person("bob")
    room = await bob.create_room(preset="public_chat", name="Joint staff")
    public = await dora.call("POST", "/publicRooms", {"limit": 5}, server=there.config.server_name)
    assert public["chunk"] == []
    await enter(dora, room, there)
    first = await bob.say(room, "welcome")
    await hears(dora, room, "welcome")
    await dora.receipt(room, first)

    async def read() -> bool:
        return dora.id in str(joined(await bob.sync(), room))

    await until(read)
    await dora.say(room, "at your orders")
    await hears(bob, room, "at your orders")
    assert (await refused(alice.join(room))).status == 403


async def test_the_boundary_is_that_of_whom_it_concerns(peer: Peer) -> None:
    """What is sent to the open domain reaches neither its closed neighbour's people nor the rooms that they are in."""
    (here, alice, dora), there = await house(peer, "open", "open"), await peer()
    bob = await there.person("bob")
    shared, free = [await alice.create_room(preset="public_chat") for _ in range(2)]
    for room in (shared, free):
        await enter(bob, room, here)
    await dora.join(shared)
    den = await dora.create_room(preset="public_chat", room_alias_name="den")
    await alice.join(den)
    await dora.leave(den)
    said = {room: await alice.say(room, "said before") for room in (shared, free)}
    for room in (shared, free):
        await agree(room, here, there)
    here.node.boundaries._of_domain[second(here)] = Boundaries(Federation(mode="closed"))._default
    forgers = {room: Forger(there, await there.node.rooms.require(room), bob, here) for room in (shared, free)}
    letter = {person.id: {"*": {"hello": "from beyond"}} for person in (alice, dora)}
    edus: list[dict[str, Any]] = [
        {
            "edu_type": "m.direct_to_device",
            "content": {"sender": bob.id, "type": "m.room.encrypted", "message_id": "m1", "messages": letter},
        }
    ]
    for room, event in said.items():
        receipt = {room: {"m.read": {bob.id: {"event_ids": [event], "data": {"ts": 1}}}}}
        typing = {"room_id": room, "user_id": bob.id, "typing": True}
        edus += [{"edu_type": "m.receipt", "content": receipt}, {"edu_type": "m.typing", "content": typing}]
    pdus = {room: forger.event({"msgtype": "m.text", "body": "from beyond"}) for room, forger in forgers.items()}
    results = await forgers[free].send(*pdus.values(), edus=edus)
    assert results[forgers[free].id_of(pdus[free])] == {} and "error" in results[forgers[shared].id_of(pdus[shared])]
    alices, doras = await alice.call("GET", "/sync"), await dora.call("GET", "/sync")
    assert "from beyond" in str(alices["to_device"]) and "from beyond" not in str(doras)
    told = {room: str(alices["rooms"]["join"][room]) for room in said}
    for word in ("from beyond", "m.receipt", "m.typing"):
        assert word in told[free] and word not in told[shared], word
    for asked, status in ((here.config.server_name, 404), (second(here), 403)):
        with pytest.raises(PeerRefused) as no:
            await there.node.federation_client.get(
                there.config.server_name,
                asked,
                "/_matrix/federation/v1/query/directory",
                {"room_alias": f"#den:{second(here)}"},
            )
        assert no.value.peer_status == status
