"""A room that lets nobody in leaves nothing here, and one whose members nobody tells is nobody's list of addresses."""

from __future__ import annotations

import secrets
from typing import Any

import orjson
import pytest

from chappe.homeserver.rooms.remote import completing
from chappe.homeserver.rooms.remote.entering import MOST_SERVERS
from chappe.matrix.room_versions import require_room_version
from tests.federation import foreign as foreign_server
from tests.federation.conftest import Peer
from tests.federation.foreign import Foreign, Hall
from tests.support import Person, Refused, Server, segment, until

VICTIM = "@cabinet:matignon.example"


async def enters(bob: Person, hall: Hall) -> None:
    await bob.call("POST", f"/join/{segment(hall.room_id)}", {}, server_name=hall.of.name)


async def kept_of(server: Server) -> dict[str, int]:
    """How much is here of rooms."""
    tables = ("rooms", "events", "auth_events", "auth_bases", "state_packs", "memberships", "partial_rooms")
    return {table: await server.node.database.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


@pytest.mark.parametrize("cites", ["what does not let anybody in", "what nobody sends"])
async def test_a_join_that_is_refused_leaves_nothing(peer: Peer, foreign: Foreign, cites: str) -> None:
    here, hall = await peer(), Hall(foreign, 50)
    bob = await here.person("bob")
    hall.lets_in(bob.id)
    cited = hall.ground[:2] if cites == "what does not let anybody in" else ["$nobody"]
    join = hall.event("m.room.member", bob.id, {"membership": "join"}, cited, state_key=bob.id)
    foreign.answers["/make_join/"] = orjson.dumps({"room_version": "11", "event": join})
    before = await kept_of(here)
    with pytest.raises(Refused) as refused:
        await enters(bob, hall)
    assert refused.value.status == (403 if cites == "what does not let anybody in" else 502)
    assert await kept_of(here) == before


async def test_a_room_that_lets_nobody_in_invents_nobody(peer: Peer, foreign: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its maker names somebody of a third server as its creator, which version 10 lets them do, with a name of its choice."""
    monkeypatch.setattr(foreign_server, "VERSION", require_room_version("10"))
    here = await peer()
    bob, database = await here.person("bob"), here.node.database
    hall = Hall.__new__(Hall)
    hall.of, hall.room_id, hall.owner = foreign, f"!{secrets.token_hex(8)}:{foreign.name}", f"@owner:{foreign.name}"
    hall._depth, hall.state, hall.last = 0, [], ""
    create = hall._state("m.room.create", "", hall.owner, {"room_version": "10", "creator": VICTIM}, [])
    named = {"membership": "join", "displayname": "Premier ministre", "avatar_url": f"mxc://{foreign.name}/x"}
    hall._state("m.room.member", VICTIM, hall.owner, named, [create])
    join = hall.event("m.room.member", bob.id, {"membership": "join"}, [create], state_key=bob.id)
    foreign.answers["/make_join/"] = orjson.dumps({"room_version": "10", "event": join})
    foreign.answers["/send_join/"] = orjson.dumps({"state": hall.state, "auth_chain": [], "origin": foreign.name})
    with pytest.raises(Refused) as refused:
        await enters(bob, hall)
    assert refused.value.status == 403
    for table in ("user_directory", "memberships"):
        assert await database.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", VICTIM) == 0, table


async def test_who_is_named_to_be_in_a_room_gets_little_and_not_for_long(
    peer: Peer, foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that lets one in names thousands, and never tells who is there."""
    monkeypatch.setattr(completing, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(completing, "LONGEST_WAIT", 0.1)
    here = await peer()
    bob = await here.person("bob")
    hall = Hall(foreign, 3)
    hall.lets_in(bob.id)
    named = [f"127.1.{n // 250}.{n % 250}:1" for n in range(5000)]  # nobody answers, at once
    answer: dict[str, Any] = {"state": hall.state[:4], "auth_chain": [], "origin": foreign.name}
    answer |= {"members_omitted": True, "servers_in_room": named}
    foreign.answers["/send_join/"] = orjson.dumps(answer)
    monkeypatch.setattr(completing, "BELIEVED_FOR", 10**9)
    await enters(bob, hall)
    room = await here.node.rooms.require(hall.room_id)
    assert room.is_partial and len(here.node.rooms.servers.others(room)) == MOST_SERVERS
    monkeypatch.setattr(completing, "BELIEVED_FOR", 1)

    async def few() -> bool:
        room = await here.node.rooms.require(hall.room_id)
        return room.is_partial and here.node.rooms.servers.others(room) == {foreign.name}

    await until(few)
