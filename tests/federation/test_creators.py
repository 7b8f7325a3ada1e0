"""Who has made a room is a member like others once it has members: nobody else writes their membership."""

from __future__ import annotations

import secrets

import pytest

from chappe.homeserver.rooms.create_event import Draft, pdu_of
from chappe.matrix.events import seal
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger, scene, texts
from tests.federation.test_rooms import agree, hears
from tests.support import segment

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
        first = (create.event_id, {"sha256": create.event_id}) if live.version.event_id_format == "chosen" else create.event_id
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


def first_join(forger: Forger, creator: str, cites_levels: bool) -> dict[str, object]:
    """A join of the room's creator right after the create event, written by somebody else. With `cites_levels`, and dated after all
    else, it comes last in every resolution."""
    live = forger.room
    create, levels = live.get(("m.room.create", "")), live.get(("m.room.power_levels", ""))
    assert create is not None and levels is not None
    cited = [] if live.version.id == "12" else [create.event_id]
    return forger.event(
        {"membership": "join", "displayname": "Premier ministre [Matignon]"},
        type=MEMBER,
        state_key=creator,
        prev_events=[create.event_id],
        auth_events=cited + [levels.event_id] * cites_levels,
        depth=2,
        origin_server_ts=forger.evil.node.now_ms() + 600_000,
    )


@pytest.mark.parametrize("version", ["10", "11", "12"])
@pytest.mark.parametrize("cites_levels", [False, True])
@pytest.mark.parametrize("membership", ["join", "leave"])
async def test_what_follows_such_a_join_does_not_bring_it_in(
    peer: Peer, version: str, cites_levels: bool, membership: str
) -> None:
    """An event that follows it and the room's end resolves to it, as everywhere: the state that is shown here does not."""
    alice, mallory, room, forger = await scene(peer, version)
    here, live = forger.target, forger.room
    bob = await here.person("bob")
    await bob.join(room)
    if membership == "leave":
        await alice.leave(room)
    await agree(room, here, forger.evil)
    target, key = await here.node.rooms.require(room), (MEMBER, alice.id)
    real = target.get(key)
    since = (await bob.sync())["next_batch"]
    joins = first_join(forger, alice.id, cites_levels)
    ends = [forger.id_of(joins), *live.forward_extremities]
    for body in ("built on it", "and again"):
        says = forger.event({"msgtype": "m.text", "body": body}, prev_events=ends, depth=live.depth + 1)
        assert await forger.send(joins, says) == {forger.id_of(joins): {}, forger.id_of(says): {}}
        ends = [forger.id_of(joins), forger.id_of(says)]
        await hears(bob, room, body)
        assert target.get(key) is real and real is not None and real.sender == alice.id
        await bob.say(room, f"after {body}")
    synced = await bob.sync(since=since)
    assert "Premier ministre" not in str(synced)
    shown = await bob.call("GET", f"/rooms/{segment(room)}/state/m.room.member/{segment(alice.id)}", format="event")
    assert (shown["sender"], shown["content"]["membership"]) == (alice.id, membership)
    joined = (await bob.call("GET", f"/rooms/{segment(room)}/joined_members"))["joined"]
    assert (alice.id in joined) == (membership == "join")
    assert "after and again" in await texts(bob, room)
    await bob.say(room, "the room goes on")
    await hears(bob, room, "the room goes on")
