"""Small things that deployed clients expect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Person, Refused, segment

WORLD = {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}


async def test_who_is_in_a_room_that_the_world_may_read(alice: Person, bob: Person, carol: Person) -> None:
    """As Synapse: clients show a room so before one joins it."""
    for initial_state, status in (([WORLD], None), ([], 403)):
        room = await alice.create_room(preset="public_chat", initial_state=initial_state)
        await carol.join(room)
        await carol.leave(room)
        for person in (bob, carol):
            try:
                answer = await person.call("GET", f"/rooms/{segment(room)}/joined_members")
            except Refused as refused:
                assert refused.status == status
            else:
                assert status is None and set(answer["joined"]) == {alice.id}
    with pytest.raises(Refused) as refused_:
        await bob.call("GET", f"/rooms/{segment('!unknown:localhost')}/joined_members")
    assert refused_.value.status == 403


@pytest.mark.parametrize("version", ["10", "11", "12"])
@pytest.mark.parametrize("verb", ["join", "rooms/join", "state"])
async def test_nobody_lets_one_into_a_room_that_everybody_has_left(
    alice: Person, bob: Person, version: str, verb: str
) -> None:
    """As Synapse, so that clients can say that the room is empty."""
    room = await alice.create_room(room_version=version)
    await alice.invite(room, bob)
    await alice.leave(room)
    r, b = segment(room), segment(bob.id)
    calls: dict[str, tuple[str, str, Any]] = {
        "join": ("POST", f"/join/{r}", {}), "rooms/join": ("POST", f"/rooms/{r}/join", {}),
        "state": ("PUT", f"/rooms/{r}/state/m.room.member/{b}", {"membership": "join"}),
    }  # fmt: skip
    with pytest.raises(Refused) as refused:
        await bob.call(*calls[verb])
    assert refused.value.status == 404
    await bob.leave(room)  # it can be declined
