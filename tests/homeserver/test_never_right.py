"""State that no power makes right is malformed (400); what somebody else might say is forbidden (403) (room_state.yaml)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Person, refused, segment

LEVELS = "m.room.power_levels"
# by what is sent: the room's version, type, state key, content; "ME" is the room's creator, "EVE" an additional one
NEVER_RIGHT: dict[str, tuple[str, str, str, Any]] = {
    "a second creation": ("12", "m.room.create", "", {"room_version": "12", "x": 1}),
    "a second creation of old": ("10", "m.room.create", "", {"room_version": "10", "creator": "ME", "x": 1}),
    "the creator among the powers": ("12", LEVELS, "", {"users": {"ME": 100}}),
    "an additional creator among them": ("12", LEVELS, "", {"users": {"EVE": 100}}),
    "powers of nobody": ("11", LEVELS, "", {"users": {"nobody": 1}}),
    "powers of a list": ("11", LEVELS, "", {"users": []}),
    "a power in words": ("11", LEVELS, "", {"users": {"ME": "100"}}),
    "a level in words": ("11", LEVELS, "", {"users": {"ME": 100}, "ban": "50"}),
    "levels of a list": ("11", LEVELS, "", {"users": {"ME": 100}, "events": [1]}),
    "an unknown membership": ("12", "m.room.member", "EVE", {"membership": "elected"}),
    "no membership": ("12", "m.room.member", "EVE", {}),
}


def put(value: Any, names: dict[str, str]) -> Any:
    """The value, with people's ids in place of what they are called."""
    if isinstance(value, dict):
        return {names.get(k, k): put(v, names) for k, v in value.items()}
    return names.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("case", NEVER_RIGHT)
async def test_what_nobody_could_say_is_malformed(alice: Person, bob: Person, carol: Person, case: str) -> None:
    version, kind, state_key, content = NEVER_RIGHT[case]
    creators = {"creation_content": {"additional_creators": [bob.id]}} if version == "12" else {}
    room = await alice.create_room(preset="public_chat", room_version=version, **creators)
    await carol.join(room)
    names = {"ME": alice.id, "EVE": bob.id}
    path = f"/rooms/{segment(room)}/state/{kind}/{segment(put(state_key, names))}"
    answer = await refused(alice.call("PUT", path, put(content, names)))
    assert answer.status == 400 and answer.errcode in ("M_BAD_JSON", "M_INVALID_PARAM")
    if kind == LEVELS:
        answer = await refused(carol.call("PUT", path, put(content, names)))
        assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN"), "who may not say it hears so first"


async def test_a_creation_is_no_message(alice: Person) -> None:
    room = await alice.create_room()
    assert (await refused(alice.send(room, "m.room.create", {"room_version": "12"}))).status == 400


async def test_a_power_beyond_ones_own_is_forbidden(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat", power_level_content_override={"users": {bob.id: 60}})
    await bob.join(room)
    levels = await bob.state(room, LEVELS)
    answer = await refused(bob.set_state(room, LEVELS, {**levels, "users": {bob.id: 61}}))
    assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN")
