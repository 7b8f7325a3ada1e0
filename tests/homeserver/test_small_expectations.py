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
async def test_nobody_lets_one_into_a_room_that_everybody_has_left(alice: Person, bob: Person, version: str, verb: str) -> None:
    """As Synapse, so that clients can say that the room is empty."""
    room = await alice.create_room(room_version=version)
    await alice.invite(room, bob)
    await alice.leave(room)
    r, b = segment(room), segment(bob.id)
    calls: dict[str, tuple[str, str, Any]] = {
        "join": ("POST", f"/join/{r}", {}),
        "rooms/join": ("POST", f"/rooms/{r}/join", {}),
        "state": ("PUT", f"/rooms/{r}/state/m.room.member/{b}", {"membership": "join"}),
    }
    with pytest.raises(Refused) as refused:
        await bob.call(*calls[verb])
    assert refused.value.status == 404
    await bob.leave(room)  # it can be declined


RELATIONS: list[dict[str, Any]] = [
    {"rel_type": "m.annotation", "key": "+"},
    {"rel_type": "m.thread"},
    {"rel_type": "m.replace"},
    {"rel_type": "m.reference"},
    {"rel_type": "org.example"},
]


@pytest.mark.parametrize("relation", RELATIONS)
async def test_what_is_of_another_room_is_not_related_to(alice: Person, relation: dict[str, Any]) -> None:
    room, other = await alice.create_room(), await alice.create_room()
    here, there = await alice.say(room, "here"), await alice.say(other, "there")
    kind = "m.reaction" if relation["rel_type"] == "m.annotation" else "m.room.message"
    for target, is_taken in ((here, True), ("$unknown", True), (there, False)):
        content = {"msgtype": "m.text", "body": "x", "m.relates_to": {**relation, "event_id": target}}
        try:
            await alice.send(room, kind, content)
        except Refused as refused:
            assert not is_taken and (refused.status, refused.errcode) == (400, "M_INVALID_PARAM")
        else:
            assert is_taken


async def test_what_is_of_another_room_is_not_read(alice: Person, bob: Person) -> None:
    room, other = await alice.create_room(preset="public_chat"), await alice.create_room(preset="public_chat")
    for place in (room, other):
        await bob.join(place)
    there = await alice.say(other, "there")
    await bob.receipt(room, there)
    for place in (room, other):
        assert there not in str((await alice.call("GET", "/sync"))["rooms"]["join"][place]["ephemeral"])
    with pytest.raises(Refused) as no:
        await bob.call("POST", f"/rooms/{segment(room)}/read_markers", {"m.fully_read": there})
    assert (no.value.status, no.value.errcode) == (400, "M_INVALID_PARAM")


@pytest.mark.parametrize(
    ("address", "is_taken"),
    [
        ("mxc://localhost/abc", True),
        ("https://example.org/a.png", True),
        ("", True),
        ("javascript:alert(1)", False),
        ("JavaScript:alert(1)", False),
        ("data:text/html,x", False),
        (" mxc://localhost/abc", False),
        ("abc", False),
    ],
)
async def test_where_a_picture_may_come_from(alice: Person, address: str, is_taken: bool) -> None:
    """On every way on which people say what their picture is, or a room's."""
    me, room = segment(alice.id), f"/rooms/{segment(await alice.create_room())}/state"
    begun = [{"type": "m.room.avatar", "content": {"url": address}}]
    for method, path, body in (
        ("PUT", f"/profile/{me}/avatar_url", {"avatar_url": address}),
        ("PUT", f"{room}/m.room.member/{me}", {"membership": "join", "avatar_url": address}),
        ("PUT", f"{room}/m.room.avatar", {"url": address}),
        ("POST", "/createRoom", {"initial_state": begun}),
    ):
        try:
            await alice.call(method, path, body)
        except Refused as refused:
            assert not is_taken and (refused.status, refused.errcode) == (400, "M_INVALID_PARAM"), path
        else:
            assert is_taken, path


@pytest.mark.parametrize("preset", ["public_chat", "private_chat"])
async def test_an_upgrade_carries_invitations_that_wait(alice: Person, bob: Person, carol: Person, preset: str) -> None:
    room = await alice.create_room(preset=preset, invite=[bob.id], is_direct=True)
    await alice.invite(room, carol)
    await carol.leave(room)
    answer = await alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "12"})
    new = answer["replacement_room"]
    events = (await bob.sync())["rooms"]["invite"][new]["invite_state"]["events"]
    own = next(e for e in events if e["type"] == "m.room.member" and e["state_key"] == bob.id)
    assert own["content"]["membership"] == "invite" and own["content"]["is_direct"] is True
    assert new not in (await carol.sync()).get("rooms", {}).get("invite", {}), "who has declined is asked no more"
    await bob.join(new)
