"""A redaction comes before what it redacts: a moderator redacts what is not here, and it is redacted when it comes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.federation.conftest import Peer
from tests.federation.test_late_copies import delivers
from tests.federation.test_rooms import enter, hears
from tests.support import Person, Server, refused, segment, until

SECRET = "what the moderator has heard of"
NOWHERE = "$" + "A" * 43


async def row_of(server: Server, event_id: str) -> Any:
    raw = await server.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", event_id)
    return None if raw is None else orjson.loads(raw)


async def promote(owner: Person, room: str, person: Person) -> None:
    levels = await owner.state(room, "m.room.power_levels")
    await owner.set_state(room, "m.room.power_levels", {**levels, "users": {**levels.get("users", {}), person.id: 50}})

    async def is_heard() -> bool:
        return bool((await person.state(room, "m.room.power_levels"))["users"].get(person.id) == 50)

    await until(is_heard)


@pytest.mark.parametrize("version", ["1", "10", "12"])
@pytest.mark.parametrize("is_moderator", ["before it was said", "since"])
async def test_what_is_not_here_is_redacted_by_a_moderator(peer: Peer, version: str, is_moderator: str) -> None:
    """Their power counts when they redact, not when it was said."""
    here, there, third = await peer(), await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await third.person("carol")
    room = await alice.create_room(preset="public_chat", room_version=version)
    await enter(carol, room, here)
    if is_moderator == "before it was said":
        await enter(bob, room, here)
        await promote(alice, room, bob)
        await bob.leave(room)
        await until(lambda: _has_left(alice, room, bob))
    said = await alice.say(room, SECRET)
    await hears(carol, room, SECRET)
    true = await row_of(third, said)
    await enter(bob, room, here)
    if is_moderator == "since":
        assert (await refused(bob.redact(room, said))).status == 404, "it might be anybody's"
        await promote(alice, room, bob)
    assert await row_of(there, said) is None
    redaction = await bob.redact(room, said)

    async def is_redacted(person: Person) -> bool:
        shown = await person.call("GET", f"/rooms/{segment(room)}/event/{segment(said)}")
        return shown["content"] == {} and bool(shown["unsigned"]["redacted_because"]["event_id"] == redaction)

    await until(lambda: is_redacted(alice))
    await delivers(third, there, 1, true)
    assert (await row_of(there, said))["content"] == {}
    assert SECRET not in str(await there.node.database.fetch("SELECT convert_from(json, 'UTF8') AS json FROM events"))


async def _has_left(reader: Person, room: str, person: Person) -> bool:
    members = (await reader.call("GET", f"/rooms/{segment(room)}/members", membership="leave"))["chunk"]
    return person.id in {event["state_key"] for event in members}


async def test_what_no_event_can_be_is_not_redacted(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    alone, other, room = [await alice.create_room(preset="public_chat") for _ in range(3)]
    elsewhere = await alice.say(other, "of another room")
    assert (await refused(alice.redact(alone, NOWHERE))).status == 404, "nobody else has anything of this room"
    await enter(bob, room, here)
    for event_id in (elsewhere, "$short", f"{NOWHERE}:{here.config.server_name}"):
        assert (await refused(alice.redact(room, event_id))).status == 404, event_id
    assert (await refused(bob.redact(room, NOWHERE))).status == 404
    first = await alice.call("PUT", f"/rooms/{segment(room)}/redact/{segment(NOWHERE)}/one", {})
    assert await alice.call("PUT", f"/rooms/{segment(room)}/redact/{segment(NOWHERE)}/one", {}) == first, "sent again"
    held = await here.node.database.fetch("SELECT target, redaction FROM held_redactions")
    assert [tuple(row) for row in held] == [(NOWHERE, first["event_id"])]
    await here.node.accounts.set_state(alice.id, suspended=True)
    assert (await refused(alice.redact(room, "$" + "B" * 43))).status == 404, "who is suspended redacts their own only"
