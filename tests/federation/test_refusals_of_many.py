"""Several servers are asked to let somebody in: who is refused hears the refusal that says most, whoever answered last."""

from __future__ import annotations

import pytest

from chappe.homeserver.outbound.federation.client import PeerRefused, PeerUnreachable
from chappe.homeserver.rooms.remote.handshakes import most_telling
from chappe.matrix.errors import Forbidden, MatrixError
from tests.federation.conftest import Peer
from tests.federation.foreign import Foreign
from tests.support import refused, segment

# what says more of the room before what says less
IN_ORDER: list[MatrixError] = [
    PeerRefused("a.example", 403, "M_FORBIDDEN", "You are banned"),
    PeerRefused("a.example", 400, "M_INCOMPATIBLE_ROOM_VERSION", "Your server lacks the room's version"),
    PeerRefused("a.example", 429, "M_LIMIT_EXCEEDED", "Later"),
    PeerRefused("a.example", 404, "M_NOT_FOUND", "Unknown room"),
    PeerRefused("a.example", 500, "M_UNKNOWN", "A fault"),
    PeerRefused("a.example", 403, None, "a proxy's page"),
    PeerUnreachable("a.example", "no connection"),
]


@pytest.mark.parametrize("more", range(len(IN_ORDER) - 1))
def test_what_says_more_is_told_whichever_came_first(more: int) -> None:
    said = IN_ORDER[more]
    for less in IN_ORDER[more + 1 :]:
        assert most_telling([said, less]) is said and most_telling([less, said]) is said


def test_of_two_that_say_as_much_the_first_is_told() -> None:
    first, second = (PeerRefused(f"{name}.example", 403, "M_FORBIDDEN", "no") for name in "ab")
    assert most_telling([first, second]) is first


def test_what_was_found_here_counts_like_what_another_server_found() -> None:
    found, elsewhere = Forbidden("The room's own rules do not let you in"), PeerRefused("a.example", 404, "M_NOT_FOUND", "?")
    assert most_telling([elsewhere, found]) is found


@pytest.mark.parametrize("way", ["join", "knock"])
@pytest.mark.parametrize("resident_is", ["first", "last"])
async def test_who_is_banned_hears_so_though_another_server_does_not_know_the_room(
    peer: Peer, foreign: Foreign, way: str, resident_is: str
) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    if way == "knock":
        await alice.set_state(room, "m.room.join_rules", {"join_rule": "knock"})
    await alice.call("POST", f"/rooms/{segment(room)}/ban", {"user_id": bob.id})
    asked = [here.config.server_name, foreign.name]
    asked = asked if resident_is == "first" else asked[::-1]
    answer = await refused(bob.call("POST", f"/{way}/{segment(room)}", {}, via=asked))
    assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN")
