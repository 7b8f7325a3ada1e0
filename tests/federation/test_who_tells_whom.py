"""What the server that lets another one in must send it, and what it does for it (server-server API, "Joining Rooms";
joins-v2.yaml, `auth_chain`)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from chappe.matrix.events import event_id_of, references, seal
from chappe.matrix.room_versions import ROOM_VERSIONS, RoomVersion
from tests.federation.conftest import Peer
from tests.federation.test_rooms import enter, hears, members
from tests.support import Person, Server, segment, until

V1, V2 = "/_matrix/federation/v1", "/_matrix/federation/v2"


async def join_by_hand(
    person: Person, room: str, through: Server, prev: Sequence[str] = (), **query: str
) -> tuple[Any, Any, RoomVersion]:
    """(the join, the answer of send_join, the room's version). `prev`: the events that it follows, instead of those of its template."""
    node, own, to = person.server.node, person.server.config.server_name, through.config.server_name
    path = f"{V1}/make_join/{segment(room)}/{segment(person.id)}"
    answer = await node.federation_client.get(own, to, path, {"ver": list(ROOM_VERSIONS)})
    version, pdu = ROOM_VERSIONS[answer["room_version"]], answer["event"]
    if not version.event_ids_are_hashes:
        pdu["event_id"] = f"${secrets.token_hex(8)}:{own}"
    pdu["prev_events"] = prev or pdu["prev_events"]
    event_id = seal(pdu, version, own, node.domains.signing_key(own))
    path = f"{V2}/send_join/{segment(room)}/{segment(event_id)}"
    answer = await node.federation_client.request(own, to, "PUT", path, content=pdu, query=query or None)
    return pdu, answer, version


def ids(events: Iterable[Any], version: RoomVersion) -> set[str]:
    return {event_id_of(event, version) for event in events}


def cited(events: Iterable[Any], version: RoomVersion) -> set[str]:
    return {event_id for event in events for event_id in references(event, "auth_events", version)}


@pytest.mark.parametrize("version", list(ROOM_VERSIONS))
async def test_auth_chains_are_complete(peer: Peer, version: str) -> None:
    """Events of the state that others cite are in the chain too, unless the asker said `omit_members`."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await here.person("bob")
    carol, dora = await there.person("carol"), await there.person("dora")
    room = await alice.create_room(
        preset="public_chat", room_version=version, power_level_content_override={"state_default": 0}
    )
    await bob.join(room)
    for text in ("first", "second"):
        await bob.set_state(room, "m.room.topic", {"topic": text})
    join, whole, of = await join_by_hand(carol, room, here)
    chain = ids(whole["auth_chain"], of)
    assert chain >= cited([join, *whole["state"], *whole["auth_chain"]], of)
    assert ids([e for e in whole["state"] if e["type"] == "m.room.member" and e["sender"] == bob.id], of) <= chain

    async def ask(path: str) -> Any:
        names = there.config.server_name, here.config.server_name
        return await there.node.federation_client.get(*names, f"{V1}/{path}")

    event_id = segment(event_id_of(join, of))
    state = await ask(f"state/{segment(room)}?event_id={event_id}")
    assert ids(state["auth_chain"], of) >= cited([*state["pdus"], *state["auth_chain"]], of)
    by_id = await ask(f"state_ids/{segment(room)}?event_id={event_id}")
    assert set(by_id["auth_chain_ids"]) == ids(state["auth_chain"], of)
    assert set(by_id["pdu_ids"]) == ids(state["pdus"], of)
    auth = await ask(f"event_auth/{segment(room)}/{event_id}")
    assert ids(auth["auth_chain"], of) >= cited([join, *auth["auth_chain"]], of)
    kinds = {e["type"]: event_id_of(e, of) for e in whole["state"] if e["type"] in ("m.room.create", "m.room.power_levels")}
    (creator,) = (event_id_of(e, of) for e in whole["state"] if e["type"] == "m.room.member" and e["state_key"] == alice.id)
    creation = kinds["m.room.create"]
    assert creation in ids(whole["auth_chain"], of) & ids(auth["auth_chain"], of) & set(by_id["auth_chain_ids"])
    for event, chain in ((creation, set()), (creator, {creation}), (kinds["m.room.power_levels"], {creation, creator})):
        assert ids((await ask(f"event_auth/{segment(room)}/{segment(event)}"))["auth_chain"], of) == chain
    join, brief, of = await join_by_hand(dora, room, here, omit_members="true")
    known = ids([*brief["auth_chain"], *brief["state"]], of)
    assert known >= cited([join, *brief["state"], *brief["auth_chain"]], of)
    assert not ids(brief["auth_chain"], of) & ids(brief["state"], of), "nothing twice, where it is no news"


def sent_by(server: Server) -> list[Any]:
    """The events that a server sends in transactions from now on."""
    found: list[Any] = []
    client = server.node.federation_client
    ask = client.request

    async def note(*arguments: Any, content: Any = None, **options: Any) -> Any:
        found.extend((content or {}).get("pdus", ()))
        return await ask(*arguments, content=content, **options)

    client.request = note  # type: ignore[method-assign]
    return found


def joins(events: Iterable[Any]) -> list[str]:
    return [e["state_key"] for e in events if e["type"] == "m.room.member" and e["content"]["membership"] == "join"]


async def test_who_lets_one_in_tells_the_others(peer: Peer) -> None:
    """A join that another server has sent into the room is not sent once more; one that was written here is."""
    here, there, third = await peer(), await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await third.person("carol")
    dora = await there.person("dora")
    room = await alice.create_room(preset="public_chat")
    await enter(carol, room, here)
    sent = sent_by(there)
    await enter(bob, room, here)
    await bob.say(room, "I am here")
    for person in (alice, carol):
        await hears(person, room, "I am here")
    assert joins(sent) == []
    await dora.join(room)
    await dora.say(room, "so am I")
    for person in (alice, carol):
        await hears(person, room, "so am I")
    assert set(joins(sent)) == {dora.id}
    sent.clear()
    await bob.leave(room)
    await dora.leave(room)

    async def gone() -> bool:
        return {(await members(alice, room)).get(p.id) for p in (bob, dora)} == {"leave"}

    await until(gone)
    await enter(dora, room, here)  # again: nobody of there was in it any more
    await dora.say(room, "back again")
    for person in (alice, carol):
        await hears(person, room, "back again")
    assert joins(sent) == []


async def test_a_join_that_another_server_has_vouched_for_is_its_to_tell(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await there.person("carol")
    club = await alice.create_room(preset="public_chat")
    rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": club}]}
    room = await alice.create_room(
        invite=[bob.id],
        power_level_content_override={"invite": 50},
        initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": rule}],
    )
    await enter(bob, room, here)
    await enter(carol, club, here)
    sent = sent_by(there)
    await enter(carol, room, here)  # nobody of there may let her in
    await carol.say(room, "let in by alice")
    await hears(alice, room, "let in by alice")
    assert joins(sent) == []
