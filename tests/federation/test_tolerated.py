"""What other servers may legally send and this one would never write: numbers at their limits, user ids of the past."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chappe.matrix.identifiers import UserId
from chappe.matrix.room_versions import ROOM_VERSIONS
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger, scene, texts
from tests.federation.test_rooms import agree, enter, hears, members
from tests.support import PASSWORD, Person, Server, joined, segment, until

HISTORICAL = ("Zoë", "with space", "日本", "", "a\nb", "*")


# ------------------------------------------------------------------------------------------------------------ numbers


async def _depth_of(server: Server, event_id: str) -> int:
    return int(await server.node.database.fetchval("SELECT depth FROM events WHERE event_id = $1", event_id))


@pytest.mark.parametrize("version", ["1", "5", "6", "10", "12"])
async def test_a_room_whose_depth_is_at_its_limit_lives_on(peer: Peer, version: str) -> None:
    """Server-server API, "PDUs": "If the room's depth is already at the limit, the depth must be set to the limit"."""
    alice, mallory, room, forger = await scene(peer, version)
    limit = ROOM_VERSIONS[version].depth_limit
    deep = forger.event({"msgtype": "m.text", "body": "deep"}, depth=limit)
    assert await forger.send(deep) == {forger.id_of(deep): {}}
    said = await alice.say(room, "above it")
    assert await _depth_of(alice.server, said) == limit
    await hears(mallory, room, "above it")
    there = await peer()
    bob, carol = await there.person("bob"), await there.person("carol")
    await enter(bob, room, alice.server)  # make_join
    await bob.say(room, "still open")
    await hears(alice, room, "still open")
    await alice.invite(room, carol)

    async def invited() -> bool:
        return room in (await carol.sync()).get("rooms", {}).get("invite", {})

    await until(invited)
    await carol.leave(room)  # make_leave
    await bob.leave(room)

    async def gone() -> bool:
        return [(await members(alice, room)).get(p.id) for p in (bob, carol)] == ["leave", "leave"]

    await until(gone)


@pytest.mark.parametrize("version", ["10", "12"])
async def test_one_may_knock_at_a_room_whose_depth_is_at_its_limit(peer: Peer, version: str) -> None:
    alice, _, room, forger = await scene(peer, version)
    await forger.send(forger.event(depth=ROOM_VERSIONS[version].depth_limit))
    await alice.set_state(room, "m.room.join_rules", {"join_rule": "knock"})
    bob = await (await peer()).person("bob")
    await bob.call("POST", f"/knock/{segment(room)}", {}, via=[alice.server.config.server_name])

    async def knocks() -> bool:
        return (await members(alice, room)).get(bob.id) == "knock"

    await until(knocks)


@pytest.mark.parametrize(
    ("version", "change", "taken"),
    [
        ("1", {"depth": 2**63}, False),
        ("5", {"depth": 2**63}, False),
        ("6", {"depth": 2**53}, False),
        ("12", {"depth": 2**53}, False),
        ("1", {"origin_server_ts": 2**63}, True),
        ("4", {"origin_server_ts": 2**64 - 1}, True),
        ("5", {"origin_server_ts": -(2**63)}, True),
        ("6", {"origin_server_ts": 2**53}, False),
        ("12", {"origin_server_ts": -1}, True),
        ("5", {"content": {"body": "x", "msgtype": "m.text", "n": 2**64 - 1, "f": 1e300}}, True),
        ("12", {"content": {"body": "x", "msgtype": "m.text", "n": 2**53}}, False),
    ],
)
async def test_numbers_of_others(peer: Peer, version: str, change: dict[str, Any], taken: bool) -> None:
    """What is beyond the room version's numbers is refused, and nothing that is not is a failure here."""
    alice, mallory, room, forger = await scene(peer, version)
    content = change.pop("content", {"msgtype": "m.text", "body": "x"})
    pdu = forger.event(content, **change)
    results = list((await forger.send(pdu)).values())
    assert results == [{}] if taken else all("error" in r for r in results)
    assert await texts(alice, room) == (["x"] if taken else [])
    await alice.say(room, "after")
    await hears(mallory, room, "after")
    section = joined(await alice.sync(), room)
    assert section["timeline"]["events"][-1]["content"]["body"] == "after"


@pytest.mark.parametrize("version", ["5", "12"])
async def test_levels_at_their_limits(peer: Peer, version: str) -> None:
    """Who has no more power than everybody has by default: the old room is closed as far as numbers go."""
    here = await peer()
    alice = await here.person("alice")
    levels = {"users_default": 2**53 - 1, "state_default": 0}
    room = await alice.create_room(room_version=version, power_level_content_override=levels)
    new = (await alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "12"}))["replacement_room"]
    assert new in (await alice.call("GET", "/joined_rooms"))["joined_rooms"]
    assert (await alice.state(room, "m.room.power_levels"))["invite"] <= 2**53 - 1


# ------------------------------------------------------------------------------------------------------ sizes of names


@pytest.mark.parametrize("version", list(ROOM_VERSIONS))
@pytest.mark.parametrize("named", [{"type": "日" * 100}, {"type": "org.example", "state_key": "日" * 100}])
async def test_a_room_goes_on_after_a_name_that_is_long_in_bytes_only(peer: Peer, version: str, named: dict[str, str]) -> None:
    """Client-server API, "Size limits": 255 bytes. Until version 11 servers counted characters: such an event is rejected, as by
    Synapse, and what follows it is not. From then on it is none."""
    alice, mallory, room, forger = await scene(peer, version, power_level_content_override={"state_default": 0})
    long = forger.event({"n": 1}, **named)
    [result] = (await forger.send(long)).values()
    is_kept = int(version) <= 10
    assert ("error" not in result) == is_kept
    live = await alice.server.node.rooms.require(room)
    assert "日" * 100 not in str(list(live.state)), "it says nothing to anybody"
    assert all(e["type"] != named["type"] for e in (await alice.messages(room, limit=50))["chunk"])
    if is_kept:
        after = forger.event({"msgtype": "m.text", "body": "after it"}, prev_events=cite(forger, long))
        assert await forger.send(after) == {forger.id_of(after): {}}
        await hears(alice, room, "after it")
    [longer] = (await forger.send(forger.event({"n": 1}, type="x" * 256))).values()
    assert "error" in longer
    await alice.say(room, "and on")
    await hears(mallory, room, "and on")


async def test_what_another_server_wrote_into_a_ban_keeps_nobody_from_upgrading(peer: Peer) -> None:
    """The new room takes bans over, with the name and the picture that they say: not a picture that is no file's address."""
    alice, mallory, room, forger = await scene(peer)
    levels = await alice.state(room, "m.room.power_levels")
    await alice.set_state(room, "m.room.power_levels", {**levels, "users": {alice.id: 100, mallory.id: 50}})
    here, there = alice.server, mallory.server
    await agree(room, here, there)
    target, said = "@target:elsewhere.example", {"displayname": "T", "avatar_url": "javascript:alert(1)"}
    ban = forger.event({"membership": "ban", **said}, type="m.room.member", state_key=target)
    assert await forger.send(ban) == {forger.id_of(ban): {}}
    answer = await alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "12"})
    new = await here.node.rooms.require(answer["replacement_room"])
    assert new.state["m.room.member", target].content == {"membership": "ban", "displayname": "T"}


def cite(forger: Forger, pdu: dict[str, Any]) -> list[Any]:
    """In the form of the room's version."""
    event_id = forger.id_of(pdu)
    return [event_id] if forger.room.version.event_ids_are_hashes else [[event_id, {"sha256": ""}]]


# ----------------------------------------------------------------------------------------------------------- user ids


async def _of_old(server: Server, localpart: str) -> Person:
    """Somebody whose account is older than the rules for user names."""
    user_id = UserId(f"@{localpart}:{server.config.server_name}")
    await server.node.accounts.register(user_id, PASSWORD, display_name="Zoë")
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user_id}, "password": PASSWORD}
    status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
    assert status == 200, raw
    return Person(server, json.loads(raw))


@pytest.mark.parametrize("localpart", HISTORICAL)
async def test_people_with_ids_of_the_past_take_part(peer: Peer, localpart: str) -> None:
    """Appendices, "Historical User IDs"."""
    here, there = await peer(), await peer()
    alice, zoe = await here.person("alice"), await _of_old(there, localpart)
    assert zoe.id == f"@{localpart}:{there.config.server_name}"
    room = await alice.create_room(preset="public_chat")
    await enter(zoe, room, here)
    await zoe.say(room, "hello")
    await hears(alice, room, "hello")
    await alice.say(room, "welcome", **{"m.mentions": {"user_ids": [zoe.id]}})
    await hears(zoe, room, "welcome")
    await agree(room, here, there)
    # shown: in the timeline, among the members, by their profile
    assert [e["sender"] for e in (await alice.messages(room))["chunk"] if e.get("content", {}).get("body") == "hello"] == [
        zoe.id
    ]
    assert (await members(alice, room))[zoe.id] == "join"
    assert (await alice.call("GET", f"/profile/{segment(zoe.id)}"))["displayname"] == "Zoë"
    # given power, and using it
    levels = await alice.state(room, "m.room.power_levels")
    await alice.set_state(room, "m.room.power_levels", {**levels, "users": {**levels["users"], zoe.id: 50}})
    await agree(room, here, there)
    await zoe.set_state(room, "m.room.topic", {"topic": "hers"})
    await agree(room, here, there)
    # removed, and invited to another room, which she declines and then enters
    await alice.act("kick", room, zoe)
    await agree(room, here, there)
    private = await alice.create_room()
    for decides in ("leave", "join"):
        await alice.invite(private, zoe)
        await zoe.call("POST", f"/rooms/{segment(private)}/{decides}", {})
        expected = decides

        async def decided(expected: str = expected) -> bool:
            return (await members(alice, private)).get(zoe.id) == expected

        await until(decided)
    await agree(private, here, there)


async def test_a_third_server_gets_them_with_the_state(peer: Peer) -> None:
    here, there, third = await peer(), await peer(), await peer()
    alice, bob = await here.person("alice"), await third.person("bob")
    room = await alice.create_room(preset="public_chat")
    for localpart in HISTORICAL:
        await enter(await _of_old(there, localpart), room, here)
    await agree(room, here, there)  # else the third server is let in by one that does not know all of them yet
    await enter(bob, room, here)

    async def whole() -> bool:
        return not (await third.node.rooms.require(room)).is_partial

    await until(whole)
    await agree(room, here, there, third)
    await bob.say(room, "all of you")
    await hears(alice, room, "all of you")
    query = {"device_keys": {f"@{localpart}:{there.config.server_name}": [] for localpart in HISTORICAL}}
    answer = await bob.call("POST", "/keys/query", query)
    assert answer["failures"] == {} and answer["device_keys"].keys() == query["device_keys"].keys()


async def test_beside_events_clients_are_not_told_of_them(peer: Peer) -> None:
    """Typing, receipts, presence, changed devices: "SHOULD NOT forward such user IDs to clients"."""
    here, there = await peer(), await peer()
    alice, zoe, bob = await here.person("alice"), await _of_old(there, "Zoë"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    for person in (zoe, bob):
        await enter(person, room, here)
    said = await alice.say(room, "read this")
    await hears(bob, room, "read this")
    await alice.sync()
    for person in (zoe, bob):
        typing = f"/rooms/{segment(room)}/typing/{segment(person.id)}"
        await person.call("PUT", typing, {"typing": True, "timeout": 30_000})
        await person.receipt(room, said)

    async def told() -> list[Any]:
        events = (joined(await alice.sync(), room) or {}).get("ephemeral", {}).get("events", [])
        seen.extend(e["content"] for e in events)
        return seen if bob.id in str(seen) and said in str(seen) else []

    seen: list[Any] = []
    await until(told)
    assert zoe.id not in str(seen)


@pytest.mark.parametrize("tail", ["a b", "a\tb\nc", "{a,b}", 'a"b\\c', "é"])
async def test_an_event_id_of_a_peer_may_hold_anything(peer: Peer, tail: str) -> None:
    """Room versions 1 and 2 let servers choose their event ids: the room goes on after the strangest."""
    alice, mallory, room, forger = await scene(peer, "1")
    strange = forger.event({"msgtype": "m.text", "body": "strange"}, event_id=f"${tail}:{mallory.server.config.server_name}")
    await forger.send(strange)
    live = await alice.server.node.rooms.live.find(room)
    assert live is not None
    live.make_stale()  # as after a restart: what the database has is read
    for text in ("one", "two"):
        said = await alice.say(room, text)
        raw = await alice.server.node.database.fetchval("SELECT json FROM events WHERE event_id = $1", said)
        assert all(":" in event_id for event_id, _ in json.loads(raw)["prev_events"])
        await hears(mallory, room, text)
    await alice.set_state(room, "m.room.name", {"name": "after"})
    assert "strange" in await texts(alice, room)
