"""Who has made a room is a member like others once it has members: nobody else writes their membership."""

from __future__ import annotations

import secrets

import pytest

from chappe.homeserver.matrix.events import seal
from chappe.homeserver.rooms.create_event import Draft, pdu_of
from tests.federation.conftest import Peer
from tests.federation.test_hostile import scene, texts
from tests.federation.test_rooms import agree, hears

MEMBER = "m.room.member"


@pytest.mark.parametrize("version", ["1", "6", "10", "11", "12"])
async def test_nobody_joins_for_the_creator(peer: Peer, version: str) -> None:
    """The first event after the create event may be a join of its creator, by whomever it is sent ("Authorization rules", 5):
    as the room is now, such a one is soft-failed."""
    alice, mallory, room, forger = await scene(peer, version)
    here, evil, live = forger.target, forger.evil, forger.room
    bob = await here.person("bob")
    await bob.join(room)
    target, key = await here.node.rooms.require(room), (MEMBER, alice.id)
    name, create = evil.config.server_name, live.get(("m.room.create", ""))
    assert create is not None
    for membership in ("join", "leave"):
        if membership == "leave":
            await alice.leave(room)
        await agree(room, here, evil)
        real = target.get(key)
        content = {"membership": "join", "displayname": "Premier ministre [Matignon]"}
        draft = Draft(MEMBER, mallory.id, content, alice.id)
        pdu = pdu_of(live, draft, evil.node.now_ms() + 5000, secrets.token_hex(8))
        first = (
            (create.event_id, {"sha256": create.event_id})
            if live.version.event_id_format == "chosen"
            else create.event_id
        )
        cited = [list(first) if isinstance(first, tuple) else first]
        pdu.update(prev_events=cited, auth_events=[] if version == "12" else cited, depth=2)
        event_id = seal(pdu, live.version, name, evil.node.domains.signing_key(name))
        assert await forger.send(pdu) == {event_id: {}}
        status = await here.node.database.fetchval("SELECT status FROM events WHERE event_id = $1", event_id)
        assert status == 3, "soft-failed"
        now = target.get(key)
        assert now is real and now is not None and (now.sender, now.membership) == (alice.id, membership)
    await bob.say(room, "among ourselves")
    await hears(mallory, room, "among ourselves")
    assert "among ourselves" not in await texts(alice, room)
