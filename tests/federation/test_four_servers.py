"""A play of four servers, three Chappes and a Synapse, in every family of room versions: what people of different houses do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.federation.conftest import Peer
from tests.federation.synapse import Synapse
from tests.federation.test_everything_else import PNG
from tests.federation.test_rooms import VERSIONS, agree, enter, hears, members
from tests.federation.test_synapse import name
from tests.support import Person, Refused, segment, until

pytestmark = pytest.mark.xdist_group("synapse")


async def all_hear(room: str, text: str, *people: Person) -> None:
    for person in people:
        await hears(person, room, text)


async def is_member(person: Person, room: str, who: Person, membership: str) -> None:
    async def look() -> bool:
        return (await members(person, room)).get(who.id) == membership

    await until(look)


async def sees_event(person: Person, room: str, event_id: str) -> dict[str, Any]:
    async def look() -> Any:
        try:
            return await person.call("GET", f"/rooms/{segment(room)}/event/{segment(event_id)}")
        except Refused:
            return None

    return await until(look)  # type: ignore[no-any-return]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_day_of_four_houses(peer: Peer, synapse: Synapse, version: str) -> None:
    culture, health, interior = await peer(), await peer(), await peer()
    clara, henri, ines = await culture.person("clara"), await health.person("henri"), await interior.person("ines")
    samir = await synapse.person(name("samir"))
    everybody = [clara, henri, ines, samir]

    # Clara opens a room; each comes in another way: by its address, through somebody who came before, invited.
    alias = f"day-{version}"
    room = await clara.create_room(
        preset="public_chat", room_version=version, name="Crisis", room_alias_name=alias, visibility="public"
    )
    await henri.call("POST", f"/join/{segment(f'#{alias}:{culture.config.server_name}')}", {})
    await enter(samir, room, health)
    await clara.invite(room, ines)
    await ines.join(room)
    for person in everybody:
        await person.say(room, f"{person.id} is here")
        await all_hear(room, f"{person.id} is here", *everybody)
    await agree(room, culture, health, interior)

    # Everybody finds the room in the directory of the house that lists it.
    for person in (henri, samir):
        found = await person.call("POST", "/publicRooms", {"limit": 50}, server=culture.config.server_name)
        assert room in [entry["room_id"] for entry in found["chunk"]]

    # A call is offered, answered and hung up: its signalling is events like others, in their order.
    # (In a closed room: Synapse lets nobody ring a public one.)
    talk = await clara.create_room(preset="private_chat", room_version=version, invite=[samir.id, ines.id])
    await samir.join(talk)
    await ines.join(talk)
    call = {"call_id": "c1", "party_id": "p1", "version": "1"}
    offer = {"type": "offer", "sdp": "v=0"}
    rung = await clara.send(talk, "m.call.invite", {**call, "lifetime": 60_000, "offer": offer, "invitee": samir.id})
    assert (await sees_event(samir, talk, rung))["content"]["offer"] == offer
    answer = await samir.send(talk, "m.call.answer", {**call, "party_id": "p2", "answer": {"type": "answer", "sdp": "v=0"}})
    assert (await sees_event(clara, talk, answer))["type"] == "m.call.answer"
    for candidate in range(3):
        await clara.send(talk, "m.call.candidates", {**call, "candidates": [{"candidate": str(candidate)}]})
    last = await clara.send(talk, "m.call.hangup", {**call, "reason": "user_hangup"})
    await sees_event(samir, talk, last)
    signals = [e["type"] for e in (await samir.messages(talk, limit=6))["chunk"]]
    assert signals == ["m.call.hangup", *["m.call.candidates"] * 3, "m.call.answer", "m.call.invite"]
    member = {"memberships": [{"application": "m.call", "call_id": "", "device_id": ines.device}]}
    levels = await clara.state(talk, "m.room.power_levels")
    levels["events"]["org.matrix.msc3401.call.member"] = 0
    await clara.set_state(talk, "m.room.power_levels", levels)

    async def ines_may() -> bool:
        return "org.matrix.msc3401.call.member" in (await ines.state(talk, "m.room.power_levels"))["events"]

    await until(ines_may)
    await ines.set_state(talk, "org.matrix.msc3401.call.member", member, ines.id)

    async def samir_sees_her_in_the_call() -> bool:
        try:
            return bool(await samir.state(talk, "org.matrix.msc3401.call.member", ines.id) == member)
        except Refused:
            return False

    await until(samir_sees_her_in_the_call)

    # A file of one house is fetched by the others.
    for owner, reader in ((henri, samir), (samir, henri), (ines, clara)):
        status, raw, _ = await owner.server.raw(
            "POST", "/_matrix/media/v3/upload", PNG, owner.token, {"Content-Type": "image/png"}
        )
        assert status == 200
        path = json.loads(raw)["content_uri"].removeprefix("mxc://")
        status, got, _ = await reader.server.raw("GET", f"/_matrix/client/v1/media/download/{path}", None, reader.token)
        assert (status, got) == (200, PNG)

    # What is written by mistake is deleted everywhere.
    wrong = await samir.say(room, "a mistake")
    await all_hear(room, "a mistake", clara, henri, ines)
    await clara.redact(room, wrong, "not for here")

    async def is_deleted() -> bool:
        return all([(await sees_event(person, room, wrong))["content"] == {} for person in (henri, samir)])

    await until(is_deleted)

    # Somebody is removed, somebody is banned, somebody leaves: all houses know.
    await clara.act("kick", room, ines)
    await is_member(samir, room, ines, "leave")
    await clara.act("ban", room, henri)
    await is_member(samir, room, henri, "ban")
    with pytest.raises(Refused):
        await enter(henri, room, culture)
    await clara.act("unban", room, henri)
    await is_member(samir, room, henri, "leave")
    await enter(henri, room, culture)
    await enter(ines, room, culture)
    await is_member(samir, room, ines, "join")  # else his house would not tell hers
    await samir.leave(room)
    await is_member(ines, room, samir, "leave")
    await clara.say(room, "good night")
    await all_hear(room, "good night", clara, henri, ines)
    await agree(room, culture, health, interior)


@pytest.mark.parametrize("version", ["10", "11", "12"])
async def test_doors_that_open_for_some(peer: Peer, synapse: Synapse, version: str) -> None:
    """Knocking, and rooms whose door is open to the members of another, across the same four."""
    culture, health = await peer(), await peer()
    clara, henri, samir = (await culture.person("clara"), await health.person("henri"), await synapse.person(name("samir")))
    for host, house, guests in ((clara, culture, (henri, samir)), (samir, synapse, (henri, clara))):
        hall = await host.create_room(preset="public_chat", room_version=version, name="Hall")
        rules = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": hall}]}
        office = await host.create_room(
            room_version=version,
            name="Office",
            initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": rules}],
        )
        closed = await host.create_room(
            room_version=version,
            name="Study",
            initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}],
        )
        for guest in guests:
            with pytest.raises(Refused):
                await enter(guest, office, house)  # type: ignore[arg-type]
            await enter(guest, hall, house)  # type: ignore[arg-type]
            await enter(guest, office, house)  # type: ignore[arg-type]
            await guest.say(office, f"{guest.id} was let in")
            await hears(host, office, f"{guest.id} was let in")
            await guest.call("POST", f"/knock/{segment(closed)}", {"reason": "please"}, via=house.config.server_name)
            await is_member(host, closed, guest, "knock")
            await host.invite(closed, guest)

            async def is_invited(guest: Person = guest, closed: str = closed) -> bool:
                return closed in (await guest.call("GET", "/sync"))["rooms"].get("invite", {})

            await until(is_invited)
            await guest.join(closed)
            await guest.say(closed, f"{guest.id} came in")
            await hears(host, closed, f"{guest.id} came in")
